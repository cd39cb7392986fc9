"""Endpoints on file: what was asked and answered, a line each, written while indexing and played back offline.

    {"format":"atlas-ledger-rpc","version":1,"endpoint":"https://mainnet.example/v3/***"}
    {"method":"eth_chainId","params":[],"result":"0x1"}
    {"method":"eth_getLogs","params":[{"fromBlock":"0x1","toBlock":"0xff"}],"error":{"code":-32005,"message":"..."}}

JSON lines in UTF-8, compressed when the name ends in .gz or .zst. One question may have several answers: they are
given in the order in which they came, the last one for ever. So a chain grows, and forks, in play as it did.
"""

import io
import os
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
from msgspec.json import Decoder

from atlas.indexer.chain.rpc.calls import Call, Calls, decoded, described
from atlas.indexer.chain.rpc.refusals import RpcError, refusal
from atlas.indexer.chain.sources.log_ranges import LogRanges
from atlas.indexer.errors import EndpointRefused, EndpointUnavailable, MalformedResponse

Result = TypeVar("Result")

FORMAT = "atlas-ledger-rpc"
VERSION = 1
NOT_RECORDED = -32000
_FULL_HINT = "Make room on the disk, and record anew: this recording is not whole."

_Key = tuple[str, bytes]


class Opening(msgspec.Struct, frozen=True):
    """The first line."""

    format: str
    version: int
    endpoint: str


class Exchange(msgspec.Struct, frozen=True, omit_defaults=True):
    """Any other line: a call with its result, or with the error object that it was refused with."""

    method: str
    params: msgspec.Raw
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: RpcError | msgspec.UnsetType = msgspec.UNSET


class BlockAnswer(msgspec.Struct, frozen=True):
    """Of a block, what tells which one it is."""

    hash: str | None = None
    number: str | None = None


_opening: Decoder[Opening] = Decoder(Opening)
_exchange: Decoder[Exchange] = Decoder(Exchange)
_block: Decoder[BlockAnswer | None] = Decoder(BlockAnswer | None)


class Recorder:
    """Calls that are passed on to ``calls`` and written to ``path``, which must not exist; for several threads.

    What fails for lack of an answer is not written: a recording has what an endpoint said. Raises
    EndpointUnavailable when the file cannot be written.
    """

    def __init__(self, calls: Calls, path: Path) -> None:
        self.display_url = calls.display_url
        self._calls = calls
        self._path = path
        self._lock = threading.Lock()
        with self._recording("Name a new file."):
            path.touch(exist_ok=False)
            self._file = pa.output_stream(os.fspath(path), compression="detect")
        self._write(Opening(FORMAT, VERSION, calls.display_url))

    def call(self, method: str, parameters: Sequence[Any], decoder: Decoder[Result]) -> Result:
        """As ``Calls.call``."""
        return self.batch([(method, parameters)], decoder)[0]

    def batch(self, calls: Sequence[Call], decoder: Decoder[Result]) -> list[Result]:
        """As ``Calls.batch``."""
        where = f"{self.display_url} {described(calls)}" if calls else self.display_url
        return [decoded(result, decoder, where) for result in self.results(calls)]

    def results(self, calls: Sequence[Call]) -> list[msgspec.Raw]:
        """As ``Calls.results``."""
        try:
            results = self._calls.results(calls)
        except EndpointRefused as error:
            if len(calls) == 1:
                said = error.message.rpartition(f"error {error.code}: ")[2]
                self._write(Exchange(calls[0][0], _raw(calls[0][1]), error=RpcError(error.code, said)))
            raise
        self._write(
            *(
                Exchange(method, _raw(parameters), result)
                for (method, parameters), result in zip(calls, results, strict=True)
            )
        )
        return results

    def close(self) -> None:
        """Finish the file, and close the connections."""
        self._calls.close()
        with self._lock, self._recording(_FULL_HINT):
            if not self._file.closed:
                self._file.close()

    def _write(self, *lines: Opening | Exchange) -> None:
        with self._lock, self._recording(_FULL_HINT):
            self._file.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
            self._file.flush()

    @contextmanager
    def _recording(self, hint: str) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise EndpointUnavailable(f"cannot record to {self._path}: {error}", hint=hint) from error


