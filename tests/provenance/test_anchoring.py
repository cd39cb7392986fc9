import hashlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from web3 import Web3

from atlas.protocol.artifacts import load
from atlas.provenance.anchoring import anchor_checkpoint, log_id, note_hash
from atlas.provenance.errors import AnchorRefused, ChainUnreachable

ORIGIN = "atlas.test/ledger"
NOTE = b"atlas.test/ledger\n3\n...\n"
ROOT, OTHER_ROOT = bytes([1]) * 32, bytes([2]) * 32
LOCAL_ANVIL = Path(__file__).parents[2] / "contracts" / "node_modules" / ".bin" / "anvil"


def _anvil() -> str:
    anvil = os.environ.get("ATLAS_ANVIL") or shutil.which("anvil") or str(LOCAL_ANVIL)
    if not os.access(anvil, os.X_OK):
        pytest.skip("no anvil: name one in ATLAS_ANVIL")
    return anvil


@pytest.fixture(scope="module")
def web3() -> Iterator[Web3]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([_anvil(), "--port", str(port), "--silent"])
    try:
        node = Web3(Web3.HTTPProvider(f"http://127.0.0.1:{port}", request_kwargs={"timeout": 5}))
        deadline = time.monotonic() + 30
        while not node.is_connected():
            assert time.monotonic() < deadline, "anvil does not answer"
            time.sleep(0.05)
        yield node
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def sender(web3: Web3) -> bytes:
    return bytes.fromhex(web3.eth.accounts[0][2:])


@pytest.fixture
def contract(web3: Web3, sender: bytes) -> bytes:
    code = load("CheckpointAnchor").bytecode
    receipt = web3.eth.wait_for_transaction_receipt(
        web3.eth.send_transaction({"from": web3.eth.accounts[0], "data": web3.to_hex(code)}), timeout=30
    )
    address = receipt["contractAddress"]
    assert address is not None
    return bytes.fromhex(address[2:])


def _anchor(web3: Web3, contract: bytes, sender: bytes, size: int, root: bytes) -> bytes:
    return anchor_checkpoint(web3, contract, log_id(ORIGIN), size, root, note_hash(NOTE), sender)


def test_hashes_are_sha256() -> None:
    assert log_id(ORIGIN) == hashlib.sha256(ORIGIN.encode()).digest()
    assert note_hash(NOTE) == hashlib.sha256(NOTE).digest()


def test_an_anchored_checkpoint_is_on_chain(web3: Web3, contract: bytes, sender: bytes) -> None:
    transaction = _anchor(web3, contract, sender, 3, ROOT)
    receipt = web3.eth.get_transaction_receipt(web3.to_hex(transaction))
    (entry,) = receipt["logs"]
    assert bytes(entry["topics"][1]) == log_id(ORIGIN)
    assert int.from_bytes(entry["topics"][3]) == 3
    assert bytes(entry["data"]) == ROOT + note_hash(NOTE)


def test_anchoring_the_latest_again_changes_nothing(web3: Web3, contract: bytes, sender: bytes) -> None:
    _anchor(web3, contract, sender, 3, ROOT)
    again = _anchor(web3, contract, sender, 3, ROOT)
    assert web3.eth.get_transaction_receipt(web3.to_hex(again))["logs"] == []


@pytest.mark.parametrize(("size", "root"), [(2, ROOT), (3, OTHER_ROOT), (0, ROOT)])
def test_a_log_that_shrank_or_changed_is_refused(
    web3: Web3, contract: bytes, sender: bytes, size: int, root: bytes
) -> None:
    _anchor(web3, contract, sender, 3, ROOT)
    with pytest.raises(AnchorRefused):
        _anchor(web3, contract, sender, size, root)


def test_an_account_without_a_key_is_refused(web3: Web3, contract: bytes) -> None:
    with pytest.raises(AnchorRefused):
        _anchor(web3, contract, bytes([7]) * 20, 3, ROOT)


def test_a_node_that_is_away_is_said_to_be_away(sender: bytes) -> None:
    away = Web3(Web3.HTTPProvider("http://127.0.0.1:9", request_kwargs={"timeout": 1}))
    with pytest.raises(ChainUnreachable):
        _anchor(away, bytes(20), sender, 3, ROOT)
