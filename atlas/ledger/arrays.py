"""Columns as PostgreSQL's arrays in their binary form, which a statement takes as they are.

What the types' receive functions expect (array_recv and its counterpart array_send), integers int32 and big-endian:

    1, 0                    one dimension, no nulls; 1, 1: perhaps some
    oid of the element type
    length, 1               of the dimension, and the index of its first element
    each element            its length in bytes, its value

The driver would look at each value for its type, of which a column has one that is known.
"""

from collections.abc import Iterable, Sequence
from struct import Struct

from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format

_HEAD = Struct(">5i")
_BIGINT_OID, _UUID_OID, _TEXT_OID, _BYTEA_OID = 20, 2950, 25, 17


class Array(bytes):
    """An array's binary form; a placeholder for it is ``%b`` and names the type."""


class _ArrayDumper(Dumper):
    """Without an oid of its own: the server takes the type that the statement names."""

    format = Format.BINARY

    def dump(self, obj: Array) -> Array:
        return obj


def take_arrays(adapters: AdaptersMap) -> None:
    """Let statements of this connection or cursor have Arrays as parameters."""
    adapters.register_dumper(Array, _ArrayDumper)


def uuid_array(values: Sequence[bytes]) -> Array:
    """An array of type uuid[]; 16 bytes each."""
    return _fixed(_UUID_OID, 16, values)


def bigint_array(values: Sequence[int]) -> Array:
    """An array of type bigint[]."""
    return _fixed(_BIGINT_OID, 8, [value.to_bytes(8, "big", signed=True) for value in values])


def hash_array(values: Sequence[bytes]) -> Array:
    """An array of type bytea[]; 32 bytes each."""
    return _fixed(_BYTEA_OID, 32, values)


def bytea_array(values: Sequence[bytes]) -> Array:
    """An array of type bytea[]."""
    return _varying(_BYTEA_OID, values)


def text_array(values: Iterable[str]) -> Array:
    """An array of type text[]."""
    return _varying(_TEXT_OID, [value.encode() for value in values])


def array_of(oid: int, count: int, elements: bytes) -> Array:
    """An array of so many ``elements`` of the type with this oid, each with its length before it, -1 for null."""
    return Array(_HEAD.pack(1, 1, oid, count, 1) + elements)


def _fixed(oid: int, width: int, values: Sequence[bytes]) -> Array:
    return Array(width.to_bytes(4, "big").join([_head(oid, values), *values]))


def _varying(oid: int, values: Sequence[bytes]) -> Array:
    fields = [field for value in values for field in (len(value).to_bytes(4, "big"), value)]
    return Array(b"".join([_head(oid, values), *fields]))


def _head(oid: int, values: Sequence[bytes]) -> bytes:
    return _HEAD.pack(1, 0, oid, len(values), 1)
