"""The receipts of a block: asked for, and held against its header until nothing is left to trust.

    -> eth_getBlockReceipts([block hash])                                     all at once
    -> eth_getBlockByHash([block hash, false]), eth_getTransactionReceipt     where a node does not know the first

Proven for a block whose receipts verify: every log of it, its place and its index, and that there is no other.
Not proven: the transaction hash that a log is reported with, which no receipt has. It has to be the same in
all logs of a transaction and another one in every transaction.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.json import Decoder

from atlas.indexer.chain.header import Header
from atlas.indexer.chain.hexadecimal import format_data, format_quantity, parse_count, parse_data, parse_quantity
from atlas.indexer.chain.rpc.calls import Caller
from atlas.indexer.chain.rpc.refusals import METHOD_NOT_FOUND
from atlas.indexer.chain.source import Log
from atlas.indexer.errors import EndpointRefused, Exchange, InconsistentAnswers, LyingEndpoint, MalformedResponse
from atlas.protocol.evm.bloom import BLOOM_BYTES
from atlas.protocol.evm.errors import MalformedReceipt, ReceiptsDisagree, UnknownReceiptType
from atlas.protocol.evm.families import ETHEREUM, Family, state_sync_transaction
from atlas.protocol.evm.receipts import FAILED, MAX_TOPICS, SUCCEEDED, Receipt, ReceiptLog
from atlas.protocol.evm.roots import require_receipts
from atlas.protocol.evm.trie import list_root

Result = TypeVar("Result")

MAX_TYPE = 0x7F  # EIP-2718

# How nodes without the method word it under other codes than METHOD_NOT_FOUND.
_UNKNOWN_METHOD_WORDS = ("method not found", "does not exist", "not available", "not supported", "unsupported method")


class ReceiptLogAnswer(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A log inside a receipt, as text."""

    address: str
    topics: tuple[str, ...]
    data: str
    log_index: str
    transaction_hash: str
    block_hash: str


