"""The types of the Solidity contract ABI specification, as a tree.

    WordType      uint8..uint256, int8..int256, address, bool, bytes1..bytes32: one 32-byte word
    ContentType   string, bytes: a length, then so many bytes, padded to whole words
    ListType      T[] and T[k]
    TupleType     (T, U, ...), a struct of Solidity; JSON calls it tuple and lists its components

``function`` is a bytes24 and ``fixed<M>x<N>`` the int<M> of its unscaled number: that is how they are encoded.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, TypeVar, cast

from atlas.protocol.errors import MalformedAbi

WORD_BYTES = 32
MAX_WORDS = 2**26  # the words of 2 GiB, which no batch of logs holds
_MAX_DEPTH = 32

# Numbers as signatures write them, which are hashed: without zeros before them.
_WORD = re.compile(r"(address|bool|function|uint|int|bytes|ufixed|fixed)([1-9][0-9]{0,2})?(?:x(0|[1-9][0-9]?))?")
_LIST = re.compile(r"(.*)\[([1-9][0-9]{0,9})?\]", re.DOTALL)
_DEFAULT_BITS = {"uint": 256, "int": 256, "fixed": 128, "ufixed": 128}


@dataclass(frozen=True)
class WordType:
    """``family`` is uint, int, address, bool or bytes; ``size_bytes`` counts the bytes that carry the value."""

    canonical: str
    family: str
    size_bytes: int
    words = 1

    @property
    def bits(self) -> int:
        """The width of an integer."""
        return 8 * self.size_bytes


@dataclass(frozen=True)
class ContentType:
    """Bytes, or text in UTF-8."""

    canonical: str
    words = None


@dataclass(frozen=True)
class ListType:
    """``length`` elements, or as many as the data says when it is None."""

    item: "AbiType"
    length: int | None

    @property
    def canonical(self) -> str:
        """As signatures write it."""
        return f"{self.item.canonical}[{'' if self.length is None else self.length}]"

    @cached_property
    def words(self) -> int | None:
        """How many words it always takes, None for a dynamic type."""
        return None if self.length is None or self.item.words is None else self.length * self.item.words


@dataclass(frozen=True)
class TupleType:
    """Members in order; ``names`` may be empty strings."""

    members: tuple["AbiType", ...]
    names: tuple[str, ...]

    @property
    def canonical(self) -> str:
        """As signatures write it."""
        return f"({','.join(member.canonical for member in self.members)})"

    @cached_property
    def words(self) -> int | None:
        """How many words it always takes, None for a dynamic type."""
        sizes = [member.words for member in self.members]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @cached_property
    def head_words(self) -> int:
        """How many words its heads take: a dynamic member's head is its offset."""
        return sum(head_words(member) for member in self.members)


AbiType: TypeAlias = WordType | ContentType | ListType | TupleType
_Composite = TypeVar("_Composite", ListType, TupleType)


def head_words(kind: AbiType) -> int:
    """How many words a value of ``kind`` takes in the heads of what holds it."""
    return 1 if kind.words is None else kind.words


def parse_type(text: str, components: tuple[AbiType, ...] = (), names: tuple[str, ...] = (), depth: int = 0) -> AbiType:
    """The type that ``text`` writes; ``tuple`` stands for the ``components``. Raises MalformedAbi."""
    if depth > _MAX_DEPTH:
        raise MalformedAbi(f"a type nested more than {_MAX_DEPTH} levels deep")
    if match := _LIST.fullmatch(text):
        item = parse_type(match[1], components, names, depth + 1)
        return _bounded(ListType(item, int(match[2]) if match[2] else None), text)
    if text == "tuple":
        return _tuple(components, names)
    if text.startswith("(") and text.endswith(")"):
        members = tuple(parse_type(part, depth=depth + 1) for part in _parts(text[1:-1]))
        return _tuple(members, ("",) * len(members))
    return ContentType(text) if text in ("string", "bytes") else _word_type(text)


def type_of_item(item: Mapping[str, Any], depth: int = 0) -> AbiType:
    """The type of one entry of ``inputs`` or ``components`` of a JSON ABI. Raises MalformedAbi."""
    kind = item.get("type")
    members = item.get("components") or ()
    if not isinstance(kind, str) or not isinstance(members, list | tuple) or depth > _MAX_DEPTH:
        raise MalformedAbi(f"expected a parameter with a type and its components, got {item!r:.200}")
    listed = [named_item(member) for member in cast("list[object]", members)]
    parsed = tuple(type_of_item(member, depth + 1) for member in listed)
    return parse_type(kind, parsed, tuple(member["name"] for member in listed), depth)


def named_item(item: object) -> Mapping[str, Any]:
    """A parameter of a JSON ABI, its name a string. Raises MalformedAbi."""
    if not isinstance(item, Mapping):
        raise MalformedAbi(f"expected a parameter, got {item!r:.200}")
    named = cast("Mapping[str, Any]", item)
    if not isinstance(named.get("name", ""), str):
        raise MalformedAbi(f"expected a parameter's name as text, got {named['name']!r:.200}")
    return {"name": "", **named}


def _tuple(members: tuple[AbiType, ...], names: tuple[str, ...]) -> TupleType:
    if not members:
        raise MalformedAbi("a tuple without components: Solidity has no empty structs")
    return _bounded(TupleType(members, names), "tuple")


def _bounded(kind: _Composite, text: str) -> _Composite:
    size = kind.words if kind.words is not None else getattr(kind, "length", None)
    if size is not None and not 0 < size <= MAX_WORDS:
        raise MalformedAbi(f"{text:.200} has no elements, or more than any log holds")
    return kind


def _parts(text: str) -> Iterator[str]:
    """The members between the commas that stand in no inner parentheses."""
    depth = start = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            yield text[start:place]
            start = place + 1
    if text:
        yield text[start:]


def _word_type(text: str) -> WordType:
    match = _WORD.fullmatch(text)
    family, digits, decimals = match.groups() if match else ("", None, None)
    if family in _DEFAULT_BITS and (decimals is not None) == ("fixed" in family and bool(digits)):
        bits = int(digits or _DEFAULT_BITS[family])
        if bits % 8 == 0 and 8 <= bits <= 256 and int(decimals or 18) <= 80:
            decimals = f"x{decimals or 18}" if "fixed" in family else ""
            return WordType(f"{family}{bits}{decimals}", family.replace("fixed", "int"), bits // 8)
    if family == "bytes" and digits and decimals is None and 1 <= int(digits) <= WORD_BYTES:
        return WordType(text, "bytes", int(digits))
    if text in _NAMED_WORDS:
        return _NAMED_WORDS[text]
    raise MalformedAbi(f"{text!r:.200} is not a type of the contract ABI")


_NAMED_WORDS = {
    "address": WordType("address", "address", 20),
    "bool": WordType("bool", "bool", 1),
    "function": WordType("function", "bytes", 24),
}
