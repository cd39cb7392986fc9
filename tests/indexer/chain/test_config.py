"""Settings of a chain."""

from typing import Any

import pytest

from atlas.indexer.chain.watching.config import ChainConfig, Contract
from atlas.indexer.errors import InvalidChainConfig
from atlas.protocol.errors import MalformedId

TOKEN = Contract("AtlasToken", b"\x01" * 20, 0)
VALID: dict[str, Any] = {"chain": "eip155:1", "rpc_url": "http://127.0.0.1:8545", "contracts": (TOKEN,)}


def test_the_defaults_work() -> None:
    assert ChainConfig(**VALID).window_blocks > ChainConfig(**VALID).confirmations


@pytest.mark.parametrize(
    "wrong",
    [
        {"rpc_url": "127.0.0.1:8545"},
        {"contracts": ()},
        {"contracts": (TOKEN, Contract("Other", TOKEN.address, 5))},
        {"contracts": (Contract("Short", b"\x01", 0),)},
        {"contracts": (Contract("Early", b"\x01" * 20, -1),)},
        {"confirmations": -1},
        {"poll_interval_s": 0.0},
        {"max_range_blocks": 0},
        {"window_blocks": 0},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidChainConfig, match="eip155:1") as caught:
        ChainConfig(**(VALID | wrong))
    assert caught.value.exit_code == 2


def test_a_chain_that_is_no_caip_2_name_is_refused() -> None:
    named: dict[str, Any] = {**VALID, "chain": "mainnet"}
    with pytest.raises(MalformedId):
        ChainConfig(**named)