class ReceiptAnswer(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The fields of an ``eth_getTransactionReceipt`` answer that are used, as text.

    ``deposit_nonce`` and ``deposit_receipt_version`` are of the OP stack.
    """

    block_hash: str
    transaction_hash: str
    transaction_index: str
    cumulative_gas_used: str
    logs_bloom: str
    logs: tuple[ReceiptLogAnswer, ...]
    type: str = "0x0"
    status: str | None = None
    root: str | None = None
    deposit_nonce: str | None = None
    deposit_receipt_version: str | None = None


class BlockReceipts(msgspec.Struct, frozen=True):
    """A block's receipts as an endpoint gave them, not verified yet, and how it did."""

    answers: tuple[ReceiptAnswer, ...]
    exchange: Exchange


class _Transactions(msgspec.Struct, frozen=True):
    transactions: tuple[str, ...]


_raw: Decoder[msgspec.Raw] = Decoder(msgspec.Raw)
_receipts: Decoder[tuple[ReceiptAnswer, ...] | None] = Decoder(tuple[ReceiptAnswer, ...] | None)
_receipt: Decoder[ReceiptAnswer | None] = Decoder(ReceiptAnswer | None)
_block: Decoder[_Transactions | None] = Decoder(_Transactions | None)


def fetch_receipts(caller: Caller, header: Header) -> BlockReceipts:
    """The receipts of ``header``'s block. Raises EndpointError, InconsistentAnswers when the block is not there."""
    return fetch_receipts_of(caller, [header])[0]


def fetch_receipts_of(caller: Caller, headers: Sequence[Header]) -> list[BlockReceipts]:
    """The receipts of each block, all asked for in one batch. Raises what fetch_receipts raises."""
    calls = [("eth_getBlockReceipts", [format_data(header.hash)]) for header in headers]
    try:
        responses = caller.batch(calls, _raw)
    except EndpointRefused as error:
        if not _is_unknown_method(error):
            raise
        return [_fetch_one_by_one(caller, header) for header in headers]
    return [_given(header, call, bytes(said)) for header, call, said in zip(headers, calls, responses, strict=True)]


def fetch_transactions(caller: Caller, header: Header, count: int) -> list[bytes] | None:
    """The block's ``count`` transactions as EIP-2718 encodes them, None where the node does not give them raw.

    Raises LyingEndpoint when they are not those that the header commits to, and any other EndpointError.
    """
    name = "eth_getRawTransactionByBlockHashAndIndex"
    calls = [(name, [format_data(header.hash), format_quantity(index)]) for index in range(count)]
    try:
        answers = caller.batch(calls, Decoder(str | None))
    except EndpointRefused as error:
        if _is_unknown_method(error):
            return None
        raise
    if None in answers:
        return None
    transactions = [parse_data(answer, "a raw transaction") for answer in answers if answer is not None]
    if list_root(transactions) != header.transactions_root:
        raise LyingEndpoint(
            f"the raw transactions of block {header.number} are not those that its header commits to",
            hint="Ask another endpoint.",
            header_rlp=header.rlp,
        )
    return transactions


def verify_block_receipts(header: Header, receipts: BlockReceipts, family: Family = ETHEREUM) -> tuple[Log, ...]:
    """All logs of the block, proven by the receipts root of ``header``, whose hash was verified before.

    Raises LyingEndpoint with the exchange and the header, MalformedResponse for fields out of form,
    UnknownReceiptType for receipts of a fork or family that is not known here. On Polygon PoS, logs of state
    sync that the header does not commit to are left out.
    """
    return _verified(header, receipts, family)[1]


def consensus_receipts(header: Header, receipts: BlockReceipts, family: Family = ETHEREUM) -> list[Receipt]:
    """The receipts that ``header`` commits to, in their consensus form. Raises what verify_block_receipts raises."""
    return _verified(header, receipts, family)[0]


def to_receipt(answer: ReceiptAnswer) -> Receipt:
    """The consensus fields in ``answer``. Raises MalformedResponse."""
    receipt_type = parse_quantity(answer.type, "type")
    if receipt_type > MAX_TYPE:
        raise MalformedResponse(f"the type of a receipt is at most 0x7f, not {answer.type}")
    bloom = parse_data(answer.logs_bloom, "logsBloom", length=BLOOM_BYTES)
    return Receipt(
        receipt_type=receipt_type,
        outcome=_outcome(answer),
        cumulative_gas=parse_quantity(answer.cumulative_gas_used, "cumulativeGasUsed"),
        logs_bloom=int.from_bytes(bloom, "big"),
        logs=tuple(map(_receipt_log, answer.logs)),
        trailing=_trailing(answer),
    )


class _Contradiction(LyingEndpoint):
    """One answer that does not agree with itself."""


def _given(header: Header, call: tuple[str, Sequence[Any]], response: bytes) -> BlockReceipts:
    return BlockReceipts(_decoded(_receipts, response, header), Exchange(_calls([call]), response))


def _fetch_one_by_one(caller: Caller, header: Header) -> BlockReceipts:
    ask = ("eth_getBlockByHash", [format_data(header.hash), False])
    answer = bytes(caller.call(*ask, _raw))
    block = _decoded(_block, answer, header)
    calls = [("eth_getTransactionReceipt", [transaction]) for transaction in block.transactions]
    results = [bytes(result) for result in caller.batch(calls, _raw)]
    exchange = Exchange(_calls([ask, *calls]), b"[" + b",".join([answer, *results]) + b"]")
    return BlockReceipts(tuple(_decoded(_receipt, result, header) for result in results), exchange)


def _decoded(decoder: Decoder[Result | None], response: bytes, header: Header) -> Result:
    try:
        answer = decoder.decode(response)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedResponse(
            f"the receipts of block {header.number}: {error}", hint="The answer is JSON, but no receipts."
        ) from error
    if answer is None:
        raise _gone(header)
    return answer


def _gone(header: Header) -> InconsistentAnswers:
    return InconsistentAnswers(
        f"there are no receipts of block {header.number} 0x{header.hash.hex()}, whose header was given before",
        hint="The chain moved, the node pruned its receipts, or several nodes answer behind this URL.",
    )


def _calls(calls: Sequence[tuple[str, Sequence[Any]]]) -> bytes:
    return msgspec.json.encode([{"method": method, "params": parameters} for method, parameters in calls])


def _is_unknown_method(error: EndpointRefused) -> bool:
    words = error.message.lower()
    return error.code == METHOD_NOT_FOUND or any(word in words for word in _UNKNOWN_METHOD_WORDS)


def _committed(header: Header, answers: tuple[ReceiptAnswer, ...], family: Family) -> tuple[ReceiptAnswer, ...]:
    """The answers without one of Polygon's that no header commits to."""
    if family.has_unproven_state_sync and answers:
        derived = format_data(state_sync_transaction(header.number, header.hash))
        if answers[-1].transaction_hash.lower() == derived:
            return answers[:-1]
    return answers


def _outcome(answer: ReceiptAnswer) -> bytes:
    # Some nodes send both; the status is the younger rule.
    if answer.status is not None:
        status = parse_quantity(answer.status, "status")
        if status > 1:
            raise MalformedResponse(f"the status of a receipt is 0x0 or 0x1, not {answer.status}")
        return SUCCEEDED if status else FAILED
    if answer.root is None:
        raise MalformedResponse("a receipt has a status, or a root before Byzantium; this one has neither")
    return parse_data(answer.root, "root", length=32)


def _trailing(answer: ReceiptAnswer) -> tuple[int, ...]:
    """The nonce and version of a deposit: only a versioned receipt's hash has them."""
    if answer.deposit_receipt_version is None:
        return ()
    nonce = parse_count(answer.deposit_nonce or "0x0", "depositNonce")
    return nonce, parse_count(answer.deposit_receipt_version, "depositReceiptVersion")


def _receipt_log(answer: ReceiptLogAnswer) -> ReceiptLog:
    if len(answer.topics) > MAX_TOPICS:
        raise MalformedResponse(f"a log has at most {MAX_TOPICS} topics, not {len(answer.topics)}")
    return ReceiptLog(
        address=parse_data(answer.address, "address", length=20),
        topics=tuple(parse_data(topic, "topic", length=32) for topic in answer.topics),
        data=parse_data(answer.data, "data"),
    )


def _verified(header: Header, given: BlockReceipts, family: Family) -> tuple[list[Receipt], tuple[Log, ...]]:
    answers = _committed(header, given.answers, family)
    receipts = list(map(to_receipt, answers))
    try:
        require_receipts(header, receipts, family)
        return receipts, tuple(_logs(header, answers, receipts))
    except UnknownReceiptType:
        raise
    except (ReceiptsDisagree, MalformedReceipt, _Contradiction) as error:
        hint = error.hint or "Ask another endpoint."
        raise LyingEndpoint(error.message, hint=hint, header_rlp=header.rlp, exchange=given.exchange) from error


def _logs(header: Header, answers: Sequence[ReceiptAnswer], receipts: Sequence[Receipt]) -> Iterator[Log]:
    """The logs of all receipts, numbered through; what is reported beside the consensus fields has to agree."""
    hashes = [parse_data(answer.transaction_hash, "transactionHash", length=32) for answer in answers]
    if len(set(hashes)) != len(hashes):
        raise _Contradiction(f"two receipts of block {header.number} are of the same transaction")
    log_index = 0
    for index, (answer, receipt, transaction) in enumerate(zip(answers, receipts, hashes, strict=True)):
        _require(answer.block_hash, header.hash, f"blockHash of receipt {index}")
        if parse_count(answer.transaction_index, "transactionIndex") != index:
            raise _Contradiction(
                f"receipt {index} of block {header.number} says to be number {answer.transaction_index}"
            )
        for said, log in zip(answer.logs, receipt.logs, strict=True):
            _require_place(said, header, transaction, log_index)
            yield Log(
                block_number=header.number,
                block_hash=header.hash,
                tx_hash=transaction,
                tx_index=index,
                log_index=log_index,
                address=log.address,
                topics=log.topics,
                data=log.data,
            )
            log_index += 1


def _require_place(said: ReceiptLogAnswer, header: Header, transaction: bytes, log_index: int) -> None:
    where = f"log {log_index} of block {header.number}"
    _require(said.block_hash, header.hash, f"blockHash of {where}")
    _require(said.transaction_hash, transaction, f"transactionHash of {where}")
    if parse_count(said.log_index, "logIndex") != log_index:
        raise _Contradiction(f"{where} is numbered {said.log_index} by the endpoint")


def _require(text: str, expected: bytes, name: str) -> None:
    if parse_data(text, name, length=len(expected)) != expected:
        raise _Contradiction(f"the {name} is 0x{expected.hex()}, but the endpoint says {text}")
