"""What is kept about a lie, and what is not kept twice."""

from collections.abc import Iterator

import pytest

from atlas.indexer.chain.schema import MIGRATIONS as STATE_MIGRATIONS
from atlas.indexer.chain.verification import evidence as module
from atlas.indexer.chain.verification.evidence import (
    MIGRATIONS,
    REQUEST_KEPT_BYTES,
    RESPONSE_KEPT_BYTES,
    evidence,
    keep_evidence,
)
from atlas.indexer.errors import Exchange, LyingEndpoint
from atlas.ledger import schema
from atlas.ledger.database import Database
from atlas.ledger.migrations import migrate
from tests.anvil import CHAIN

ENDPOINT = "https://node.example.org/***"
EXCHANGE = Exchange(b'[{"method":"eth_getBlockReceipts"}]', b"[]")


@pytest.fixture
def kept(database_url: str) -> Iterator[Database]:
    with Database(database_url) as database:
        migrate(database, [*schema.MIGRATIONS, *STATE_MIGRATIONS, *MIGRATIONS])
        yield database


def lie(message: str = "a log was left out", **told: object) -> LyingEndpoint:
    return LyingEndpoint(message, **({"header_rlp": b"header", "exchange": EXCHANGE} | told))  # type: ignore[arg-type]


def test_a_lie_is_kept_with_what_was_said(kept: Database) -> None:
    keep_evidence(kept, CHAIN, ENDPOINT, lie())
    (one,) = evidence(kept)
    assert (one.chain, one.endpoint, one.reason, one.times) == (CHAIN, ENDPOINT, "a log was left out", 1)
    assert (one.header, one.request, one.response) == (b"header", EXCHANGE.request, EXCHANGE.response)
    assert (one.response_bytes, len(one.response_sha256)) == (2, 32)


def test_the_same_lie_told_again_is_counted(kept: Database) -> None:
    for _ in range(3):
        keep_evidence(kept, CHAIN, ENDPOINT, lie())
    (one,) = evidence(kept)
    assert one.times == 3
    assert one.last_seen_at >= one.first_seen_at


def test_another_lie_is_another_row_the_newest_first(kept: Database) -> None:
    keep_evidence(kept, CHAIN, ENDPOINT, lie())
    keep_evidence(kept, CHAIN, ENDPOINT, lie("another reason"))
    keep_evidence(kept, CHAIN, ENDPOINT, lie(header_rlp=b"another header"))
    keep_evidence(kept, CHAIN, ENDPOINT, lie(exchange=Exchange(b"", b"another answer")))
    keep_evidence(kept, CHAIN, "https://other.example.org", lie())
    keep_evidence(kept, "eip155:1", ENDPOINT, lie())
    assert len(evidence(kept)) == 6
    assert [one.chain for one in evidence(kept, limit=2)] == ["eip155:1", CHAIN]
    assert len(evidence(kept, chain=CHAIN)) == 5


def test_an_endpoint_that_never_tells_the_same_lie_drops_only_its_own_oldest(
    kept: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_OF_ENDPOINT", 3)
    keep_evidence(kept, CHAIN, "http://another/***", lie())
    for number in range(5):
        keep_evidence(kept, CHAIN, ENDPOINT, lie(f"lie {number}"))
    assert [one.reason for one in evidence(kept)] == ["lie 4", "lie 3", "lie 2", lie().message]


def test_a_long_answer_is_kept_in_part_and_known_by_its_hash(kept: Database) -> None:
    long = Exchange(b"q" * (REQUEST_KEPT_BYTES + 1), b"r" * (RESPONSE_KEPT_BYTES + 1))
    keep_evidence(kept, CHAIN, ENDPOINT, lie(exchange=long))
    keep_evidence(kept, CHAIN, ENDPOINT, lie(exchange=Exchange(long.request, long.response + b"!")))
    second, first = evidence(kept)
    assert (len(first.request), len(first.response)) == (REQUEST_KEPT_BYTES, RESPONSE_KEPT_BYTES)
    assert (first.response_bytes, second.response_bytes) == (RESPONSE_KEPT_BYTES + 1, RESPONSE_KEPT_BYTES + 2)
    assert first.response_sha256 != second.response_sha256


def test_a_lie_without_an_exchange_and_with_any_words_is_kept(kept: Database) -> None:
    keep_evidence(kept, CHAIN, ENDPOINT, LyingEndpoint("it said \x00 and \ud800"))
    (one,) = evidence(kept)
    assert one.reason == "it said \\x00 and \\ud800"
    assert (one.header, one.request, one.response) == (b"", b"", b"")
