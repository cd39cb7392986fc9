"""The recorded exchanges of ethereum/execution-apis are read, each as the method's answer or as its refusal."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from msgspec.json import Decoder

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.header import HeaderAnswer, verified_header
from atlas.indexer.chain.rpc.calls import Call, decoded, results_in_order
from atlas.indexer.chain.rpc.endpoint import Endpoint
from atlas.indexer.errors import EndpointError, EndpointUnavailable, InconsistentAnswers, RangeTooLarge

Result = TypeVar("Result")

_header: Decoder[HeaderAnswer | None] = Decoder(HeaderAnswer | None)


class Replies:
    """Calls that are all answered with one recorded body; ``asked`` are the calls made."""

    display_url = "recorded"

    def __init__(self, body: bytes) -> None:
        self.asked: list[Call] = []
        self._body = msgspec.json.encode(msgspec.json.decode(body) | {"id": 0})

    def call(self, method: str, parameters: Sequence[Any], decoder: Decoder[Result]) -> Result:
        return self.batch([(method, parameters)], decoder)[0]

    def batch(self, calls: Sequence[Call], decoder: Decoder[Result]) -> list[Result]:
        return [decoded(result, decoder, "recorded") for result in self.results(calls)]

    def results(self, calls: Sequence[Call]) -> list[msgspec.Raw]:
        self.asked.extend(calls)
        return results_in_order(self._body, len(calls), "recorded")

    def close(self) -> None:
        """Nothing is open."""


def exchanges(directory: Path, method: str) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """Name, request and answer of each recorded exchange of ``method``."""
    for file in sorted((directory / "execution-apis" / "tests" / method).glob("*.io")):
        lines = file.read_bytes().splitlines()
        request = next(line[3:] for line in lines if line.startswith(b">> "))
        answer = next(line[3:] for line in lines if line.startswith(b"<< "))
        yield file.stem, msgspec.json.decode(request), answer


def block_filter(asked: dict[str, Any]) -> LogFilter:
    addresses, topics = asked.get("address"), asked.get("topics")
    return LogFilter(
        None if addresses is None else tuple(bytes.fromhex(address[2:]) for address in addresses),
        None if not topics or not topics[0] else tuple(bytes.fromhex(topic[2:]) for topic in topics[0]),
    )


def test_headers_hash_to_their_hash(conformance_data: Path) -> None:
    read = 0
    for method in ("eth_getBlockByNumber", "eth_getBlockByHash"):
        for _, _, answer in exchanges(conformance_data, method):
            header = Replies(answer).call(method, [], _header)
            read += header is not None and verified_header(header).number >= 0
    assert read >= 10


def test_headers_are_asked_for_as_recorded(conformance_data: Path) -> None:
    for name, request, answer in exchanges(conformance_data, "eth_getBlockByNumber"):
        replies = Replies(answer)
        source = Endpoint(replies)
        tag = request["params"][0]
        if tag in ("latest", "finalized", "safe"):
            header = source.head() if tag == "latest" else source.finalized(tag)
            assert header is not None
        elif name == "get-block-notfound":
            with pytest.raises(InconsistentAnswers):
                source.headers([int(tag, 16)])
        else:
            assert source.headers([int(tag, 16)])[0].number == int(tag, 16)
        assert replies.asked == [("eth_getBlockByNumber", [tag, False])]


def test_logs_are_read_alike_in_columns_and_one_by_one(conformance_data: Path) -> None:
    rows = 0
    for _, request, answer in exchanges(conformance_data, "eth_getLogs"):
        asked = request["params"][0]
        if b'"error"' in answer:
            continue
        first, last = int(asked.get("fromBlock", "0x0"), 16), int(asked.get("toBlock", "0x0"), 16)
        columns = Endpoint(Replies(answer)).log_columns(first, last, block_filter(asked))
        logs = Endpoint(Replies(answer)).logs_in_range(first, last, LogFilter((bytes(20),)))
        assert columns["data"].to_pylist() == [log.data for log in logs]
        assert columns["topic1"].to_pylist() == [log.topics[1] if len(log.topics) > 1 else None for log in logs]
        assert columns["block_hash"].to_pylist() == [log.block_hash for log in logs]
        rows += len(logs)
    assert rows >= 5


def test_refused_logs_are_endpoint_errors_of_their_kind(conformance_data: Path) -> None:
    refusals: dict[str, type[EndpointError]] = {}
    for name, _, answer in exchanges(conformance_data, "eth_getLogs"):
        if b'"error"' in answer:
            with pytest.raises(EndpointError) as caught:
                Endpoint(Replies(answer)).log_columns(1, 2, LogFilter())
            refusals[name] = type(caught.value)
    assert refusals["filter-error-future-block-range"] is EndpointUnavailable
    assert len(refusals) == 3
    assert RangeTooLarge not in refusals.values(), "none of them asks for a smaller range"


def test_the_chain_id_is_read(conformance_data: Path) -> None:
    ((_, _, answer),) = exchanges(conformance_data, "eth_chainId")
    assert Endpoint(Replies(answer)).chain_number() == 3503995874084926
