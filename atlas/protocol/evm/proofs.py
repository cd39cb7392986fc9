"""A log, proven to anybody who holds the hash of its block: a document that needs no node and no database.

Canonical JSON, that is keys in order and no spaces, with one line feed at its end; bytes are ``0x`` and lower-case
digits. Any other spelling of the same is refused.

    {"block_hash":"0x...",              Keccak-256 of the header
     "chain":"eip155:1",                which family's rules apply; no header says to which chain it belongs
     "format":"atlas-ledger/log-proof/1",
     "header":"0x...",                  RLP
     "log_index":209,                   the log's number in the block, as it was recorded
     "log_place":3,                     ... and in its receipt
     "receipt_proof":["0x...",...],     nodes from the receipts root to the receipt (``trie``)
     "transaction_index":94,
     "transaction_proof":["0x...",...]} nodes from the transactions root to the transaction, or none

Proven are the log's address, topics and data, and that it is number ``log_place`` of the receipt of transaction
``transaction_index`` of the block, both from 0. The transaction's hash is proven where there is a transaction proof:
no receipt has it. ``log_index`` counts the logs of earlier receipts too, so it is proven for the first transaction
only. That the block is canonical is for the holder of its hash to know.
"""

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from atlas.protocol.errors import MalformedId
from atlas.protocol.evm.errors import InvalidProof, MalformedProof, MalformedRlp
from atlas.protocol.evm.families import Family, require_provable
from atlas.protocol.evm.headers import Header, decode_header
from atlas.protocol.evm.receipts import Receipt, decode_receipt, encode_receipt
from atlas.protocol.evm.rlp import decode_list, encode
from atlas.protocol.evm.trie import list_proof, list_root, verify_list_proof
from atlas.protocol.keccak import keccak256

FORMAT = "atlas-ledger/log-proof/1"

_BLOB_TYPE = b"\x03"


class LogProof(msgspec.Struct, frozen=True, kw_only=True):
    """A proof document; make one with ``prove_log``, read one with ``parse_log_proof``."""

    chain: str  # CAIP-2
    header: bytes  # RLP
    transaction_index: int
    log_index: int
    log_place: int
    receipt_proof: tuple[bytes, ...]
    transaction_proof: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """The document."""
        return _encoder.encode(_document(self)) + b"\n"

    def check(self, block_hash: bytes | None = None) -> "ProvenLog":
        """What the document proves, of the block ``block_hash`` when given.

        Raises InvalidProof, MalformedHeader, MalformedReceipt, NotProvable, MalformedProof.
        """
        header = decode_header(self.header)
        if block_hash not in (None, header.hash):
            raise InvalidProof(
                f"the proof is of block 0x{header.hash.hex()}, not of 0x{(block_hash or b'').hex()}",
                hint="The log is proven in another block than the one asked for.",
            )
        receipt = verify_receipt_proof(header, self.transaction_index, self.receipt_proof, _family(self.chain))
        return _proven(self, header, receipt)


