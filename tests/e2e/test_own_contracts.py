"""Contracts from outside, from nothing to answers, as docs/how-to/index-your-own-contracts.md says: a real node."""

import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from eth_abi.abi import encode
from starlette.applications import Starlette

from atlas.bootstrap import Program, open_program
from atlas.indexer.chain.standing import standings
from atlas.protocol.ids import checksum_address
from atlas.protocol.keccak import keccak256
from atlas.settings import load
from tests.anvil import CHAIN, Anvil
from tests.projections.outside import GOVERNOR, VAULT

PAGE = Path(__file__).parents[2] / "docs/how-to/index-your-own-contracts.md"
OWNER = bytes.fromhex("70997970c51812dc3a010c7d01b50e0d17dc79c8")  # the one that the page asks for
SENDER = b"\x0a" * 20
TRANSFER_ABI = {
    "type": "event",
    "name": "Transfer",
    "inputs": [
        {"name": "from", "type": "address", "indexed": True},
        {"name": "to", "type": "address", "indexed": True},
        {"name": "value", "type": "uint256", "indexed": False},
    ],
}
CREATED_ABI = {
    "type": "event",
    "name": "VaultCreated",
    "inputs": [
        {"name": "vault", "type": "address", "indexed": True},
        {"name": "asset", "type": "address", "indexed": True},
    ],
}
# Called with three topics and data, logs them: LOG3(calldata[96:], calldata[0:32], calldata[32:64], calldata[64:96]).
ECHO_RUNTIME = bytes.fromhex("60603603806060600037604035602035600035836000a300")
ECHO_CREATION = bytes.fromhex("6018600c60003960186000f3") + ECHO_RUNTIME
TIMEOUT_S = 60


@pytest.fixture
def node() -> Iterator[Anvil]:
    with Anvil("--slots-in-an-epoch", "1") as node:
        yield node


def log(node: Anvil, contract: bytes, signature: str, *indexed: bytes, data: bytes = b"") -> None:
    """Let ``contract`` log an event with two indexed words."""
    topics = [keccak256(signature.encode()), *(word.rjust(32, b"\0") for word in indexed)]
    node.send(b"".join(topics) + data, contract)


def configuration(node: Anvil, governor: bytes, factory: bytes, database_url: str, directory: Path) -> str:
    """The page's own, with this node and these contracts."""
    snippets = "".join(re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL))
    addresses = iter((governor, factory))
    text = re.sub(r'address = "0x\w+"', lambda _: f'address = "{checksum_address(next(addresses))}"', snippets)
    text = re.sub(r"start_block = \d+", "start_block = 0", text)
    text = re.sub(r'chain = "[^"]+"', f'chain = "{CHAIN}"', text)
    text = re.sub(r'rpc_url = "[^"]+"', f'rpc_url = "{node.url}"', text)
    return f'[data]\ndirectory = "{directory}"\n[database]\nurl = "{database_url}"\n' + text


def write_abis(directory: Path) -> None:
    directory.mkdir()
    vault = [*json.loads(VAULT.json), TRANSFER_ABI]
    for name, entries in (("vault", vault), ("governor", json.loads(GOVERNOR.json)), ("vault-factory", [CREATED_ABI])):
        (directory / f"{name}.json").write_text(json.dumps(entries))


def wait_until_indexed(program: Program, head: int) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not any((one.tip or 0) >= head and one.blocks_left == 0 for one in standings(program.database)):
        assert time.monotonic() < deadline_s, standings(program.database)
        time.sleep(0.05)


def ask(app: Starlette, query: str) -> dict[str, Any]:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://atlas.test") as client:
            return await client.post("/graphql", json={"query": query})

    answer = anyio.run(send).json()
    assert "errors" not in answer, answer
    return answer["data"]


def test_outside_contracts_come_from_nothing_to_answers(node: Anvil, database_url: str, tmp_path: Path) -> None:
    governor, factory, vault, stranger = (node.deploy(ECHO_CREATION) for _ in range(4))
    write_abis(tmp_path / "abis")
    log(node, factory, "VaultCreated(address,address)", vault, SENDER)
    amounts = encode(["uint256", "uint256"], [2**255, 7])
    log(node, vault, "Deposit(address,address,uint256,uint256)", SENDER, OWNER, data=amounts)
    log(node, stranger, "Transfer(address,address,uint256)", SENDER, OWNER, data=encode(["uint256"], [5]))
    log(node, governor, "Unknown()", SENDER, OWNER)
    node.mine(40)
    file = tmp_path / "atlas-ledger.toml"
    file.write_text(configuration(node, governor, factory, database_url, tmp_path))
    with open_program(load(file)) as program:
        (service,) = program.chain_services()
        stop = threading.Event()
        indexing = threading.Thread(target=service.run, args=[stop])
        indexing.start()
        try:
            wait_until_indexed(program, node.head())
        finally:
            stop.set()
            indexing.join(timeout=TIMEOUT_S)
        program.projector().catch_up()
        app = program.api()
        query, undecodable = re.findall(r"```graphql\n(.*?)```", PAGE.read_text(), re.DOTALL)
        (deposit,) = ask(app, query)["events"]["nodes"]
        assert deposit["contract"] == f"0x{vault.hex()}"
        assert deposit["arguments"] == {
            "sender": f"0x{SENDER.hex()}",
            "owner": f"0x{OWNER.hex()}",
            "assets": str(2**255),
            "shares": "7",
        }
        assert deposit["final"] is True
        named = ask(app, "{ events(orderBy: blockNumber) { nodes { abi event contract } } }")["events"]["nodes"]
        assert [each["event"] for each in named] == ["VaultCreated", "Deposit", "Transfer"]
        assert named[2]["contract"] == f"0x{stranger.hex()}"
        (unread,) = ask(app, undecodable)["undecodableLogs"]["nodes"]
        assert unread["reason"] == "unknown_event"
