"""The source over JSON-RPC: Ethereum's ``eth_`` methods (execution-apis)."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from msgspec.json import Decoder

from atlas.indexer.chain.columns import parse_log_columns
from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.header import Header, HeaderAnswer, verified_header
from atlas.indexer.chain.hexadecimal import format_data, format_quantity, parse_data, parse_quantity
from atlas.indexer.chain.logs import Logs
from atlas.indexer.chain.rpc.calls import Call, Calls, RpcClient
from atlas.indexer.chain.rpc.refusals import METHOD_NOT_FOUND
from atlas.indexer.chain.source import FinalityTag, Log
from atlas.indexer.errors import (
    EndpointRefused,
    FinalityUnknown,
    HistoryPruned,
    InconsistentAnswers,
    LyingEndpoint,
    MalformedResponse,
    RangeTooLarge,
    StateUnavailable,
)
from atlas.protocol.logs import LOG_SCHEMA, ArrowBatch

Result = TypeVar("Result")

# geth refuses more than 1,000 addresses, Infura more than 5,000 parameters of a request in all.
MAX_FILTER_ADDRESSES = 500
MAX_FILTER_TOPICS = 500

# JSON-RPC 2.0, section 5.1, and what the merge introduced for a tag that names no block yet.
_INVALID_PARAMETERS = -32602
_UNKNOWN_BLOCK = -39001

_MOVED_HINT = "The chain moved, or several nodes answer behind this URL."

_text: Decoder[str] = Decoder(str)
_header: Decoder[HeaderAnswer | None] = Decoder(HeaderAnswer | None)


class Endpoint:
    """A Source over one JSON-RPC endpoint, or a recording of one; for several threads at once."""

    def __init__(self, client: Calls) -> None:
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
        answer = self._client.call("eth_chainId", [], _text)
        with self._naming("eth_chainId"):
            return parse_quantity(answer, "chain id")

    def call(self, method: str, parameters: Sequence[Any], decoder: Decoder[Result]) -> Result:
        """The result of any other call, by ``decoder``."""
        return self._client.call(method, parameters, decoder)

    def batch(self, calls: Sequence[Call], decoder: Decoder[Result]) -> list[Result]:
        """The results of any other calls, in their order, by ``decoder``."""
        return self._client.batch(calls, decoder)

    def code_size(self, address: bytes, number: int | None = None) -> int:
        """The length of ``eth_getCode``. Raises StateUnavailable when a pruned node is asked about an old block."""
        block = "latest" if number is None else format_quantity(number)
        try:
            answer = self._client.call("eth_getCode", [format_data(address), block], _text)
        except EndpointRefused as error:
            if number is None or error.code >= 0:
                raise
            raise StateUnavailable(
                f"{self.name} cannot say what 0x{address.hex()} was at block {number}: {error.message}",
                code=error.code,
                hint="A pruned node forgets old state: name the start block by its number, or ask an archive node.",
            ) from error
        with self._naming("eth_getCode"):
            return len(parse_data(answer, "code"))

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
        except HistoryPruned:
            raise
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
        with self._naming("eth_getBlockByNumber"):
            return [self._numbered(answer, number) for answer, number in zip(answers, numbers, strict=True)]

    def header(self, block_hash: bytes) -> Header | None:
        """``eth_getBlockByHash``."""
        answer = self._client.call("eth_getBlockByHash", [format_data(block_hash), False], _header)
        with self._naming("eth_getBlockByHash"):
            header = None if answer is None else verified_header(answer)
            if header is not None and header.hash != block_hash:
                raise LyingEndpoint(
                    f"{self.name} was asked for block 0x{block_hash.hex()} and gave 0x{header.hash.hex()}"
                )
        return header

    def logs_in_range(self, first: int, last: int, wanted: LogFilter) -> Sequence[Log]:
        """``eth_getLogs`` from ``first`` to ``last``."""
        return Logs(self.log_columns(first, last, wanted))

    def logs_of_blocks(self, hashes: Sequence[bytes], wanted: LogFilter) -> Sequence[Sequence[Log]]:
        """One batch of ``eth_getLogs`` by block hash (EIP-234): no reorganisation can come in between."""
        return list(map(Logs, self.log_columns_of_blocks(hashes, wanted)))

    def log_columns(self, first: int, last: int, wanted: LogFilter) -> ArrowBatch:
        """``eth_getLogs`` from ``first`` to ``last``, as LOG_SCHEMA."""
        results = self._client.results(_log_calls(_range(first, last), wanted))
        with self._naming(f"eth_getLogs of blocks {first} to {last}"):
            return _merged_columns([parse_log_columns(result) for result in results])

    def log_columns_of_blocks(self, hashes: Sequence[bytes], wanted: LogFilter) -> list[ArrowBatch]:
        """One batch of ``eth_getLogs`` by block hash (EIP-234), each answer as LOG_SCHEMA."""
        groups = [_log_calls(_block(block_hash), wanted) for block_hash in hashes]
        with self._gone():
            results = iter(self._client.results([call for group in groups for call in group]))
        with self._naming("eth_getLogs by block hash"):
            return [_merged_columns([parse_log_columns(next(results)) for _ in group]) for group in groups]

    def _tagged(self, tag: str) -> Header | None:
        answer = self._client.call("eth_getBlockByNumber", [tag, False], _header)
        with self._naming(f'eth_getBlockByNumber["{tag}"]'):
            return None if answer is None else verified_header(answer)

    def _numbered(self, answer: HeaderAnswer | None, number: int) -> Header:
        if answer is None:
            raise InconsistentAnswers(f"{self.name} has no block {number}, though its head is higher", hint=_MOVED_HINT)
        header = verified_header(answer)
        if header.number != number:
            raise LyingEndpoint(f"{self.name} was asked for block {number} and gave block {header.number}")
        return header

    @contextmanager
    def _naming(self, what: str) -> Generator[None]:
        """An answer that is refused says whose it is."""
        try:
            yield
        except (MalformedResponse, LyingEndpoint) as error:
            if not error.message.startswith(self.name):
                error.message = f"{self.name} {what}: {error.message}"
                error.args = (error.message,)
            raise

    @contextmanager
    def _gone(self) -> Generator[None]:
        """A block asked for by its hash is refused when the node no longer has it."""
        try:
            yield
        except (RangeTooLarge, HistoryPruned):
            raise
        except EndpointRefused as error:
            # An HTTP status, or a method that is not there, says nothing about a block.
            if error.code >= 0 or error.code == METHOD_NOT_FOUND:
                raise
            raise InconsistentAnswers(
                f"a block that {self.name} gave before is gone: {error.message}", hint=_MOVED_HINT
            ) from error


def connect(url: str, **options: Any) -> Endpoint:  # noqa: ANN401 - RpcClient says of what kind they are
    """The endpoint at ``url``; nothing is asked yet. ``options`` are those of RpcClient."""
    return Endpoint(RpcClient(url, **options))


def _range(first: int, last: int) -> dict[str, Any]:
    return {"fromBlock": format_quantity(first), "toBlock": format_quantity(last)}


def _block(block_hash: bytes) -> dict[str, Any]:
    return {"blockHash": format_data(block_hash)}


def _log_calls(where: dict[str, Any], wanted: LogFilter) -> list[tuple[str, list[Any]]]:
    """Calls for all logs of ``wanted``: several where it lists more than endpoints take at once."""
    return [
        ("eth_getLogs", [where | _asked("address", addresses) | _asked("topics", topics)])
        for addresses in _portions(wanted.addresses, MAX_FILTER_ADDRESSES)
        for topics in _portions(wanted.topics, MAX_FILTER_TOPICS)
    ]


def _portions(values: Sequence[bytes] | None, size: int) -> list[Sequence[bytes] | None]:
    """``values`` in parts; None, which stands for any, is one part, and no values are none."""
    return [None] if values is None else [values[at : at + size] for at in range(0, len(values), size)]


def _asked(key: str, values: Sequence[bytes] | None) -> dict[str, Any]:
    if values is None:
        return {}
    listed = [format_data(value) for value in values]
    return {key: [listed] if key == "topics" else listed}


def _merged_columns(answers: Sequence[ArrowBatch]) -> ArrowBatch:
    if len(answers) == 1:
        return answers[0]
    joined = pa.concat_batches(answers) if answers else pa.RecordBatch.from_pylist([], LOG_SCHEMA)
    order = np.lexsort((joined["log_index"].to_numpy(), joined["block_number"].to_numpy()))
    return joined.take(pa.array(order))
