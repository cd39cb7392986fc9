"""What can be said about a file: what it says of itself (C2PA) held against what the ledger registered (W5).

Two questions, answered apart. Did a trusted signer sign this? The manifest answers, except for bytes that C2PA leaves
out. Is this, byte for byte, a file that the ledger knows? The hash of the whole file answers, manifest or not.
"""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import msgspec
import psycopg

from atlas.ledger.database import Database
from atlas.ledger.errors import DatabaseUnreachable
from atlas.provenance.content import hash_file
from atlas.provenance.errors import ContentMissing, MediaError, MediaNotTrusted, ViewsMissing
from atlas.provenance.keys import TrustList
from atlas.provenance.pedigree import Generation, Pedigree
from atlas.provenance.reading import (
    read_generations,
    read_pedigree,
    snapshot,
    versions_signed_as,
    versions_with_content,
)
from atlas.provenance.verification import MediaReader, MediaState, MediaVerdict, require_trusted

REVOCATION = "whether the signing certificate was revoked: no network is used"
PROOFS = "the ledger's proofs: the views were read as they are, not folded again from the log"
NO_DATABASE = "the ledger: no database was given"

_MANIFEST = b"""
select manifest_id, signed_sha256, signer, signed_at from view_provenance.manifests
where aaid = %s and version = %s and valid_to is null
"""
_FINALIZED = b"""
select coalesce(finalized_number >= %s, false) from view_chains.chains where chain = %s and valid_to is null
"""
_MADE_BY = b"""
select distinct record_id from view_provenance.generation_outputs where sha256 = %s and valid_to is null limit 16
"""


class Match(StrEnum):
    """How a file is tied to an asset version."""

    SIGNED = "signed"  # it is the signed file, byte for byte
    SOURCE = "source"  # it is the file as generated and registered
    CLAIMED = "claimed"  # its manifest says so, its bytes are others


class SignedManifest(msgspec.Struct, frozen=True):
    """The manifest that the ledger has for an asset version."""

    manifest_id: str
    signed_sha256: bytes
    signer: str
    signed_at: datetime


class Registration(msgspec.Struct, frozen=True):
    """An asset version that a file is tied to; ``final`` when its registration cannot be reorganised away."""

    match: Match
    pedigree: Pedigree
    manifest: SignedManifest | None
    final: bool


class Conclusion(StrEnum):
    """What it comes to."""

    AUTHENTIC = "authentic"  # registered, byte for byte, and its manifest is trusted and agrees
    REGISTERED = "registered"  # registered, byte for byte; without a manifest that is trusted and agrees
    ALTERED = "altered"  # it was signed or claims to be registered, and is not the file that was
    UNREGISTERED = "unregistered"  # the ledger does not know it
    UNDECIDED = "undecided"  # the ledger could not be asked


class LedgerFindings(msgspec.Struct, frozen=True):
    """What the views know of a file; ``made_by`` are the generation records with this file among their outputs."""

    registrations: tuple[Registration, ...]
    made_by: tuple[Generation, ...]


class FileReport(msgspec.Struct, frozen=True):
    """Everything found; ``ledger`` is None when it could not be asked, ``unchecked`` says what was left open."""

    verdict: MediaVerdict
    ledger: LedgerFindings | None
    contradictions: tuple[str, ...]
    unchecked: tuple[str, ...]
    conclusion: Conclusion


