"""Which rules a chain goes by."""

import pytest

from atlas.protocol.errors import MalformedId
from atlas.protocol.evm.errors import NotProvable
from atlas.protocol.evm.families import (
    ARBITRUM,
    ETHEREUM,
    HEADERS_ONLY,
    OP_STACK,
    POLYGON_POS,
    Family,
    family_of,
    require_provable,
    state_sync_transaction,
)
from atlas.protocol.keccak import keccak256


@pytest.mark.parametrize(
    ("chain", "family"),
    [
        ("eip155:1", ETHEREUM),
        ("eip155:31337", ETHEREUM),
        ("eip155:10", OP_STACK),
        ("eip155:8453", OP_STACK),
        ("eip155:42161", ARBITRUM),
        ("eip155:137", POLYGON_POS),
        ("eip155:324", HEADERS_ONLY),
        ("eip155:987654321", ETHEREUM),
    ],
)
def test_a_chain_has_its_family_and_an_unknown_one_is_taken_for_ethereum_s(chain: str, family: Family) -> None:
    assert family_of(chain) is family


def test_a_chain_that_commits_to_no_receipts_is_refused_with_a_way_out() -> None:
    assert require_provable("eip155:1") is ETHEREUM
    with pytest.raises(NotProvable, match="eip155:324") as caught:
        require_provable("eip155:324")
    assert "by headers" in caught.value.hint
    with pytest.raises(MalformedId):
        require_provable("solana:1")


def test_the_state_sync_of_a_block_has_its_derived_hash() -> None:
    expected = keccak256(b"matic-bor-receipt-" + bytes.fromhex("0000000000000100") + b"\xab" * 32)
    assert state_sync_transaction(256, b"\xab" * 32) == expected
