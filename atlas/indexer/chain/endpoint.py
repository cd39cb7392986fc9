"""The source over JSON-RPC: Ethereum's ``eth_`` methods (execution-apis)."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.json import Decoder

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.header import Header, HeaderAnswer, verified_header
from atlas.indexer.chain.hexadecimal import format_data, format_quantity, parse_count, parse_data, parse_quantity
from atlas.indexer.chain.rpc import RpcClient
from atlas.indexer.chain.source import FinalityTag, Log
from atlas.indexer.errors import (
    EndpointRefused,
    FinalityUnknown,
    InconsistentAnswers,
    LyingEndpoint,
    MalformedResponse,
    RangeTooLarge,
    StateUnavailable,
)

MAX_TOPICS = 4

# JSON-RPC 2.0, section 5.1, and what the merge introduced for a tag that names no block yet.
_INVALID_PARAMETERS = -32602
_UNKNOWN_BLOCK = -39001


class LogAnswer(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One log of an ``eth_getLogs`` answer, as text."""

    address: str
    topics: tuple[str, ...]
    data: str
    block_number: str
    block_hash: str
    transaction_hash: str
    transaction_index: str
    log_index: str
    removed: bool = False


_text: Decoder[str] = Decoder(str)
_header: Decoder[HeaderAnswer | None] = Decoder(HeaderAnswer | None)
_logs: Decoder[list[LogAnswer]] = Decoder(list[LogAnswer])


class Endpoint:
    """A Source over one JSON-RPC endpoint."""

    def __init__(self, client: RpcClient) -> None:
        self._client = client

    @property
    def name(self) -> str:
        """The endpoint's URL, its secrets masked."""
        return self._client.display_url

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def chain_number(self) -> int:
        """``eth_chainId``."""
        return parse_quantity(self._client.call("eth_chainId", [], _text), "chain id")

    def code_size(self, address: bytes, number: int | None = None) -> int:
        """The length of ``eth_getCode``. Raises StateUnavailable when a pruned node is asked about an old block."""
        block = "latest" if number is None else format_quantity(number)
        try:
            return len(parse_data(self._client.call("eth_getCode", [format_data(address), block], _text), "code"))
        except EndpointRefused as error:
            if number is None or isinstance(error, RangeTooLarge):
                raise
            raise StateUnavailable(
                f"{self.name} cannot say what 0x{address.hex()} was at block {number}: {error.message}",
                code=error.code,
                hint="A pruned node forgets old state: name the start block by its number, or ask an archive node.",
            ) from error

    def head(self) -> Header:
        """The block tagged ``latest``."""
        header = self._tagged("latest")
        if header is None:
            raise MalformedResponse(f"{self.name} has no latest block", hint="The node has no chain yet.")
        return header

    def finalized(self, tag: FinalityTag = "finalized") -> Header | None:
        """The block with this tag. Raises FinalityUnknown."""
        try:
            return self._tagged(tag)
        except EndpointRefused as error:
            words = error.message.rpartition(f"error {error.code}: ")[2].lower()
            # Before the first finalized block some nodes answer null, others with an error.
            if error.code == _UNKNOWN_BLOCK or "not found" in words:
                return None
            # Any other refusal (a quota, a broken database) says nothing about what is final.
            if error.code == _INVALID_PARAMETERS or tag in words or "block tag" in words:
                raise FinalityUnknown(error.message, code=error.code, hint=error.hint) from error
            raise

    def headers(self, numbers: Sequence[int]) -> list[Header]:
        """One batch of ``eth_getBlockByNumber``."""
        calls = [("eth_getBlockByNumber", [format_quantity(number), False]) for number in numbers]
        answers = self._client.batch(calls, _header)
        return [self._numbered(answer, number) for answer, number in zip(answers, numbers, strict=True)]

    def header(self, block_hash: bytes) -> Header | None:
        """``eth_getBlockByHash``."""
        answer = self._client.call("eth_getBlockByHash", [format_data(block_hash), False], _header)
        header = None if answer is None else verified_header(answer)
        if header is not None and header.hash != block_hash:
            raise LyingEndpoint(f"{self.name} was asked for block 0x{block_hash.hex()} and gave 0x{header.hash.hex()}")
        return header

    def logs_in_range(self, first: int, last: int, wanted: LogFilter) -> list[Log]:
        """``eth_getLogs`` from ``first`` to ``last``."""
        return self._logs([{"fromBlock": format_quantity(first), "toBlock": format_quantity(last)}], wanted)[0]

    def logs_of_blocks(self, hashes: Sequence[bytes], wanted: LogFilter) -> list[list[Log]]:
        """One batch of ``eth_getLogs`` by block hash (EIP-234): no reorganisation can come in between."""
        try:
            return self._logs([{"blockHash": format_data(block_hash)} for block_hash in hashes], wanted)
        except RangeTooLarge:
            raise
        except EndpointRefused as error:
            raise InconsistentAnswers(
                f"a block that {self.name} gave before is gone: {error.message}",
                hint="The chain moved, or several nodes answer behind this URL.",
            ) from error

    def _logs(self, places: Sequence[dict[str, Any]], wanted: LogFilter) -> list[list[Log]]:
        what = _filter(wanted)
        calls = [("eth_getLogs", [{**where, **what}]) for where in places]
        answers = self._client.batch(calls, _logs)
        return [[_log(answer) for answer in logs] for logs in answers]

    def _tagged(self, tag: str) -> Header | None:
        answer = self._client.call("eth_getBlockByNumber", [tag, False], _header)
        return None if answer is None else verified_header(answer)

    def _numbered(self, answer: HeaderAnswer | None, number: int) -> Header:
        if answer is None:
            raise InconsistentAnswers(
                f"{self.name} has no block {number}, though its head is higher",
                hint="The chain moved, or several nodes answer behind this URL.",
            )
        header = verified_header(answer)
        if header.number != number:
            raise LyingEndpoint(f"{self.name} was asked for block {number} and gave block {header.number}")
        return header


def _filter(wanted: LogFilter) -> dict[str, Any]:
    """The part of a filter object that says which logs."""
    what: dict[str, Any] = {}
    if wanted.addresses is not None:
        what["address"] = [format_data(address) for address in wanted.addresses]
    if wanted.topics is not None:
        what["topics"] = [[format_data(topic) for topic in wanted.topics]]
    return what


def _log(answer: LogAnswer) -> Log:
    """The log in ``answer``. Raises MalformedResponse, LyingEndpoint for a removed log."""
    if answer.removed:
        raise LyingEndpoint(f"a log of block {answer.block_hash} is marked as removed, in an answer about that block")
    if len(answer.topics) > MAX_TOPICS:
        raise MalformedResponse(f"a log has at most {MAX_TOPICS} topics, not {len(answer.topics)}")
    return Log(
        block_number=parse_count(answer.block_number, "blockNumber"),
        block_hash=parse_data(answer.block_hash, "blockHash", length=32),
        tx_hash=parse_data(answer.transaction_hash, "transactionHash", length=32),
        tx_index=parse_count(answer.transaction_index, "transactionIndex"),
        log_index=parse_count(answer.log_index, "logIndex"),
        address=parse_data(answer.address, "address", length=20),
        topics=tuple(parse_data(topic, "topic", length=32) for topic in answer.topics),
        data=parse_data(answer.data, "data"),
    )


def connect(url: str) -> Endpoint:
    """The endpoint at ``url``; nothing is asked yet."""
    return Endpoint(RpcClient(url))
