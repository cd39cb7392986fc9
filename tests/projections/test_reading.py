import pytest
import rlp

from atlas.projections.errors import MissingRow
from atlas.projections.reading.facts import Header, read_header, reason_of
from atlas.protocol import facts
from atlas.protocol.errors import InvalidEnvelope, MalformedFact, UndecodableLog
from atlas.protocol.facts import BlockHeader
from tests.projections.chain import CHAIN, Block


def payload(encoded: bytes) -> bytes:
    return facts.encode(BlockHeader(CHAIN, encoded))


def test_a_header_is_its_number_hash_and_time() -> None:
    block = Block(1_000)
    assert read_header(block.header().payload) == Header(CHAIN, 1_000, block.hash, block.time)


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\xff",
        rlp.encode(b"text"),
        rlp.encode([b""] * 14),
        rlp.encode([b""] * 8 + [[b"nested"]] + [b""] * 6),
        rlp.encode([b""] * 8 + [b"\x01" * 9] + [b""] * 6),
    ],
    ids=["empty", "no rlp", "no list", "short", "nested", "beyond 64 bits"],
)
def test_what_is_no_header_is_malformed(encoded: bytes) -> None:
    with pytest.raises(MalformedFact, match="block header"):
        read_header(payload(encoded))


def test_reasons_are_stable_names() -> None:
    assert reason_of(UndecodableLog("shape", "")) == "shape"
    assert reason_of(InvalidEnvelope("schema", "")) == "schema"
    assert reason_of(MissingRow("")) == "missing-row"
    assert reason_of(MalformedFact("")) == "malformed-fact"
