from typing import Any

import pytest

from atlas.protocol.abi import parse_type
from atlas.protocol.abi.types import head_words, type_of_item
from atlas.protocol.errors import MalformedAbi


@pytest.mark.parametrize(
    ("text", "canonical", "words"),
    [
        ("address", "address", 1),
        ("uint", "uint256", 1),
        ("int", "int256", 1),
        ("function", "function", 1),
        ("fixed", "fixed128x18", 1),
        ("ufixed64x10", "ufixed64x10", 1),
        ("bytes", "bytes", None),
        ("bytes7", "bytes7", 1),
        ("uint8[3][2]", "uint8[3][2]", 6),
        ("uint8[][2]", "uint8[][2]", None),
        ("(uint,(bool,bytes3[2]))", "(uint256,(bool,bytes3[2]))", 4),
        ("(uint8,(string,bool)[2])[]", "(uint8,(string,bool)[2])[]", None),
    ],
)
def test_a_type_is_read_with_its_canonical_name_and_size(text: str, canonical: str, words: int | None) -> None:
    kind = parse_type(text)
    assert (kind.canonical, kind.words) == (canonical, words)


def test_a_dynamic_value_takes_one_word_in_the_heads() -> None:
    assert [head_words(parse_type(text)) for text in ("string", "uint8[]", "(string,bool)", "uint8[4]")] == [1, 1, 1, 4]


@pytest.mark.parametrize(
    "text",
    [
        *("", "unit8", "uint7", "uint264", "uint0", "uint8x8", "bytes0", "bytes33", "fixed128", "fixed128x81", "bool8"),
        *("()", "uint8[0]", "uint8[-1]", "uint8[", "(uint8", "(uint8,)", "tuple", "enum Kind", "mapping(uint=>uint)"),
        *("uint8[99999999999]", "uint8[90000][90000]", "(" * 50 + "bool" + ")" * 50, "bool" + "[]" * 50, "uint٣"),
        *("uint08", "bytes01", "fixed128x08", "uint8[03]"),  # other text, so another hash
        *("uint" + "9" * 5000, "bytes" + "9" * 5000, "uint8[" + "9" * 5000 + "]"),  # more than int() reads
    ],
)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(MalformedAbi):
        parse_type(text)


def test_json_lists_the_members_of_a_struct_apart() -> None:
    inner = {"name": "b", "type": "tuple[]", "components": [{"name": "", "type": "address"}]}
    item = {"name": "legs", "type": "tuple[2]", "components": [{"name": "a", "type": "uint8"}, inner]}
    assert type_of_item(item).canonical == "(uint8,(address)[])[2]"


def nested(depth: int) -> dict[str, Any]:
    return {"name": "", "type": "tuple", "components": [nested(depth - 1)]} if depth else {"name": "", "type": "bool"}


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"type": 5},
        {"type": "tuple"},
        {"type": "tuple", "components": [5]},
        {"type": "tuple", "components": {"type": "bool"}},
        {"type": "tuple", "components": [{"name": 5, "type": "bool"}]},
        nested(100),
    ],
)
def test_what_describes_no_parameter_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(MalformedAbi):
        type_of_item(item)
