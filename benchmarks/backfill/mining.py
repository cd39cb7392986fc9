"""The chain that is synced: one transaction a block, each of which emits the same number of transfers.

Contract, timestamps and fees are fixed, and so are all hashes. The last 128 blocks are empty, so that what
comes before them is final.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from atlas.protocol.keccak import keccak256

ACCOUNT = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
CONTRACT = "0x5fbdb2315678afecb367f032d93f642f64180aa3"
GENESIS_TIME_S = 1_700_000_000
BLOCK_TIME_S = 12
GWEI = 10**9
TAIL_BLOCKS = 128
PACKAGED = Path(__file__).parents[2] / "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"

_BYTECODE = json.loads((Path(__file__).parent / "emitter.json").read_text())["bytecode"]
_RUN = keccak256(b"run(uint256,uint256)")[:4].hex()


@dataclass(frozen=True)
class Shape:
    """How many blocks with transfers, how many transfers in each, between how many accounts."""

    blocks: int
    transfers_per_block: int
    accounts: int = 5_000

    @property
    def transfers(self) -> int:
        """All transfers; their values count from one, so that their sum is known too."""
        return self.blocks * self.transfers_per_block

    @property
    def last_block(self) -> int:
        """The last block that can have a transfer; the first block deploys the contract."""
        return self.blocks + 1


class Node:
    """JSON-RPC to an anvil, in batches."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(timeout=120, trust_env=False)

    def call(self, method: str, *parameters: object) -> Any:  # noqa: ANN401
        """One result."""
        return self.batch([(method, list(parameters))])[0]

    def batch(self, calls: Sequence[tuple[str, list[object]]]) -> list[Any]:
        """The results, in order. Raises RuntimeError for the first error among them."""
        body = [
            {"jsonrpc": "2.0", "id": index, "method": method, "params": parameters}
            for index, (method, parameters) in enumerate(calls)
        ]
        answers = sorted(self._client.post(self.url, json=body).json(), key=lambda answer: answer["id"])
        for answer in answers:
            if "error" in answer:
                raise RuntimeError(str(answer["error"]))
        return [answer["result"] for answer in answers]


@contextmanager
def mined(shape: Shape, port: int) -> Generator[str]:
    """The URL of a node with the chain, which lives as long as the context."""
    anvil = os.environ.get("ATLAS_ANVIL") or shutil.which("anvil") or str(PACKAGED)
    arguments = [anvil, "--port", str(port), "--timestamp", str(GENESIS_TIME_S), "--gas-limit", "300000000"]
    process = subprocess.Popen([*arguments, "--base-fee", str(GWEI), "--no-mining", "--silent"])  # noqa: S603
    try:
        node = Node(f"http://127.0.0.1:{port}")
        _await(node, process)
        _mine(node, shape)
        yield node.url
    finally:
        process.terminate()
        process.wait(10)


def _await(node: Node, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            node.call("eth_chainId")
        except httpx.HTTPError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise
            time.sleep(0.05)
        else:
            return


def _mine(node: Node, shape: Shape) -> None:
    node.call("anvil_setBlockTimestampInterval", BLOCK_TIME_S)
    creation = {"from": ACCOUNT, "data": _BYTECODE, "gas": hex(1_000_000), "gasPrice": hex(2 * GWEI)}
    node.call("eth_sendTransaction", creation)
    node.call("evm_mine")
    for nonce in range(1, shape.blocks + 1):
        mine_one(node, shape, nonce)
    node.call("anvil_mine", hex(TAIL_BLOCKS), hex(BLOCK_TIME_S))


def mine_one(node: Node, shape: Shape, nonce: int) -> None:
    """One block with the transfers of ``shape``; the first one's ``nonce`` is 1."""
    transaction = {
        "from": ACCOUNT,
        "to": CONTRACT,
        "data": f"0x{_RUN}{shape.transfers_per_block:064x}{shape.accounts:064x}",
        "gas": hex(60_000 + shape.transfers_per_block * 4_000),
        "gasPrice": hex(2 * GWEI),
        "nonce": hex(nonce),
    }
    node.batch([("eth_sendTransaction", [transaction]), ("evm_mine", [])])
