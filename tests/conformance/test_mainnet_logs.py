"""Two blocks of Ethereum mainnet (17173049 and 17173050): 681 logs of every kind, decoded without mercy.

The token transfers that ethereum-etl extracted from the same blocks are the independent answer.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from atlas.protocol.decoding import decode_event
from atlas.protocol.errors import UndecodableLog
from atlas.protocol.events import AssetTransfer, Transfer
from atlas.protocol.facts import ChainLog

Line = dict[str, Any]


def lines(path: Path) -> list[Line]:
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def chain_log(line: Line) -> ChainLog:
    return ChainLog(
        chain="eip155:1",
        block_number=line["block_number"],
        block_hash=unhex(line["block_hash"]),
        block_time=line["block_timestamp"],
        tx_hash=unhex(line["transaction_hash"]),
        tx_index=line["transaction_index"],
        log_index=line["log_index"],
        address=unhex(line["address"]),
        topics=tuple(unhex(topic) for topic in line["topics"]),
        data=unhex(line["data"]),
    )


@pytest.fixture(scope="module")
def logs(conformance_data: Path) -> list[ChainLog]:
    return [chain_log(line) for line in lines(conformance_data / "mainnet-17173049" / "logs.ndjson")]


@pytest.fixture(scope="module")
def transfers(conformance_data: Path) -> list[Line]:
    return lines(conformance_data / "mainnet-17173049" / "token_transfers.ndjson")


def outcome(abi_name: str, log: ChainLog, position: int) -> object:
    """The event, or the name of the reason that there is none."""
    try:
        return decode_event(abi_name, log, position) or "not interpreted"
    except UndecodableLog as error:
        return error.reason


def transfer_key(event: Transfer | AssetTransfer) -> tuple[object, ...]:
    value = event.value if isinstance(event, Transfer) else event.token_id
    origin = event.origin
    return origin.tx_hash, origin.log_index, origin.contract, event.sender, event.recipient, value


def answer_key(line: Line) -> tuple[object, ...]:
    addresses = (unhex(line[name]) for name in ("token_address", "from_address", "to_address"))
    return unhex(line["transaction_hash"]), line["log_index"], *addresses, line["value"]


def test_exactly_the_token_transfers_of_the_blocks_are_decoded(logs: list[ChainLog], transfers: list[Line]) -> None:
    decoded = [
        transfer_key(event)
        for position, log in enumerate(logs, 1)
        for abi_name in ("AtlasToken", "AssetRegistry")
        if isinstance(event := outcome(abi_name, log, position), (Transfer, AssetTransfer))
    ]
    assert len(decoded) == 291
    assert sorted(decoded) == sorted(map(answer_key, transfers))


def test_the_two_transfers_are_told_apart_by_shape(logs: list[ChainLog]) -> None:
    events = [(outcome("AtlasToken", log, 1), outcome("AssetRegistry", log, 1)) for log in logs]
    assert [erc721 for erc20, erc721 in events if isinstance(erc20, Transfer)] == ["shape"] * 282
    assert [erc20 for erc20, erc721 in events if isinstance(erc721, AssetTransfer)] == ["shape"] * 9


@pytest.mark.parametrize(
    ("abi_name", "expected"),
    [
        ("AtlasToken", {"Transfer": 282, "not interpreted": 84, "shape": 11, "unknown_event": 304}),
        ("AssetRegistry", {"AssetTransfer": 9, "not interpreted": 4, "shape": 366, "unknown_event": 302}),
    ],
)
def test_every_log_is_decoded_or_classified(logs: list[ChainLog], abi_name: str, expected: dict[str, int]) -> None:
    outcomes = (outcome(abi_name, log, position) for position, log in enumerate(logs, 1))
    counted = Counter(result if isinstance(result, str) else type(result).__name__ for result in outcomes)
    assert counted == expected
