from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.cosignatures import Witness, cosigned_message, store_cosignature
from atlas.ledger.checkpoints.notes import NoteSignature, SignedNote, Signer, parse_note
from atlas.ledger.checkpoints.witnessing import collect_cosignature
from atlas.ledger.database import Database
from atlas.ledger.errors import (
    BadSignature,
    InvalidKey,
    MalformedNote,
    NotPublished,
    UnknownSigner,
    WitnessRefused,
    WitnessUnreachable,
)
from atlas.ledger.log import Ledger
from atlas.ledger.publication.published import Publication
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.examples import facts
from tests.ledger.witness import WitnessServer

ORIGIN = "log.example.org/ledger"
SIGNER = Signer(ORIGIN, bytes(range(32)))


@pytest.fixture
def witness() -> Iterator[WitnessServer]:
    with WitnessServer("witness.example.org/w", bytes(32), SIGNER.verifier.format()) as server:
        yield server


@pytest.fixture
def checkpointer(database: Database) -> Checkpointer:
    return Checkpointer(database, SIGNER)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10, trust_env=False) as client:
        yield client


def cosigned(witness: WitnessServer, note: SignedNote) -> SignedNote:
    return parse_note(note.encode() + witness.cosignature(note.encode()))


def test_the_message_is_that_of_the_specification() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert cosigned_message(text, 1679315147) == f"cosignature/v1\ntime 1679315147\n{text}".encode()


def test_a_witness_key_reads_back_and_is_no_log_key(witness: WitnessServer) -> None:
    assert Witness.parse(witness.vkey).format() == witness.vkey
    with pytest.raises(InvalidKey, match="0x04"):
        Witness.parse(SIGNER.verifier.format())
    with pytest.raises(InvalidKey, match="key id"):
        Witness.parse(witness.vkey.replace("witness.", "witless."))


def test_a_cosignature_verifies_and_says_when(witness: WitnessServer, checkpointer: Checkpointer) -> None:
    at = Witness.parse(witness.vkey).verify(cosigned(witness, checkpointer.checkpoint()))
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60


def test_the_newest_of_several_cosignatures_is_kept(
    witness: WitnessServer, ledger: Ledger, database: Database, checkpointer: Checkpointer
) -> None:
    ledger.append(facts("a", 3))
    note = checkpointer.checkpoint()
    lines = [cosignature_at(note, 1_000), cosignature_at(note, 2_000)]
    for several in (lines, lines[::-1]):
        both = SignedNote(note.text, (*note.signatures, *several))
        assert store_cosignature(database, both, Witness.parse(witness.vkey)).timestamp() == 2_000
        verify_ledger(ledger, note, SIGNER.verifier, witnesses=[Witness.parse(witness.vkey)])


def cosignature_at(note: SignedNote, time_s: int) -> NoteSignature:
    """The witness's cosignature of another time."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    name = "witness.example.org/w"
    key_id = Witness(name, key.public_key().public_bytes_raw()).key_id
    return NoteSignature(name, key_id, time_s.to_bytes(8, "big") + key.sign(cosigned_message(note.text, time_s)))


def test_a_cosignature_of_something_else_is_refused(witness: WitnessServer, checkpointer: Checkpointer) -> None:
    parsed = Witness.parse(witness.vkey)
    note = checkpointer.checkpoint()
    with pytest.raises(UnknownSigner):
        parsed.verify(note)
    good = cosigned(witness, note).signatures[-1]
    for bad in (good.signature[:-1] + b"\x00", good.signature[:-1], b"\xff" * 72, b"\x00" * 72):
        altered = NoteSignature(good.name, good.key_id, bad)
        with pytest.raises(BadSignature):
            parsed.verify(SignedNote(note.text, (*note.signatures, altered)))
    with pytest.raises(MalformedNote):
        parsed.verify(SignedNote("no checkpoint\n", (good,)))


def test_a_witness_cosigns_each_checkpoint_from_where_it_was(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, witness: WitnessServer, client: httpx.Client
) -> None:
    parsed = Witness.parse(witness.vkey)
    for size in (0, 3, 3, 300, 301, 700):
        ledger.append(facts("a", size))
        note = checkpointer.checkpoint()
        collect_cosignature(database, client, witness.url, parsed, note)
        published = Publication(ledger, ORIGIN).checkpoint()
        parsed.verify(published)
        SIGNER.verifier.verify(published)
    assert witness.statuses == [200] * 6


def test_a_witness_that_knows_another_size_is_asked_again_from_there(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, witness: WitnessServer, client: httpx.Client
) -> None:
    ledger.append(facts("a", 5))
    parsed = Witness.parse(witness.vkey)
    collect_cosignature(database, client, witness.url, parsed, checkpointer.checkpoint())
    with database.connection() as connection:
        connection.execute("delete from ledger.cosignatures")
    ledger.append(facts("b", 5))
    collect_cosignature(database, client, witness.url, parsed, checkpointer.checkpoint())
    assert witness.statuses == [200, 409, 200]
    assert witness.size == 10


def test_a_witness_that_has_seen_more_or_other_refuses(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, witness: WitnessServer, client: httpx.Client
) -> None:
    ledger.append(facts("a", 5))
    parsed, note = Witness.parse(witness.vkey), checkpointer.checkpoint()
    witness.size = 6
    with pytest.raises(WitnessRefused, match="cosigned 6 facts"):
        collect_cosignature(database, client, witness.url, parsed, note)
    witness.size, witness.root = 5, bytes(32)
    with pytest.raises(WitnessRefused, match="another root"):
        collect_cosignature(database, client, witness.url, parsed, note)
    witness.size = 4
    with pytest.raises(WitnessRefused, match="422"):
        collect_cosignature(database, client, witness.url, parsed, note)


def test_a_witness_that_is_away_or_another_is_no_witness(
    database: Database, checkpointer: Checkpointer, witness: WitnessServer, client: httpx.Client
) -> None:
    note, other = checkpointer.checkpoint(), Witness("other.example.org", bytes(32))
    with pytest.raises(WitnessUnreachable):
        collect_cosignature(database, client, "http://127.0.0.1:9", other, note)
    with pytest.raises(WitnessRefused, match="404"):
        collect_cosignature(database, client, witness.url + "/else", other, note)
    with pytest.raises(UnknownSigner):
        collect_cosignature(database, client, witness.url, other, note)


def test_only_what_enough_witnesses_have_cosigned_is_published(
    ledger: Ledger, database: Database, checkpointer: Checkpointer, witness: WitnessServer
) -> None:
    publication = Publication(ledger, ORIGIN, cosignatures_required=1)
    ledger.append(facts("a", 5))
    note = checkpointer.checkpoint()
    with pytest.raises(NotPublished):
        publication.checkpoint()
    store_cosignature(database, cosigned(witness, note), Witness.parse(witness.vkey))
    ledger.append(facts("b", 5))
    checkpointer.checkpoint()
    assert publication.size() == 5
    assert len(publication.checkpoint().signatures) == 2
    assert Publication(ledger, ORIGIN).size() == 10
