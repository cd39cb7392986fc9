"""Signing media with C2PA manifests. No network is used: no time-stamping authority, no remote manifest, no OCSP.

Without a time stamp a signature is valid as long as its certificate; the ledger's position and the chain's block say
independently when the file existed.
"""

import os
from datetime import datetime
from typing import BinaryIO

import c2pa
import msgspec

from atlas.provenance.c2pa_settings import settings
from atlas.provenance.content import ContentStore
from atlas.provenance.errors import CertificateExpired, MediaError, SigningFailed
from atlas.provenance.keys import SigningIdentity, TrustList
from atlas.provenance.manifest import ManifestDefinition
from atlas.provenance.media import MediaType, check_media
from atlas.provenance.verification import MediaReader, MediaState


class SignedMedia(msgspec.Struct, frozen=True):
    """A signed file in the content store."""

    media_type: MediaType
    sha256: bytes  # of the whole signed file
    size_bytes: int
    manifest_id: str  # the active manifest's label, urn:c2pa:...
    signer: str  # common name of the signing certificate


class MediaSigner:
    """Signs files with one identity. ``trust`` must hold the identity's anchor: every result is read back under it.

    The c2pa context is made once a process, and anew after a fork; threads may share the object.
    """

    def __init__(self, identity: SigningIdentity, trust: TrustList) -> None:
        self.identity = identity
        self._settings = settings(trust)
        self.reader = MediaReader(trust)
        self._context: tuple[int, c2pa.Context] | None = None

    def sign(
        self, source: BinaryIO, definition: ManifestDefinition, content: ContentStore, now: datetime
    ) -> SignedMedia:
        """Sign an open file into the content store, where its ingredients are taken from too.

        The result is read back and must be trusted, or nothing is stored. Raises UnsupportedMedia,
        MediaTypeMismatch, CorruptMedia, ContentMissing, ContentCorrupt, CertificateExpired, SigningFailed.
        """
        check_media(source, definition.media_type)
        if now > self.identity.not_after:
            raise CertificateExpired(
                f"the certificate of {self.identity.common_name} expired at {self.identity.not_after}, now is {now}",
                hint="Get a new signing certificate.",
            )
        with content.receive() as incoming:
            self._write(source, definition, content, incoming.file)
            verdict = self._accept(incoming.file)
            stored = incoming.commit()
        return SignedMedia(definition.media_type, stored.sha256, stored.size_bytes, verdict, self.identity.common_name)

    def _write(
        self, source: BinaryIO, definition: ManifestDefinition, content: ContentStore, destination: BinaryIO
    ) -> None:
        try:
            with c2pa.Builder(definition.document, context=self._process_context()) as builder:
                for ingredient in definition.ingredients:
                    with content.open(ingredient.sha256) as file:
                        check_media(file, ingredient.media_type)
                        builder.add_ingredient(ingredient.definition(), ingredient.media_type, file)
                builder.sign(definition.media_type, source, destination)
        except c2pa.C2paError as error:
            raise SigningFailed(f"c2pa refused to sign: {error}", hint="The source file is unchanged.") from error

    def _accept(self, file: BinaryIO) -> str:
        """The id of the new manifest, read back as any verifier would."""
        try:
            verdict = self.reader.read(file)
        except MediaError as error:
            raise SigningFailed(f"the signed file is not readable: {error}") from error
        if verdict.state is not MediaState.TRUSTED or verdict.manifest_id is None:
            raise SigningFailed(
                f"expected the signed file to be trusted, it is {verdict.state.lower()}: {'; '.join(verdict.reasons)}",
                hint="Does the trust list hold the root of the signing certificate?",
            )
        return verdict.manifest_id

    def _process_context(self) -> c2pa.Context:
        process = os.getpid()
        if self._context is None or self._context[0] != process:
            info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, self.identity.chain_pem, self.identity.key_pem, None)
            self._context = process, c2pa.Context.from_dict(self._settings, signer=c2pa.Signer.from_info(info))
        return self._context[1]
