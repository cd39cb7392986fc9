"""The arguments of events as JSON: one object an event, its keys the parameters' names in ABI order.

    uint8..uint48, int8..int48   a number
    uint56..uint256, int56...    a decimal string: JSON numbers are exact up to 2**53 only
    address                      0x and 40 lower-case hexadecimal digits
    bytes, bytes1..bytes32       0x and lower-case hexadecimal digits
    bool, string                 as such
    T[], T[k]                    an array
    struct                       an object
    indexed and no single word   {"keccak256": "0x..."}: a log has only the hash of such a value

A parameter without a name, or with one that came before, is called by its place, counted from 0.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, TypeAlias

import orjson

from atlas.protocol.abi import EventType, Parameter, python_values
from atlas.protocol.abi.types import AbiType, ContentType, ListType, TupleType, WordType
from atlas.protocol.logs import ArrowArray, cells_of

ToJson: TypeAlias = Callable[[Any], object]

LARGEST_NUMBER_BITS = 48
HASH_KEY = "keccak256"


def arguments_as_json(event: EventType, columns: Sequence[ArrowArray]) -> list[str]:
    """The JSON text of each row of ``columns``, which are the event's parameters in ABI order."""
    if not columns:
        return []
    texts = [_texts(parameter, column) for parameter, column in zip(event.parameters, columns, strict=True)]
    return list(map(_template(event).__mod__, zip(*texts, strict=True)))


@cache
def keys(names: tuple[str, ...]) -> tuple[str, ...]:
    """The JSON keys of parameters with these names."""
    return tuple(name if name and name not in names[:place] else str(place) for place, name in enumerate(names))


@cache
def _template(event: EventType) -> str:
    names = keys(tuple(parameter.name for parameter in event.parameters))
    members = (orjson.dumps(name).decode().replace("%", "%%") + ":%s" for name in names)
    return f"{{{','.join(members)}}}"


def _texts(parameter: Parameter, column: ArrowArray) -> Iterable[str]:
    """The JSON text of one argument, of every row."""
    kind = parameter.kind_in_log
    if kind is not parameter.kind:
        return [f'{{"{HASH_KEY}":{text}}}' for text in _word_texts(kind, column)]
    if isinstance(kind, WordType):
        return _word_texts(kind, column)
    return [_dumps(value) for value in map(_converter(kind), python_values(kind, column))]


def _word_texts(kind: AbiType, column: ArrowArray) -> Iterable[str]:
    assert isinstance(kind, WordType)
    if kind.family in ("address", "bytes"):
        return quoted_hexadecimal(cells_of(column))
    if kind.family == "bool":
        return ["true" if value else "false" for value in column.to_pylist()]
    numbers = python_values(kind, column)
    return map(str, numbers) if kind.bits <= LARGEST_NUMBER_BITS else map('"%d"'.__mod__, numbers)


def quoted_hexadecimal(cells: Any) -> list[str]:  # noqa: ANN401
    """Each of NumPy's ``cells`` as 0x and hexadecimal digits, in quotation marks."""
    digits, size = cells.tobytes().hex(), 2 * cells.dtype.itemsize
    return [f'"0x{digits[start : start + size]}"' for start in range(0, len(digits), size)]


@cache
def _converter(kind: AbiType) -> ToJson:
    """From a value as ``python_values`` gives it, to what orjson writes."""
    match kind:
        case WordType(family="uint" | "int"):
            return int if kind.bits <= LARGEST_NUMBER_BITS else str
        case WordType(family="bool"):
            return bool
        case WordType() | ContentType(canonical="bytes"):
            return _hexadecimal
        case ContentType():
            return str
        case ListType():
            item = _converter(kind.item)
            return lambda values: [item(value) for value in values]
        case TupleType():
            members = tuple(map(_converter, kind.members))
            names = keys(kind.names)
            return lambda values: {
                name: member(value) for name, member, value in zip(names, members, values, strict=True)
            }


def _hexadecimal(value: bytes) -> str:
    return f"0x{bytes(value).hex()}"


def _dumps(value: object) -> str:
    return orjson.dumps(value).decode()
