"""The demo's EVM node: anvil on a free port."""

import contextlib
import os
import shutil
from collections.abc import Generator
from pathlib import Path

import httpx
from requests import RequestException
from web3.exceptions import Web3Exception

from atlas.demo.errors import DemoError
from atlas.demo.processes import free_port, spawn, stop, wait_until

CHAIN = "eip155:31337"
SLOTS_IN_AN_EPOCH = 4  # anvil's `finalized` is two epochs behind its head
FINALITY_DEPTH = 2 * SLOTS_IN_AN_EPOCH


def find_anvil() -> str:
    """The anvil named by ``ATLAS_ANVIL``, else the one on PATH. Raises DemoError when there is none."""
    anvil = os.environ.get("ATLAS_ANVIL") or shutil.which("anvil")
    if not anvil or not os.access(anvil, os.X_OK):
        raise DemoError(
            f"no EVM node: {f'{anvil} is not an executable' if anvil else 'there is no anvil on PATH'}",
            hint="`make demo` fetches one; else install Foundry, or name its anvil in ATLAS_ANVIL.",
        )
    return anvil


@contextlib.contextmanager
def running_node(log: Path) -> Generator[str]:
    """The RPC URL of a fresh chain that lives as long as the context."""
    port = free_port()
    arguments = ["--port", str(port), "--slots-in-an-epoch", str(SLOTS_IN_AN_EPOCH), "--silent"]
    process = spawn([find_anvil(), *arguments], log=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(url), "the EVM node answers", timeout_s=20)
        yield url
    except (RequestException, Web3Exception) as error:
        raise DemoError(f"the EVM node failed: {error}", hint=f"Play again; the node's log is {log}.") from error
    finally:
        stop(process)


def _answers(url: str) -> bool:
    request = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
    try:
        return httpx.post(url, json=request, timeout=2).json()["result"] == hex(int(CHAIN.split(":")[1]))
    except (httpx.HTTPError, ValueError, KeyError):
        return False
