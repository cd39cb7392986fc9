"""Two blocks of Ethereum mainnet (17173049 and 17173050): 681 logs of every kind, decoded without mercy.

The token transfers that ethereum-etl extracted from the same blocks are the independent answer.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from atlas.protocol.abi import Decoded, compile_abi, python_values
from atlas.protocol.artifacts import load
from atlas.protocol.decoding import decode_event
from atlas.protocol.errors import UndecodableLog
from atlas.protocol.events import AssetTransfer, Transfer
from atlas.protocol.facts import ChainLog
from tests.protocol.abi.made import batch

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


def rows(decoded: Decoded, signature: str) -> list[tuple[Any, ...]]:
    """The row and the values of each log of an event."""
    (found,) = [each for each in decoded.events if each.event.signature == signature]
    pairs = zip(found.event.parameters, found.columns.columns[1:], strict=True)
    columns = [python_values(parameter.kind_in_log, column) for parameter, column in pairs]
    return list(zip(found.columns.column("row").to_pylist(), *columns, strict=True))


def test_both_blocks_as_one_batch_give_exactly_the_token_transfers(logs: list[ChainLog], transfers: list[Line]) -> None:
    columns = batch([(log.topics, log.data) for log in logs])
    found = [
        (logs[row].tx_hash, logs[row].log_index, logs[row].address, sender, recipient, value)
        for abi_name in ("AtlasToken", "AssetRegistry")
        for row, sender, recipient, value in rows(
            compile_abi(abi_name, load(abi_name).abi).decode(columns), "Transfer(address,address,uint256)"
        )
    ]
    assert len(found) == 291
    assert sorted(found) == sorted(map(answer_key, transfers))


def test_an_abi_of_both_token_standards_tells_them_apart_in_one_batch(logs: list[ChainLog]) -> None:
    entries = [entry for name in ("AtlasToken", "AssetRegistry") for entry in load(name).abi]
    decoded = compile_abi("Tokens", entries).decode(batch([(log.topics, log.data) for log in logs]))
    transfers = {len(each.event.indexed): len(each.columns) for each in decoded.events if each.event.name == "Transfer"}
    assert transfers == {2: 282, 3: 9}
    assert sum(len(each.columns) for each in decoded.events) + len(decoded.undecodable) == 681
