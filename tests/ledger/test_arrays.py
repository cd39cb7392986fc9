from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.array import ListBinaryDumper

from atlas.ledger.arrays import bigint_array, bytea_array, hash_array, take_arrays, text_array, uuid_array
from atlas.ledger.database import Database


def drivers(values: list[object]) -> bytes:
    """What the driver makes of a list."""
    dumper = Transformer().get_dumper(values, PyFormat.BINARY)
    assert isinstance(dumper, ListBinaryDumper)
    return bytes(dumper.dump(values) or b"")


@given(st.lists(st.binary(max_size=50), min_size=1))
def test_bytea_is_written_as_the_driver_writes_it(values: list[bytes]) -> None:
    assert bytea_array(values) == drivers([*values])


@given(st.lists(st.text(max_size=20), min_size=1))
def test_text_is_written_as_the_driver_writes_it(values: list[str]) -> None:
    assert text_array(values) == drivers([*values])


@given(st.lists(st.uuids(), min_size=1))
def test_uuids_are_written_as_the_driver_writes_them(values: list[UUID]) -> None:
    assert uuid_array([value.bytes for value in values]) == drivers([*values])


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1))
def test_hashes_are_written_as_the_driver_writes_them(values: list[bytes]) -> None:
    assert hash_array(values) == drivers([*values])


@given(st.lists(st.integers(2**40, 2**63 - 1), min_size=1))
def test_large_integers_are_written_as_the_driver_writes_them(values: list[int]) -> None:
    assert bigint_array(values) == drivers([*values])


def test_a_server_reads_what_is_written(database: Database) -> None:
    statement = "select %b::uuid[], %b::bigint[], %b::text[], %b::bytea[], %b::bytea[]"
    streams, digests = [UUID(int=1), UUID(int=2**127)], [bytes(32), bytes(range(32))]
    with database.connection() as connection, connection.cursor(binary=True) as cursor:
        take_arrays(cursor.adapters)
        row = cursor.execute(
            statement,
            (
                uuid_array([stream.bytes for stream in streams]),
                bigint_array([-1, 2**63 - 1]),
                text_array(["é", ""]),
                bytea_array([b"", b"\x00"]),
                hash_array(digests),
            ),
        ).fetchone()
    assert row == (streams, [-1, 2**63 - 1], ["é", ""], [b"", b"\x00"], digests)