class ProvenLog(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof shows; ``transaction_hash`` is None where the document does not prove it."""

    chain: str
    block_number: int
    block_hash: bytes
    block_time: int  # seconds since 1970
    transaction_index: int
    transaction_hash: bytes | None
    log_index: int
    log_index_proven: bool
    log_place: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    block_hash: str
    chain: str
    format: str
    header: str
    log_index: int
    log_place: int
    receipt_proof: tuple[str, ...]
    transaction_index: int
    transaction_proof: tuple[str, ...]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Document)


def prove_receipt(receipts: Sequence[Receipt], index: int, family: Family) -> tuple[bytes, ...]:
    """The nodes that prove receipt ``index`` against the block's receipts root. Raises InvalidProof."""
    return list_proof([encode_receipt(receipt, family) for receipt in receipts], index)


def verify_receipt_proof(header: Header, index: int, nodes: Sequence[bytes], family: Family) -> Receipt:
    """The receipt that ``nodes`` prove to be that of transaction ``index`` of the block.

    Raises InvalidProof, MalformedReceipt, UnknownReceiptType, MalformedHeader.
    """
    return decode_receipt(verify_list_proof(header.receipts_root, index, nodes), family)


def prove_transaction(header: Header, transactions: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The nodes that prove transaction ``index``; ``transactions`` are all of the block's, as EIP-2718 encodes them.

    Raises InvalidProof when they are not those that the header commits to.
    """
    root = list_root(transactions)
    if root != header.transactions_root:
        raise InvalidProof(
            f"the {len(transactions)} transactions of block {header.number} have the root 0x{root.hex()}, "
            f"but its header commits to 0x{header.transactions_root.hex()}"
        )
    return list_proof(transactions, index)


def prove_log(
    chain: str,
    header: Header,
    receipts: Sequence[Receipt],
    *,
    transaction_index: int,
    log_index: int,
    transactions: Sequence[bytes] = (),
) -> LogProof:
    """The proof of log ``log_index`` of the block, checked; with ``transactions`` that of its hash as well.

    Raises InvalidProof, NotProvable, MalformedReceipt, MalformedHeader.
    """
    family = _family(chain)
    earlier = sum(len(receipt.logs) for receipt in receipts[:transaction_index])
    proof = LogProof(
        chain=chain,
        header=header.rlp,
        transaction_index=transaction_index,
        log_index=log_index,
        log_place=log_index - earlier,
        receipt_proof=prove_receipt(receipts, transaction_index, family),
        transaction_proof=prove_transaction(header, transactions, transaction_index) if transactions else (),
    )
    proof.check(header.hash)
    return proof


def parse_log_proof(data: bytes) -> LogProof:
    """The proof in ``data``, not checked yet. Raises MalformedProof unless it is the canonical document."""
    try:
        document = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedProof(f"not a log proof: {error}", hint=f"A file of {FORMAT} is expected.") from error
    proof = LogProof(
        chain=document.chain,
        header=_bytes(document.header, "header"),
        transaction_index=document.transaction_index,
        log_index=document.log_index,
        log_place=document.log_place,
        receipt_proof=tuple(_bytes(node, "receipt_proof") for node in document.receipt_proof),
        transaction_proof=tuple(_bytes(node, "transaction_proof") for node in document.transaction_proof),
    )
    if proof.encode() != data:
        raise MalformedProof(
            "the document is not in its canonical form, or its block_hash is not that of its header",
            hint=f"A file of {FORMAT}, unchanged, is expected.",
        )
    return proof


def _document(proof: LogProof) -> _Document:
    return _Document(
        block_hash=_text(keccak256(proof.header)),
        chain=proof.chain,
        format=FORMAT,
        header=_text(proof.header),
        log_index=proof.log_index,
        log_place=proof.log_place,
        receipt_proof=tuple(map(_text, proof.receipt_proof)),
        transaction_index=proof.transaction_index,
        transaction_proof=tuple(map(_text, proof.transaction_proof)),
    )


def _proven(proof: LogProof, header: Header, receipt: Receipt) -> ProvenLog:
    place, is_first = proof.log_place, proof.transaction_index == 0
    if not 0 <= place < len(receipt.logs):
        raise InvalidProof(f"the receipt has {len(receipt.logs)} logs, and none at place {place}")
    if proof.log_index < place or (is_first and proof.log_index != place):
        raise InvalidProof(f"log {proof.log_index} of the block cannot be log {place} of this receipt")
    log = receipt.logs[place]
    return ProvenLog(
        chain=proof.chain,
        block_number=header.number,
        block_hash=header.hash,
        block_time=header.time_s,
        transaction_index=proof.transaction_index,
        transaction_hash=_transaction_hash(proof, header),
        log_index=proof.log_index,
        log_index_proven=is_first,
        log_place=place,
        address=log.address,
        topics=log.topics,
        data=log.data,
    )


def _transaction_hash(proof: LogProof, header: Header) -> bytes | None:
    if not proof.transaction_proof:
        return None
    transaction = verify_list_proof(header.transactions_root, proof.transaction_index, proof.transaction_proof)
    return transaction_hash(transaction)


def transaction_hash(transaction: bytes) -> bytes:
    """The hash of a transaction as EIP-2718 encodes it, with its blobs beside it or without (EIP-4844).

    Blocks of real chains have no blobs; anvil's do, and its transactions root is over them.
    """
    if transaction[:1] == _BLOB_TYPE:
        with suppress(MalformedRlp):
            fields = decode_list(transaction[1:])
            if fields and isinstance(fields[0], list):
                return keccak256(_BLOB_TYPE + encode(fields[0]))
    return keccak256(transaction)


def _family(chain: str) -> Family:
    try:
        return require_provable(chain)
    except MalformedId as error:
        raise MalformedProof(f"the proof's chain: {error.message}", hint=error.hint) from error


def _text(value: bytes) -> str:
    return "0x" + value.hex()


def _bytes(text: str, field: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise MalformedProof(f"{field} is not hexadecimal: {text[:40]!r}") from error
