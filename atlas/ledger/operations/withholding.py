"""Taking redacted payloads out of the archive.

The decision is recorded first, in the log (redacting.py). Then the range's facts are written anew without the payload,
and its manifest with the decision and the proof that the log has it, signed. A crash between leaves a whole range,
before or after; asked again for the same redaction, the rest is done.
"""

from atlas.ledger.archive.manifests import Manifest, Range, Withheld
from atlas.ledger.checkpoints.checkpointer import Checkpointer, parse_checkpoint
from atlas.ledger.checkpoints.keyring import KeyRing
from atlas.ledger.checkpoints.proofs import InclusionProof
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.operations.exclusive import alone
from atlas.ledger.recording.entries import entry_of
from atlas.ledger.redaction import TOPIC, PayloadRedacted, redaction_stream
from atlas.ledger.verification.archived import check_range

_ARCHIVED_AT = b"select first, last from ledger.archives where %s between first and last"
_RECORD = b"update ledger.archives set manifest_sha256 = %s where first = %s"


def archived_range(database: Database, position: int) -> Range | None:
    """The archived range with this position, if there is one."""
    with database.connection() as connection:
        row = connection.execute(_ARCHIVED_AT, (position,)).fetchone()
    return None if row is None else Range(*row)


def withhold(ledger: Ledger, checkpointer: Checkpointer, part: Range, decision: PayloadRedacted) -> None:
    """Take the payload of a recorded decision out of the archived range ``part``; once it is out, this does nothing.

    Raises MissingArchive, AlteredArchive when the range is not as it should be: it then stays as it is.
    """
    withheld = _withheld(ledger, checkpointer, decision)
    ring = KeyRing(checkpointer.verifier, checkpointer.retired)
    with alone(ledger.database):
        check_range(ledger, ring, part)
        # What a redaction before this one has left undone: a manifest replaces the one that is recorded, and no other.
        ledger.archive.clear(part)
        _record(ledger.database, part, ledger.archive.manifest(part))
        _record(ledger.database, part, _rewritten(ledger, part, withheld))


def _rewritten(ledger: Ledger, part: Range, withheld: Withheld) -> Manifest:
    """The manifest under which the payload is not in the archive."""
    row = ledger.archive.rows([withheld.position])[withheld.position]
    return ledger.archive.manifest(part) if row[4] is None else ledger.archive.withhold(part, [withheld])


def _record(database: Database, part: Range, manifest: Manifest) -> None:
    with database.connection() as connection:
        connection.execute(_RECORD, (manifest.sha256(), part.first))


def _withheld(ledger: Ledger, checkpointer: Checkpointer, decision: PayloadRedacted) -> Withheld:
    """The decision with the proof that it is under a checkpoint, signed now if there is none."""
    note = checkpointer.checkpoint()
    stream = redaction_stream(decision.position)
    recorded = ledger.stream(stream)[0]
    size = parse_checkpoint(note.text).tree_size
    hashes = Tree(ledger.database).inclusion_proof(recorded.position, size)
    entry = entry_of(stream, 0, TOPIC, recorded.payload).encode()
    proof = InclusionProof(entry, recorded.position - 1, tuple(hashes), note)
    return Withheld(decision.position, recorded.payload, proof.encode().decode())
