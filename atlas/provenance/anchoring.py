"""A ledger's signed checkpoint, anchored on chain: whoever trusts the chain can hold the log to it (W5).

``CheckpointAnchor.anchor(bytes32 logId, uint64 treeSize, bytes32 rootHash, bytes32 noteHash)``, where the log id is
the SHA-256 of the checkpoint's origin, and the note hash the SHA-256 of the whole signed note.
"""

import hashlib
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import TimeExhausted, Web3Exception
from web3.middleware import SignAndSendRawMiddlewareBuilder

from atlas.ledger.checkpoints.checkpointer import parse_checkpoint
from atlas.ledger.checkpoints.notes import SignedNote
from atlas.protocol.artifacts import load
from atlas.protocol.ids import checksum_address
from atlas.provenance.errors import AnchorRefused, ChainUnreachable

RECEIPT_TIMEOUT_S = 60.0
CALL_TIMEOUT_S = 20.0


def log_id(origin: str) -> bytes:
    """The id of a log on chain: SHA-256 of its origin, 32 bytes."""
    return hashlib.sha256(origin.encode()).digest()


def note_hash(note: bytes) -> bytes:
    """The hash of a signed checkpoint as served: SHA-256, 32 bytes."""
    return hashlib.sha256(note).digest()


class Anchored(msgspec.Struct, frozen=True):
    """A checkpoint on chain; hashes and addresses are 0x text."""

    chain: str
    contract: str
    sender: str
    tree_size: int
    root_hash: str
    transaction: str


def anchor_note(chain: str, web3: Web3, contract_address: bytes, note: SignedNote, sender: bytes) -> Anchored:
    """Anchor a signed checkpoint of the chain named ``chain``. Raises as ``anchor_checkpoint``."""
    checkpoint = parse_checkpoint(note.text)
    transaction = anchor_checkpoint(
        web3,
        contract_address,
        log_id(checkpoint.origin),
        checkpoint.tree_size,
        checkpoint.root_hash,
        note_hash(note.encode()),
        sender,
    )
    return Anchored(
        chain=chain,
        contract=checksum_address(contract_address),
        sender=checksum_address(sender),
        tree_size=checkpoint.tree_size,
        root_hash=f"0x{checkpoint.root_hash.hex()}",
        transaction=f"0x{transaction.hex()}",
    )


def open_chain(rpc_url: str, private_key: bytes | None = None) -> Web3:
    """A node, and, with a private key of 32 bytes, the power to sign transactions in its address's name."""
    local = urlsplit(rpc_url).hostname in ("localhost", "127.0.0.1", "::1")
    # A proxy of the environment is not for a node on this machine.
    proxies = {"proxies": {"http": "", "https": ""}} if local else {}
    web3 = Web3(Web3.HTTPProvider(rpc_url, request_kwargs={"timeout": CALL_TIMEOUT_S, **proxies}))
    if private_key is not None:
        web3.middleware_onion.inject(cast("Any", SignAndSendRawMiddlewareBuilder).build(private_key), layer=0)
    return web3


def anchor_checkpoint(
    web3: Web3,
    contract_address: bytes,
    log_id: bytes,
    tree_size: int,
    root_hash: bytes,
    note_hash: bytes,
    sender: bytes,
) -> bytes:
    """Anchor a checkpoint in ``sender``'s name, wait until it is in a block, and return the transaction's hash.

    ``sender`` is an account that the node signs for, or whose key is in ``web3``'s signing middleware. Anchoring the
    latest checkpoint again changes nothing. Raises AnchorRefused when the contract reverts (a log that shrank, or has
    two roots of one size) or the node turns the transaction down, ChainUnreachable when there is no answer or no
    block in time.
    """
    abi = list(load("CheckpointAnchor").abi)
    contract = web3.eth.contract(address=_checksummed(contract_address), abi=cast("Any", abi))
    call = contract.functions.anchor(log_id, tree_size, root_hash, note_hash)
    try:
        transaction = call.transact({"from": _checksummed(sender)})
        receipt = web3.eth.wait_for_transaction_receipt(transaction, timeout=RECEIPT_TIMEOUT_S)
    except (TimeExhausted, OSError) as error:  # what requests raises is an OSError
        raise ChainUnreachable(
            f"no answer from the chain's node: {error}", hint="Check the RPC endpoint; anchoring again does no harm."
        ) from error
    except Web3Exception as error:
        raise AnchorRefused(
            f"the checkpoint of size {tree_size} was refused: {error}",
            hint="Compare with the log's latest anchor: it only grows, and has one root a size.",
        ) from error
    if receipt["status"] != 1:
        raise AnchorRefused(f"transaction {HexBytes(transaction).to_0x_hex()} reverted")
    return bytes(transaction)


def _checksummed(address: bytes) -> ChecksumAddress:
    return cast("ChecksumAddress", checksum_address(address))
