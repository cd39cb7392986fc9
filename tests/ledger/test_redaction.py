import pytest
from eventsourcing.utils import Environment

from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.database import Database
from atlas.ledger.errors import AlteredFact, ConflictingFact, InvalidFact, MissingFact, RefusedRedaction
from atlas.ledger.log import Fact, Ledger
from atlas.ledger.merkle.rfc6962 import leaf_hash, verify_inclusion
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.operations.redacting import redact
from atlas.ledger.persistence import LedgerFactory, environment
from atlas.ledger.recording.entries import Entry, entry_of
from atlas.ledger.redaction import (
    ARCHIVING_LOCK,
    TOPIC,
    PayloadRedacted,
    decode_redaction,
    encode_redaction,
    redaction_stream,
)
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.examples import facts, stream

SIGNER = Signer("log.example.org/ledger", bytes(range(32)))
FACTS = facts("a", 300, payload_bytes=400)


def decide(ledger: Ledger, position: int, reason: str = "court order 7") -> PayloadRedacted:
    return redact(ledger, position, reason=reason, authoriser="data protection officer", decided_at_ms=1_000)


@pytest.fixture
def ledger(ledger: Ledger, database: Database) -> Ledger:
    ledger.append(FACTS)
    Checkpointer(database, SIGNER).checkpoint()
    return ledger


def test_the_decision_is_recorded_and_the_payload_is_gone(ledger: Ledger, database: Database) -> None:
    decision = decide(ledger, 257)
    recorded = ledger.stream(redaction_stream(257))
    assert [(fact.position, fact.topic) for fact in recorded] == [(301, TOPIC)]
    assert decode_redaction(recorded[0].payload) == decision
    assert (decision.reason, decision.authoriser) == ("court order 7", "data protection officer")
    with database.connection() as connection:
        assert connection.execute("select payload from ledger.events where position = 257").fetchall() == [(None,)]


def test_reading_says_so_in_every_form(ledger: Ledger, database: Database) -> None:
    decision = decide(ledger, 257)
    (fact,) = ledger.facts(after=256, upto=257)
    assert (fact.payload, fact.redaction) == (b"", decision)
    assert ledger.stream(stream("a"))[256] == fact
    assert [other.redaction for other in ledger.facts(after=257)] == [None] * 44
    payloads = ledger.table(after=255, upto=258).column("payload").to_pylist()
    assert payloads == [FACTS[255].payload, None, FACTS[257].payload]
    with LedgerFactory(Environment("test", environment(database.url))) as factory:
        recorder = factory.application_recorder()
        assert recorder.select_events(stream("a"), gt=255, lte=256)[0].state == b""
        assert recorder.select_notifications(257, 1)[0].state == b""


def test_every_proof_holds_and_the_log_verifies(ledger: Ledger, database: Database) -> None:
    tree = Tree(database)
    before = tree.inclusion_proof(257, 300)
    decision = decide(ledger, 257)
    fact = FACTS[256]
    entry = Entry(fact.stream, fact.version, fact.topic, decision.payload_bytes, decision.payload_sha256)
    assert entry == entry_of(fact.stream, fact.version, fact.topic, fact.payload)
    assert entry == next(ledger.facts(after=256, upto=257)).entry()
    assert tree.inclusion_proof(257, 300) == before
    verify_inclusion(leaf_hash(entry.encode()), 256, 300, tree.root(300), before)
    verify_ledger(ledger, Checkpointer(database, SIGNER).checkpoint(), SIGNER.verifier)


def test_the_bytes_leave_the_disk(ledger: Ledger, database: Database) -> None:
    secret = b"a name that is nowhere else " * 20
    (position,) = ledger.append([Fact(stream("secret"), 0, "t", secret)])
    decide(ledger, position)
    with database.connection() as connection:
        connection.execute("checkpoint")
        (data,) = connection.execute("select pg_read_binary_file(pg_relation_filepath('ledger.events_0'))").fetchall()[
            0
        ]
    assert b"test.fact" in data
    assert b"nowhere else" not in data


def test_a_redacted_fact_is_still_known(ledger: Ledger) -> None:
    decide(ledger, 257)
    assert ledger.append([FACTS[256]]) == [257]
    with pytest.raises(ConflictingFact, match="redacted since"):
        ledger.append([Fact(stream("a"), 256, "test.fact", b"another")])


def test_deciding_twice_is_one_decision(ledger: Ledger) -> None:
    first = decide(ledger, 3)
    assert decide(ledger, 3, "another reason") == first
    assert ledger.head() == 301


@pytest.mark.parametrize(
    "change",
    [
        "delete from ledger.events where position = 301",
        "update ledger.events set payload = null where position = 4",
    ],
)
def test_a_payload_that_is_gone_without_a_decision_is_no_marker(
    ledger: Ledger, database: Database, change: str
) -> None:
    note = Checkpointer(database, SIGNER).checkpoint()
    decide(ledger, 3)
    with database.connection() as connection:
        connection.execute(change.encode())
    with pytest.raises((AlteredFact, MissingFact)):
        list(ledger.facts(after=0))
    with pytest.raises((AlteredFact, MissingFact)):
        verify_ledger(ledger, note, SIGNER.verifier)


def test_a_decision_with_another_hash_does_not_cover_a_removal(ledger: Ledger, database: Database) -> None:
    forged = PayloadRedacted(9, 400, bytes(32), "none", "nobody", 0)
    ledger.append([Fact(redaction_stream(9), 0, TOPIC, encode_redaction(forged))])
    note = Checkpointer(database, SIGNER).checkpoint()
    with database.connection() as connection:
        connection.execute("update ledger.events set payload = null where position = 9")
    with pytest.raises(AlteredFact) as caught:
        verify_ledger(ledger, note, SIGNER.verifier)
    assert caught.value.position == 9


def test_nothing_is_redacted_while_the_archive_is_written(ledger: Ledger, database: Database) -> None:
    with database.connection() as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", (ARCHIVING_LOCK,))
        with pytest.raises(RefusedRedaction, match="being written"):
            decide(ledger, 3)
    assert ledger.head() == 300
    assert decide(ledger, 3).position == 3


def test_what_is_not_to_be_redacted_is_refused(ledger: Ledger) -> None:
    decide(ledger, 3)
    for position in (301, 302, 0, -1):
        with pytest.raises(RefusedRedaction):
            decide(ledger, position)
    with pytest.raises(InvalidFact):
        decide(ledger, 5, " ")
    assert [fact.redaction for fact in ledger.facts(after=4, upto=5)] == [None]


@pytest.mark.parametrize(
    "payload", [b"", b"\x80", b"\xc1", encode_redaction(PayloadRedacted(8, 1, bytes(31), "r", "a", 0))]
)
def test_bytes_that_are_no_such_decision_are_refused(payload: bytes) -> None:
    with pytest.raises(InvalidFact):
        decode_redaction(payload)
