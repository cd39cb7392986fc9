"""Events to compile in tests: ABI entries and values, made up by hypothesis."""

from typing import Any

from hypothesis import strategies as st

TypedValues = tuple[list[str], tuple[Any, ...]]


def bits(kind: str) -> int:
    return int("".join(filter(str.isdigit, kind)))


SIZES = st.integers(1, 32)
UNSIGNED = SIZES.map(lambda size: f"uint{8 * size}")
SIGNED = SIZES.map(lambda size: f"int{8 * size}")
FIXED = SIZES.map(lambda size: f"bytes{size}")
STATIC: st.SearchStrategy[str] = st.sampled_from(["address", "bool"]) | UNSIGNED | SIGNED | FIXED
ELEMENTARY: st.SearchStrategy[str] = STATIC | st.sampled_from(["string", "bytes"])
COMPOSITE: st.SearchStrategy[str] = st.sampled_from(
    ["uint256[]", "address[2]", "string[]", "(address,uint8)", "(string,bool)[]", "(address,(bytes,uint256[]))"]
)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=70)
ADDRESS = st.binary(min_size=20, max_size=20)
UINT256 = st.integers(0, 2**256 - 1)

_COMPOSITE_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "uint256[]": st.lists(UINT256, max_size=3).map(tuple),
    "address[2]": st.tuples(ADDRESS, ADDRESS),
    "string[]": st.lists(TEXT, max_size=3).map(tuple),
    "(address,uint8)": st.tuples(ADDRESS, st.integers(0, 255)),
    "(string,bool)[]": st.lists(st.tuples(TEXT, st.booleans()), max_size=3).map(tuple),
    "(address,(bytes,uint256[]))": st.tuples(
        ADDRESS, st.tuples(st.binary(max_size=70), st.lists(UINT256, max_size=3).map(tuple))
    ),
}
_NAMED_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "address": ADDRESS,
    "bool": st.booleans(),
    "string": TEXT,
    "bytes": st.binary(max_size=70),
    **_COMPOSITE_VALUES,
}


def values(kind: str) -> st.SearchStrategy[Any]:
    """Values of an ABI type, as the reader gives them."""
    if kind in _NAMED_VALUES:
        return _NAMED_VALUES[kind]
    if kind.startswith("uint"):
        return st.integers(0, 2 ** bits(kind) - 1)
    if kind.startswith("int"):
        return st.integers(-(2 ** (bits(kind) - 1)), 2 ** (bits(kind) - 1) - 1)
    return st.binary(min_size=bits(kind), max_size=bits(kind))


def typed_values(
    kinds: st.SearchStrategy[str], max_size: int = 6
) -> st.SearchStrategy[tuple[list[str], tuple[Any, ...]]]:
    """Some types and a value of each."""
    return st.lists(kinds, max_size=max_size).flatmap(
        lambda types: st.tuples(st.just(types), st.tuples(*map(values, types)))
    )


def event_entry(*types: str, indexed: int = 0, name: str = "Happened") -> dict[str, Any]:
    """The ABI entry of an event of elementary types, the first ``indexed`` of them indexed."""
    inputs = [{"name": f"value{i}", "type": kind, "indexed": i < indexed} for i, kind in enumerate(types)]
    return {"type": "event", "name": name, "inputs": inputs, "anonymous": False}
