"""A real development chain for tests: an anvil process that dies with the test, and a contract that emits logs."""

import ctypes
import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

ACCOUNT = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"  # the first of anvil's unlocked accounts
CHAIN = "eip155:31337"
GENESIS_TIME_S = 1_700_000_000

# Called with (topic, count): emits ``count`` logs with that topic and the data 0, 1, 2 ... as 32-byte words.
#   i = 0; while i < calldata[32:64]: memory[0] = i; LOG1(memory[0:32], calldata[0:32]); i += 1
EMITTER_RUNTIME = bytes.fromhex("60005b602035811015601e578060005260003560206000a16001016002565b00")
EMITTER_CREATION = bytes.fromhex("6020600c60003960206000f3") + EMITTER_RUNTIME

_PACKAGED = Path(__file__).parent.parent / "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def anvil_binary() -> str:
    """The anvil to run: ATLAS_ANVIL, else the one on PATH, else the contracts' own. Fails when there is none."""
    for candidate in (os.environ.get("ATLAS_ANVIL"), shutil.which("anvil"), str(_PACKAGED)):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    raise RuntimeError(
        f"no anvil: set ATLAS_ANVIL, put it on PATH, or run npm ci in contracts/ (looked at {_PACKAGED})"
    )


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Anvil:
    """An anvil process; ``options`` are command line options, ``port`` stays the same over restarts."""

    def __init__(self, *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(timeout=20, trust_env=False)
        self._serial = itertools.count()

    def start(self) -> "Anvil":
        """Start the process and wait until it answers, 30 seconds at most."""
        timestamp = () if "--timestamp" in self._options else ("--timestamp", str(GENESIS_TIME_S))
        self._process = subprocess.Popen(
            [anvil_binary(), "--port", str(self.port), "--silent", *timestamp, *self._options],
            stdin=subprocess.DEVNULL,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - no threads have been started that it could upset
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                self.rpc("eth_chainId")
            except httpx.HTTPError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.stop()
                    raise
                time.sleep(0.02)
            else:
                return self

    def stop(self) -> None:
        """End the process, gracefully so that --state is written."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    def __enter__(self) -> "Anvil":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._client.close()

    def rpc(self, method: str, *parameters: Any) -> Any:
        """The result of a JSON-RPC call."""
        request = {"jsonrpc": "2.0", "id": next(self._serial), "method": method, "params": list(parameters)}
        answer = self._client.post(self.url, json=request).json()
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def head(self) -> int:
        """The newest block's number."""
        return int(self.rpc("eth_blockNumber"), 16)

    def block_hash(self, number: int) -> bytes:
        """The hash of a canonical block."""
        return bytes.fromhex(self.rpc("eth_getBlockByNumber", hex(number), False)["hash"][2:])

    def mine(self, blocks: int = 1) -> None:
        """Mine so many blocks, with what is pending in the first."""
        self.rpc("anvil_mine", hex(blocks))

    def send(self, data: bytes, to: bytes | None = None) -> dict[str, Any]:
        """Send a transaction, wait for it to be mined, and return its receipt."""
        transaction = {"from": ACCOUNT, "data": "0x" + data.hex(), "gas": hex(20_000_000)}
        if to is not None:
            transaction["to"] = "0x" + to.hex()
        tx_hash = self.rpc("eth_sendTransaction", transaction)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            receipt = self.rpc("eth_getTransactionReceipt", tx_hash)
            if receipt is not None:
                if int(receipt["status"], 16) != 1:
                    raise RuntimeError(f"transaction {tx_hash} reverted")
                return receipt
            time.sleep(0.01)
        raise RuntimeError(f"transaction {tx_hash} was not mined in time")

    def deploy(self, creation: bytes = EMITTER_CREATION) -> bytes:
        """Deploy a contract, by default the emitter; its address."""
        return bytes.fromhex(self.send(creation)["contractAddress"][2:])

    def emit(self, emitter: bytes, topic: int = 1, count: int = 1) -> int:
        """Let an emitter log ``count`` times, in one transaction and block of its own; the block's number."""
        data = topic.to_bytes(32, "big") + count.to_bytes(32, "big")
        return int(self.send(data, emitter)["blockNumber"], 16)

    def emit_all(self, emitter: bytes, topics: Iterable[int]) -> None:
        """One block with one log for each of ``topics``."""
        for topic in topics:
            self.emit(emitter, topic)

    def reorg(self, depth: int) -> None:
        """Replace the last ``depth`` blocks by as many empty ones."""
        self.rpc("anvil_reorg", depth, [])

    def rollback(self, depth: int) -> None:
        """Forget the last ``depth`` blocks."""
        self.rpc("anvil_rollback", depth)