class Recording:
    """Calls answered from the recording at ``path``, which is held in memory; for several threads.

    A range of logs need not have been asked for in one piece: it is put together from those that were, with the
    same filter. Raises EndpointUnavailable when there is no such file, MalformedResponse when it is no recording.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._answers: dict[_Key, list[Exchange]] = {}
        self._played: dict[_Key, int] = {}
        self._logs = LogRanges()
        lines = _lines(path)
        opening = _parsed(_opening, next(lines, (1, b"")), path)
        if (opening.format, opening.version) != (FORMAT, VERSION):
            raise MalformedResponse(
                f"{path} is in the format {opening.format} {opening.version}, not {FORMAT} {VERSION}",
                hint="Was it written by another version?",
            )
        self.display_url = f"{opening.endpoint} as recorded in {path.name}"
        for line in lines:
            self._learn(_parsed(_exchange, line, path))

    def call(self, method: str, parameters: Sequence[Any], decoder: Decoder[Result]) -> Result:
        """As ``Calls.call``."""
        return self.batch([(method, parameters)], decoder)[0]

    def batch(self, calls: Sequence[Call], decoder: Decoder[Result]) -> list[Result]:
        """As ``Calls.batch``."""
        where = f"{self.display_url} {described(calls)}" if calls else self.display_url
        return [decoded(result, decoder, where) for result in self.results(calls)]

    def results(self, calls: Sequence[Call]) -> list[msgspec.Raw]:
        """As ``Calls.results``."""
        return [self._result(call) for call in calls]

    def close(self) -> None:
        """As ``Calls.close``; there is nothing to close."""

    def _learn(self, exchange: Exchange) -> None:
        self._answers.setdefault((exchange.method, bytes(exchange.params)), []).append(exchange)
        if not isinstance(exchange.result, msgspec.Raw):
            return
        if exchange.method == "eth_getLogs":
            with self._damaged():
                self._logs.learn(exchange.params, exchange.result)
        elif exchange.method in ("eth_getBlockByNumber", "eth_getBlockByHash"):
            block = decoded(exchange.result, _block, self.display_url)
            if block is not None and block.hash is not None and block.number is not None:
                self._logs.learn_block(block.hash, block.number)

    def _result(self, call: Call) -> msgspec.Raw:
        where = f"{self.display_url} {described([call])}"
        answer = self._next((call[0], bytes(_raw(call[1]))))
        if answer is None:
            return self._together(call, where)
        if isinstance(answer.error, RpcError):
            raise refusal(answer.error, where)
        if isinstance(answer.result, msgspec.Raw):
            return answer.result
        raise MalformedResponse(f"{where}: neither a result nor an error", hint="The recording is damaged.")

    def _together(self, call: Call, where: str) -> msgspec.Raw:
        """The answer to a call that was not recorded, as it follows from others that were."""
        with self._damaged():
            result = self._logs.find(_raw(call[1])) if call[0] == "eth_getLogs" else None
        if result is None:
            raise EndpointRefused(
                f"{where}: not in the recording", code=NOT_RECORDED, hint="Index what was indexed when recording."
            )
        return result

    @contextmanager
    def _damaged(self) -> Generator[None]:
        try:
            yield
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedResponse(f"{self.display_url}: {error}", hint="The recording is damaged.") from error

    def _next(self, key: _Key) -> Exchange | None:
        answers = self._answers.get(key)
        if answers is None:
            return None
        with self._lock:
            played = self._played.get(key, 0)
            self._played[key] = played + 1
        return answers[min(played, len(answers) - 1)]


def _raw(parameters: Sequence[Any]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(parameters))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of the file at ``path`` with their numbers, from 1."""
    try:
        with io.BufferedReader(pa.input_stream(os.fspath(path), compression="detect")) as file:
            yield from enumerate(file, 1)
    except OSError as error:
        raise EndpointUnavailable(f"cannot read {path}: {error}", hint="Is it there, and whole?") from error


def _parsed(decoder: Decoder[Result], line: tuple[int, bytes], path: Path) -> Result:
    try:
        return decoder.decode(line[1])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedResponse(
            f"{path}, line {line[0]}: {error}", hint="Is this a recording, and was it written to its end?"
        ) from error