def verify_file(path: Path, database: Database | None, trust: TrustList) -> FileReport:
    """The report on the file at ``path``. Raises ContentMissing when it cannot be read.

    Whatever else fails is part of the report: broken media, a missing manifest, a database that is away.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise ContentMissing(f"cannot read {path}: {error.strerror}", hint="Correct the path.") from error
    with file:
        verdict = _verdict(file, trust)
    unchecked = () if verdict.manifest_id is None else (REVOCATION,)
    if database is None:
        return _report(verdict, None, (*unchecked, NO_DATABASE))
    try:
        with snapshot(database) as connection:
            findings = _findings(connection, verdict)
    except (DatabaseUnreachable, ViewsMissing) as error:
        return _report(verdict, None, (*unchecked, f"the ledger: {error}"))
    return _report(verdict, findings, (*unchecked, PROOFS))


def require_known(report: FileReport) -> None:
    """Return for an authentic or registered file; where no ledger was to be asked, for one with a trusted manifest.

    Raises MediaNotTrusted with what speaks against it.
    """
    if NO_DATABASE in report.unchecked:
        require_trusted(report.verdict)
    elif report.conclusion not in {Conclusion.AUTHENTIC, Conclusion.REGISTERED}:
        against = "; ".join((*report.contradictions, *report.verdict.reasons)) or "the ledger does not vouch for it"
        raise MediaNotTrusted(
            f"expected a file that the ledger knows, this one is {report.conclusion}: {against}",
            hint="Ask for the original file, and see what could not be checked.",
        )


def conclude(verdict: MediaVerdict, findings: LedgerFindings | None) -> tuple[Conclusion, tuple[str, ...]]:
    """The conclusion and what contradicts it. Pure."""
    registrations = () if findings is None else findings.registrations
    exact = [item for item in registrations if item.match is not Match.CLAIMED]
    contradictions = tuple(text for item in registrations for text in _contradictions(verdict, item))
    if verdict.state is MediaState.TRUSTED and any(_agrees(verdict, item) for item in exact):
        return Conclusion.AUTHENTIC, contradictions
    if exact:
        return Conclusion.REGISTERED, contradictions
    if registrations or verdict.state is MediaState.INVALID:
        return Conclusion.ALTERED, contradictions
    return (Conclusion.UNDECIDED if findings is None else Conclusion.UNREGISTERED), contradictions


def _report(verdict: MediaVerdict, findings: LedgerFindings | None, unchecked: tuple[str, ...]) -> FileReport:
    conclusion, contradictions = conclude(verdict, findings)
    return FileReport(verdict, findings, contradictions, unchecked, conclusion)


def _verdict(file: BinaryIO, trust: TrustList) -> MediaVerdict:
    """The file's verdict, also where there is no whole media to speak of: a script can be registered too."""
    try:
        return MediaReader(trust).read(file)
    except MediaError as error:
        whole = hash_file(file)
        return MediaVerdict(MediaState.UNSIGNED, (str(error),), None, whole.sha256, whole.size_bytes)


def _agrees(verdict: MediaVerdict, registration: Registration) -> bool:
    asset = registration.pedigree.asset
    return (
        registration.match is Match.SIGNED
        and registration.manifest is not None
        and (verdict.manifest_id, verdict.aaid, verdict.version)
        == (registration.manifest.manifest_id, asset.aaid, asset.version)
    )


def _contradictions(verdict: MediaVerdict, registration: Registration) -> list[str]:
    """What speaks against taking the file for this asset version."""
    asset, manifest = registration.pedigree.asset, registration.manifest
    found: list[str] = []
    if registration.match is Match.CLAIMED:
        known = "none" if manifest is None else manifest.signed_sha256.hex()
        found.append(
            f"the manifest names a registered asset version, but the whole file has SHA-256 {verdict.sha256.hex()}: "
            f"the ledger has the signed file {known} and the source {asset.content_hash.hex()}"
        )
    if registration.match is Match.SIGNED and (verdict.aaid, verdict.version) != (asset.aaid, asset.version):
        found.append("the manifest names another asset version than the ledger has this file under")
    if not registration.final:
        found.append(f"block {asset.block_number} of {asset.chain}, which registered it, is not final")
    return found


def _findings(connection: psycopg.Connection, verdict: MediaVerdict) -> LedgerFindings:
    keys: dict[tuple[bytes, int], Match] = {}
    if verdict.aaid is not None and verdict.version is not None:
        keys[verdict.aaid, verdict.version] = Match.CLAIMED
    keys |= dict.fromkeys(versions_with_content(connection, verdict.sha256), Match.SOURCE)
    keys |= dict.fromkeys(versions_signed_as(connection, verdict.sha256), Match.SIGNED)
    found = [_registration(connection, key, match) for key, match in keys.items()]
    records = [row[0] for row in connection.execute(_MADE_BY, (verdict.sha256,))]
    return LedgerFindings(
        registrations=tuple(item for item in found if item is not None),
        made_by=tuple(read_generations(connection, records).values()),
    )


def _registration(connection: psycopg.Connection, key: tuple[bytes, int], match: Match) -> Registration | None:
    pedigree = read_pedigree(connection, *key)
    if pedigree is None:
        return None
    row = connection.execute(_MANIFEST, key).fetchone()
    final = connection.execute(_FINALIZED, (pedigree.asset.block_number, pedigree.asset.chain)).fetchone()
    return Registration(
        match=match,
        pedigree=pedigree,
        manifest=None if row is None else SignedManifest(*row),
        final=final == (True,),
    )
