"""Payloads redacted after they were archived."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from atlas.ledger.archive import archive
from atlas.ledger.archive import files as archive_files
from atlas.ledger.archive.archive import Archive
from atlas.ledger.archive.manifests import FACTS, MANIFEST, Range
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.keyring import KeyRing
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.database import Database
from atlas.ledger.errors import AlteredArchive, RefusedRedaction
from atlas.ledger.log import Fact, Ledger, RecordedFact
from atlas.ledger.merkle.rfc6962 import leaf_hash, verify_inclusion
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.operations import archiving
from atlas.ledger.operations.redacting import redact
from atlas.ledger.redaction import TOPIC, PayloadRedacted, decode_redaction, encode_redaction, redaction_stream
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.archives import PARTS, RING, SIGNER
from tests.ledger.examples import facts, stream

PART = PARTS[1]
SECRET = b"a name that is nowhere else "


def decide(ledger: Ledger, position: int, *, signer: Signer = SIGNER) -> PayloadRedacted:
    checkpointer = Checkpointer(ledger.database, signer, () if signer is SIGNER else (SIGNER.verifier,))
    return redact(
        ledger, position, reason="court order", authoriser="counsel", decided_at_ms=0, checkpointer=checkpointer
    )


def verify(ledger: Ledger) -> None:
    verify_ledger(ledger, Checkpointer(ledger.database, SIGNER).checkpoint(), SIGNER.verifier)


def fact_at(ledger: Ledger, position: int) -> RecordedFact:
    return next(ledger.facts(after=position - 1, upto=position))


@pytest.mark.parametrize("is_dropped", [False, True])
def test_an_archived_payload_leaves_the_files_and_the_database(
    archived: Ledger, database: Database, directory: Path, *, is_dropped: bool
) -> None:
    if is_dropped:
        archiving.drop(archived, RING)
    before, root = fact_at(archived, 300), Tree(database).root(900)
    decision = decide(archived, 300)
    assert (decision.payload_bytes, decision.payload_sha256) == (
        before.entry().payload_bytes,
        before.entry().payload_sha256,
    )
    assert [path.name for path in sorted((directory / PART.name).iterdir())] == [
        "checkpoint",
        "facts-1.parquet",
        "manifest.json",
        "tiles.parquet",
    ]
    payloads = pq.read_table(directory / PART.name / "facts-1.parquet").column("payload").to_pylist()
    kept = Archive(directory).table(after=256, upto=512).column("payload").to_pylist()
    assert payloads == kept
    assert [257 + place for place, payload in enumerate(payloads) if payload is None] == [300]
    with database.connection() as connection:
        rows = connection.execute("select payload from ledger.events where position = 300").fetchall()
    assert rows == ([] if is_dropped else [(None,)])
    after = fact_at(archived, 300)
    assert (after.payload, after.redaction) == (b"", decision)
    assert after.entry() == before.entry()
    assert Tree(database).root(900) == root
    proof = Tree(database).inclusion_proof(300, 900)
    verify_inclusion(leaf_hash(after.entry().encode()), 299, 900, root, proof)
    verify(archived)


def test_the_bytes_are_in_no_file_of_the_range(
    partitioned: Ledger, checkpointer: Checkpointer, directory: Path
) -> None:
    partitioned.append([Fact(stream("secret"), 0, "t", SECRET)])
    partitioned.append(facts("c", 200))
    archiving.archive(partitioned, checkpointer)
    part = Range(769, 1024)
    before = pq.read_table(directory / part.name / FACTS)
    assert SECRET in before.column("payload").to_pylist()
    decide(partitioned, 901)
    for path in (directory / part.name).iterdir():
        assert SECRET not in path.read_bytes()
    statistics = pq.ParquetFile(directory / part.name / "facts-1.parquet").metadata.row_group(0).column(4).statistics
    assert SECRET not in (statistics.min, statistics.max)
    table = pq.read_table(directory / part.name / "facts-1.parquet")
    assert table.schema == before.schema
    assert table.drop_columns("payload") == before.drop_columns("payload")


def test_the_manifest_tells_the_old_file_from_the_new(archived: Ledger, directory: Path) -> None:
    archive = Archive(directory)
    before = archive.manifest(PART)
    decision = decide(archived, 300)
    after = archive.manifest(PART)
    assert (before.facts, before.redactions, before.replaces) == (FACTS, (), None)
    assert (after.facts, after.replaces) == ("facts-1.parquet", before.sha256().hex())
    assert decode_redaction(after.redactions[0].decision) == decision
    assert after.root_hash == before.root_hash
    decide(archived, 400)
    assert archive.manifest(PART).facts == "facts-2.parquet"
    assert [one.position for one in archive.manifest(PART).redactions] == [300, 400]
    verify(archived)


def test_asking_again_changes_nothing(archived: Ledger, directory: Path) -> None:
    first = decide(archived, 300)
    manifest = (directory / PART.name / MANIFEST).read_bytes()
    assert decide(archived, 300) == first
    assert (directory / PART.name / MANIFEST).read_bytes() == manifest
    assert archived.head() == 901


def test_a_reader_with_a_page_in_memory_sees_the_redaction(dropped: Ledger, directory: Path) -> None:
    reader = Ledger(dropped.database, Archive(directory))
    assert fact_at(reader, 300).redaction is None
    decide(dropped, 300)
    assert fact_at(reader, 300).redaction is not None
    assert reader.table(after=299, upto=300).column("payload").to_pylist() == [None]


def test_a_redacted_archive_is_restored_before_the_decision_s_own_range_is_archived(
    dropped: Ledger, empty: Ledger
) -> None:
    decision = decide(dropped, 300)
    decide(dropped, 1)
    assert archiving.restore(empty, RING) == PARTS
    assert empty.head() == 770
    assert [fact_at(empty, position).topic for position in (769, 770)] == [TOPIC, TOPIC]
    assert fact_at(empty, 300).redaction == decision
    assert Tree(empty.database).root(768) == Tree(dropped.database).root(768)
    verify(empty)
    archiving.drop(empty, RING)
    verify(empty)


def test_a_redacted_archive_is_restored_with_its_decision(
    dropped: Ledger, checkpointer: Checkpointer, empty: Ledger
) -> None:
    marker = decide(dropped, 300)
    dropped.append(facts("c", 200))
    archiving.archive(dropped, checkpointer)
    archiving.restore(empty, RING)
    assert empty.head() == 1024
    assert fact_at(empty, 300).redaction == marker
    assert Tree(empty.database).root(1024) == Tree(dropped.database).root(1024)
    verify(empty)


def test_a_payload_redacted_after_a_hand_over_is_proven_by_the_new_key(dropped: Ledger, empty: Ledger) -> None:
    new = Signer("log.example.org/ledger", bytes(range(1, 33)))
    Checkpointer(dropped.database, SIGNER).hand_over(new)
    decide(dropped, 300, signer=new)
    archiving.restore(empty, KeyRing(new.verifier, [SIGNER.verifier]))
    assert fact_at(empty, 300).redaction is not None


class Cut(Exception):
    """The process ends here."""


def cut_at(monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """End at the ``call``-th time that a directory or a file is forced to the disk."""
    calls = iter(range(1_000))
    actual = archive_files.sync

    def sync(path: Path) -> None:
        if next(calls) == call:
            raise Cut
        actual(path)

    for module in (archive, archive_files):
        monkeypatch.setattr(module, "sync", sync)


@pytest.mark.parametrize("is_dropped", [False, True])
@pytest.mark.parametrize("call", range(6))
def test_a_crash_in_the_middle_leaves_an_archive_that_reads_and_verifies(
    archived: Ledger, directory: Path, monkeypatch: pytest.MonkeyPatch, call: int, *, is_dropped: bool
) -> None:
    if is_dropped:
        archiving.drop(archived, RING)
    with monkeypatch.context() as patch:
        cut_at(patch, call)
        with pytest.raises(Cut):
            decide(archived, 300)
    again = Ledger(archived.database, Archive(directory))
    assert len(list(again.facts(after=0, upto=768))) == 768
    assert again.table(after=0, upto=768).num_rows == 768
    verify(again)
    decide(again, 300)
    assert Archive(directory).rows([300])[300][4] is None
    assert {path.name for path in (directory / PART.name).iterdir()} == {
        "checkpoint",
        "facts-1.parquet",
        "manifest.json",
        "tiles.parquet",
    }
    verify(again)


def test_a_damaged_range_is_not_written_anew(archived: Ledger, directory: Path) -> None:
    path = directory / PART.name / FACTS
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(AlteredArchive):
        decide(archived, 300)
    assert Archive(directory).manifest(PART).facts == FACTS
    assert path.read_bytes() == bytes(data)


def test_a_redaction_that_the_log_has_not_recorded_is_refused(dropped: Ledger, empty: Ledger, directory: Path) -> None:
    fact = fact_at(dropped, 300)
    forged = PayloadRedacted(300, fact.entry().payload_bytes, fact.entry().payload_sha256, "none", "nobody", 0)
    decide(dropped, 400)
    archive = Archive(directory)
    (genuine,) = archive.manifest(PART).redactions
    archive.withhold(PART, [type(genuine)(300, encode_redaction(forged), genuine.proof)])
    with pytest.raises(AlteredArchive) as caught:
        archiving.restore(empty, RING)
    assert caught.value.position == 300
    assert empty.head() == 0


def test_without_a_signature_an_archived_payload_is_not_redacted(archived: Ledger) -> None:
    with pytest.raises(RefusedRedaction, match="signature") as caught:
        redact(archived, 300, reason="court order", authoriser="counsel", decided_at_ms=0)
    assert caught.value.hint
    assert archived.head() == 900
    assert archived.last_version(redaction_stream(300)) is None


@pytest.mark.parametrize("position", [0, -1, 901, 10**9])
def test_a_position_beyond_the_tree_is_refused(dropped: Ledger, position: int) -> None:
    with pytest.raises(RefusedRedaction, match="no fact"):
        decide(dropped, position)
