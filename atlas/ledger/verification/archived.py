"""Holding an archived range against the tree and the log's keys.

Whoever can write to the archive and to the database can make files, hashes, manifest and records fit each other. So
what a range says is compared with what its checkpoint signs: each fact with the tree (leaves.py), the tiles and the
root with the tree, and a decision that came after the range was archived with its proof.
"""

from collections.abc import Sequence

from atlas.ledger.archive.archive import Archive
from atlas.ledger.archive.manifests import CHECKPOINT, MANIFEST, TILES, Range, Withheld
from atlas.ledger.checkpoints.keyring import KeyRing, Signed
from atlas.ledger.checkpoints.notes import parse_note
from atlas.ledger.checkpoints.proofs import parse_inclusion_proof
from atlas.ledger.errors import AlteredArchive, InvalidFact, InvalidProof, MalformedProof, NoteError, RefusedArchiving
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.recording.entries import entry_of
from atlas.ledger.redaction import TOPIC, PayloadRedacted, decode_redaction, redaction_stream
from atlas.ledger.verification.leaves import Leaves


def check_range(ledger: Ledger, ring: KeyRing, part: Range) -> Signed:
    """The checkpoint of an archived range that is, file by file and fact by fact, what the tree has.

    Raises a LedgerCorrupt, and a NoteError when the checkpoint is refused.
    """
    Leaves(ledger).check_archived(part)
    return check_seal(ledger, ring, part)


def check_seal(ledger: Ledger, ring: KeyRing, part: Range) -> Signed:
    """The checkpoint of a range whose root, tiles and redactions are those of the log.

    Raises MissingArchive, AlteredArchive, and a NoteError when the checkpoint is refused.
    """
    archive, tree = ledger.archive, Tree(ledger.database)
    signed = signed_range(archive, ring, part)
    if tree.root(part.last) != signed.checkpoint.root_hash:
        raise AlteredArchive(
            f"{CHECKPOINT} of {part.name} signs the root {signed.checkpoint.root_hash.hex()}, which is not the log's",
            position=part.first,
        )
    tiles = {(tile.name.level, tile.name.index): tile.hashes for tile in tree.tiles(part.first - 1, part.last)}
    if archive.tiles(part) != tiles:
        raise AlteredArchive(f"{TILES} of {part.name} has not the tiles of the log", position=part.first)
    later_decisions(archive, ring, [part])
    return signed


def signed_range(archive: Archive, ring: KeyRing, part: Range) -> Signed:
    """The checkpoint of a range, when its manifest says the same.

    Raises MissingArchive, AlteredArchive, RefusedArchiving for an archive of another log, NoteError.
    """
    manifest, note = archive.manifest(part), archive.checkpoint(part)
    if manifest.origin != ring.origin:
        raise RefusedArchiving(
            f"{archive.directory} has the archive of {manifest.origin}, and the log is {ring.origin}",
            hint="Name the archive of this log in ledger.archive, or the other log in ledger.origin with its keys.",
        )
    try:
        signed = ring.open(parse_note(note))
    except NoteError as error:
        message = f"{CHECKPOINT} of {part.name} is refused: {error.message}"
        raise type(error)(
            message, hint="Is the key that signed it among the log's keys, retired ones included?"
        ) from error
    if signed.checkpoint.tree_size != part.last:
        raise AlteredArchive(
            f"{CHECKPOINT} of {part.name} is over {signed.checkpoint.tree_size} facts", position=part.first
        )
    if signed.checkpoint.root_hash.hex() != manifest.root_hash:
        raise AlteredArchive(f"{MANIFEST} and {CHECKPOINT} of {part.name} differ in the root", position=part.first)
    return signed


def decisions_in(archive: Archive, parts: Sequence[Range]) -> dict[int, PayloadRedacted]:
    """The redactions that are recorded in these ranges, by the position of the payload. Raises AlteredArchive."""
    decisions: dict[int, PayloadRedacted] = {}
    for part in parts:
        table = archive.table(after=part.first - 1, upto=part.last, topics=[TOPIC])
        for row in table.select(["position", "payload"]).to_pylist():
            try:
                decision = decode_redaction(row["payload"] or b"")
            except InvalidFact as error:
                raise AlteredArchive(
                    f"the fact at position {row['position']} in {part.name}: {error.message}", position=row["position"]
                ) from error
            decisions.setdefault(decision.position, decision)
    return decisions


def later_decisions(archive: Archive, ring: KeyRing, parts: Sequence[Range]) -> dict[int, PayloadRedacted]:
    """The redactions in the manifests of these ranges, each proven to be recorded. Raises AlteredArchive."""
    decisions: dict[int, PayloadRedacted] = {}
    for part in parts:
        for withheld in archive.manifest(part).redactions:
            try:
                decisions[withheld.position] = _proven(withheld, ring, part)
            except (InvalidFact, InvalidProof, MalformedProof, NoteError) as error:
                raise AlteredArchive(
                    f"{MANIFEST} of {part.name}: the redaction of position {withheld.position} is not proven: "
                    f"{error.message}",
                    position=withheld.position,
                ) from error
    return decisions


def _proven(withheld: Withheld, ring: KeyRing, part: Range) -> PayloadRedacted:
    decision = decode_redaction(withheld.decision)
    proof = parse_inclusion_proof(withheld.proof.encode())
    entry, _ = proof.check(ring)
    if entry != entry_of(redaction_stream(withheld.position), 0, TOPIC, withheld.decision):
        raise InvalidProof("another fact than the decision is proven")
    if decision.position != withheld.position or not part.first <= withheld.position <= part.last:
        raise InvalidProof(f"the decision is one on position {decision.position}")
    return decision
