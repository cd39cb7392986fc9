"""The signer: gives every registered media file a manifest, and records the decision in the ledger.

What happens to one asset version, in this order: read its pedigree, sign into the content store, record the decision.
Killed in between, the signed file stays unreferenced and the version is signed again; the decision happens once.
"""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog

from atlas.ledger.database import Database
from atlas.ledger.errors import DatabaseUnreachable
from atlas.protocol.errors import ProtocolError
from atlas.protocol.facts import ManifestSigned
from atlas.provenance.content import ContentStore
from atlas.provenance.decisions import Signing
from atlas.provenance.errors import (
    ContentError,
    InvalidManifest,
    MediaError,
    SignerBusy,
    SigningFailed,
    UnsupportedMedia,
)
from atlas.provenance.ingredients import parent_ingredient, upstream_ingredients
from atlas.provenance.manifest import Maker, ManifestDefinition, define_manifest
from atlas.provenance.media import identify
from atlas.provenance.pedigree import Pedigree
from atlas.provenance.queue import Candidate, forget_failure, note_failure, pending
from atlas.provenance.reading import read_pedigree, snapshot
from atlas.provenance.signing import MediaSigner, SignedMedia

SIGNER_LOCK = 0x61746C61_73000050
STEP_VERSIONS = 256
POLL_S = 1.0
UNREACHABLE_POLL_S = 5.0
LONGEST_POLL_S = 10.0
UNFINISHED_HOURS = 24

_TRY_LOCK = "select pg_try_advisory_lock(%s)"
_UNLOCK = "select pg_advisory_unlock(%s)"

# What concerns one asset only. Anything else (the database, the signing key) stops the step.
ASSET_ERRORS = (MediaError, ContentError, InvalidManifest, SigningFailed, ProtocolError, OSError)

log = structlog.get_logger()


class ManifestSigner:
    """Signs what the views say is registered and the content store holds.

    ``clock`` gives the present moment. One signer acts at a time on a database; others stand by.
    """

    def __init__(
        self,
        database: Database,
        signing: Signing,
        content: ContentStore,
        signer: MediaSigner,
        maker: Maker,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._signing = signing
        self._content = content
        self._signer = signer
        self._maker = maker
        self._clock = clock

    def step(self) -> int:
        """Sign what is waiting, at most STEP_VERSIONS; returns how many decisions were recorded.

        The failure of one asset is noted in ``provenance.unsigned_versions`` and does not stop the others. Raises
        SignerBusy, DatabaseUnreachable, ViewsMissing, CertificateExpired.
        """
        signed = 0
        with self._lock():
            for candidate in pending(self._database, self._clock()):
                signed += self._attempt(candidate)
                if signed >= STEP_VERSIONS:
                    break
        return signed

    def run(self, stop: threading.Event) -> None:
        """Sign until ``stop`` is set, which is noticed between steps. Raises ViewsMissing, CertificateExpired.

        A database that is away is waited for.
        """
        self._content.discard_unfinished(self._clock() - timedelta(hours=UNFINISHED_HOURS))
        while not stop.is_set():
            started_s = time.monotonic()
            try:
                pause_s = 0.0 if self.step() else pause_after(time.monotonic() - started_s)
            except SignerBusy:
                pause_s = POLL_S
            except DatabaseUnreachable as error:
                log.warning("signer.database_unreachable", error=str(error))
                pause_s = UNREACHABLE_POLL_S
            stop.wait(pause_s)

    def _attempt(self, candidate: Candidate) -> int:
        """Sign one version if its file is here: the number of decisions recorded, 1 or 0."""
        if not self._content.exists(candidate.content_hash) or self._is_signed(candidate):
            return 0
        try:
            signed = self._sign(candidate)
        except ASSET_ERRORS as error:
            note_failure(self._database, candidate, error, self._clock())
            level = log.debug if isinstance(error, UnsupportedMedia) else log.warning
            level("signer.version_not_signed", aaid=candidate.aaid.hex(), version=candidate.version, error=str(error))
            return 0
        if signed:
            forget_failure(self._database, candidate)
        return int(signed)

    def _is_signed(self, candidate: Candidate) -> bool:
        """Asked of the ledger: the view may not have folded the decision yet."""
        standing = self._signing.find(candidate.aaid, candidate.version)
        return standing is not None and standing.source_sha256 == candidate.content_hash

    def _sign(self, candidate: Candidate) -> bool:
        prepared = self._prepare(candidate)
        if prepared is None:  # a reorg took the version back between the two reads
            return False
        pedigree, definition = prepared
        now = self._clock()
        with self._content.open(candidate.content_hash) as source:
            signed = self._signer.sign(source, definition, self._content, now)
        decision = _decision(pedigree, signed, now)
        return self._signing.record(decision) == decision

    def _prepare(self, candidate: Candidate) -> tuple[Pedigree, ManifestDefinition] | None:
        with self._content.open(candidate.content_hash) as source:
            media_type = identify(source)
        with snapshot(self._database) as connection:
            pedigree = read_pedigree(connection, candidate.aaid, candidate.version)
            if pedigree is None or pedigree.asset.content_hash != candidate.content_hash:
                return None
            reader = self._signer.reader
            parent = parent_ingredient(pedigree, media_type, self._content, reader)
            upstream = upstream_ingredients(connection, pedigree, self._content, self._signing.find, reader)
        ingredients = upstream if parent is None else (parent, *upstream)
        return pedigree, define_manifest(pedigree, media_type, self._maker, ingredients)

    @contextmanager
    def _lock(self) -> Generator[None]:
        """Held by a session and outside a transaction: signing may take longer than a transaction may stay idle.

        PostgreSQL gives the lock back by itself when this process or its connection dies.
        """
        with self._database.connection() as connection:
            locked = connection.execute(_TRY_LOCK, (SIGNER_LOCK,)).fetchone() == (True,)
            connection.commit()
            if not locked:
                raise SignerBusy(
                    "another process is signing on this database",
                    hint="It does the same work; this one may stand by or end.",
                )
            try:
                yield
            finally:
                connection.execute(_UNLOCK, (SIGNER_LOCK,))


def pause_after(looked_s: float) -> float:
    """How long to rest after a look that found nothing to sign, in seconds.

    Looking through everything unsigned takes time in a big registry: a tenth of the time may go to it. A look that
    took long because the database was away is no reason to sleep over what comes when it is back.
    """
    return min(max(POLL_S, 10 * looked_s), LONGEST_POLL_S)


def _decision(pedigree: Pedigree, signed: SignedMedia, now: datetime) -> ManifestSigned:
    asset = pedigree.asset
    return ManifestSigned(
        aaid=asset.aaid,
        version=asset.version,
        media_type=signed.media_type,
        source_sha256=asset.content_hash,
        signed_sha256=signed.sha256,
        size_bytes=signed.size_bytes,
        manifest_id=signed.manifest_id,
        signer=signed.signer,
        signed_at=int(now.timestamp()),
        records=tuple(generation.record_id for generation in pedigree.sources),
    )
