"""Reading C2PA manifests: what a file says about itself, and whether a trusted signer said so.

A verdict speaks of what C2PA covers. Bytes outside it (the ``ftyp`` box of an MP4, padding) can change without
its notice: whoever needs the whole file compares its SHA-256 with the ledger's, see ``atlas.provenance.report``.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

import c2pa
import msgspec

from atlas.protocol.errors import MalformedId
from atlas.protocol.ids import parse_aaid
from atlas.provenance.c2pa_settings import settings
from atlas.provenance.content import hash_file
from atlas.provenance.errors import ContentMissing, MediaNotTrusted
from atlas.provenance.keys import TrustList
from atlas.provenance.manifest import ASSERTION_LABEL
from atlas.provenance.media import MediaType, check_media, identify


class MediaState(StrEnum):
    """C2PA's validation states, and the absence of a manifest."""

    TRUSTED = "Trusted"  # intact, and signed by someone on the trust list
    VALID = "Valid"  # intact, but signed by someone the trust list does not know
    INVALID = "Invalid"
    UNSIGNED = "Unsigned"


class MediaVerdict(msgspec.Struct, frozen=True):
    """What a file's manifest says and what that is worth. Fields of the manifest are None where it says nothing."""

    state: MediaState
    reasons: tuple[str, ...]  # C2PA status codes with their explanation, of everything that failed
    media_type: MediaType | None  # None in reports about files that are no media
    sha256: bytes  # of the whole file
    size_bytes: int
    manifest_id: str | None = None
    signer: str | None = None  # common name of the signing certificate
    issuer: str | None = None  # organization that it belongs to
    title: str | None = None
    aaid: bytes | None = None
    version: int | None = None
    records: tuple[bytes, ...] = ()  # generation records that the manifest names
    ingredients: tuple[str, ...] = ()  # their titles
    manifests: int = 0  # how many manifests the file carries, its ingredients' included


class MediaReader:
    """Reads files under one trust list. The c2pa context is made once a process, and anew after a fork."""

    def __init__(self, trust: TrustList) -> None:
        self._settings = settings(trust)
        self._context: tuple[int, c2pa.Context] | None = None

    def read(self, file: BinaryIO) -> MediaVerdict:
        """The verdict on an open file. Raises UnsupportedMedia, CorruptMedia."""
        media_type = identify(file)
        whole = hash_file(file)
        bare = MediaVerdict(MediaState.UNSIGNED, (), media_type, whole.sha256, whole.size_bytes)
        try:
            document = self._manifest_store(file, media_type)
        except c2pa.C2paError as error:
            check_media(file)  # a broken container is the media's fault, anything else the manifest's
            return msgspec.structs.replace(bare, state=MediaState.INVALID, reasons=(f"manifest unreadable: {error}",))
        finally:
            file.seek(0)
        if document is None:
            check_media(file)
            return bare
        return interpret(document, bare)

    def _manifest_store(self, file: BinaryIO, media_type: MediaType) -> dict[str, Any] | None:
        reader = c2pa.Reader.try_create(media_type, file, None, self._process_context())
        if reader is None:
            return None
        with reader:
            return msgspec.json.decode(reader.json(), type=dict[str, Any])

    def _process_context(self) -> c2pa.Context:
        process = os.getpid()
        if self._context is None or self._context[0] != process:
            self._context = process, c2pa.Context.from_dict(self._settings)
        return self._context[1]


def verify_media(path: Path, trust: TrustList) -> MediaVerdict:
    """The verdict on the file at ``path``. Raises ContentMissing, UnsupportedMedia, CorruptMedia."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise ContentMissing(f"cannot read {path}: {error.strerror}", hint="Correct the path.") from error
    with file:
        return MediaReader(trust).read(file)


def require_trusted(verdict: MediaVerdict) -> None:
    """Return when a trusted signer signed the file as it is. Raises MediaNotTrusted with the reasons."""
    if verdict.state is not MediaState.TRUSTED:
        reasons = "; ".join(verdict.reasons) or "it carries no manifest"
        raise MediaNotTrusted(
            f"expected media signed by a trusted signer, the file is {verdict.state.lower()}: {reasons}",
            hint="Compare with the original file, and check the trust list.",
        )


def interpret(document: dict[str, Any], bare: MediaVerdict) -> MediaVerdict:
    """``bare`` completed with what c2pa-rs found: its JSON manifest store. Pure.

    A manifest is somebody else's data: whatever it leaves out or gets wrong becomes None or a reason, never an error.
    """
    label = _text(document.get("active_manifest"))
    manifest = _mapping(_mapping(document.get("manifests")).get(label or ""))
    signature = _mapping(manifest.get("signature_info"))
    claims, complaint = _claims(manifest)
    return msgspec.structs.replace(
        bare,
        state=_state(document.get("validation_state")),
        reasons=_failures(document) + complaint,
        manifest_id=label,
        signer=_text(signature.get("common_name")),
        issuer=_text(signature.get("issuer")),
        title=_text(manifest.get("title")),
        ingredients=tuple(_text(_mapping(item).get("title")) or "" for item in _sequence(manifest.get("ingredients"))),
        manifests=len(_mapping(document.get("manifests"))),
        **claims,
    )


def _state(text: object) -> MediaState:
    """A state unknown here is a newer c2pa-rs's, and worth nothing until understood."""
    try:
        return MediaState(str(text))
    except ValueError:
        return MediaState.INVALID


def _failures(document: dict[str, Any]) -> tuple[str, ...]:
    """The status codes that failed, of the file and of its ingredients, each once, in order."""
    results = _mapping(document.get("validation_results"))
    scopes = [_mapping(results.get("activeManifest"))]
    scopes += [
        _mapping(_mapping(delta).get("validationDeltas")) for delta in _sequence(results.get("ingredientDeltas"))
    ]
    statuses = [_mapping(status) for scope in scopes for status in _sequence(scope.get("failure"))]
    statuses += [_mapping(status) for status in _sequence(document.get("validation_status"))]
    return tuple(dict.fromkeys(f"{item.get('code')}: {item.get('explanation')}" for item in statuses))


def _claims(manifest: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The fields of our own assertion, and a reason where it is malformed."""
    for assertion in map(_mapping, _sequence(manifest.get("assertions"))):
        if assertion.get("label") == ASSERTION_LABEL:
            try:
                data = msgspec.convert(assertion.get("data"), _Assertion)
                records = tuple(bytes.fromhex(generation.record) for generation in data.generations)
                return {"aaid": parse_aaid(data.aaid), "version": data.version, "records": records}, ()
            except (msgspec.ValidationError, MalformedId, ValueError) as error:
                return {}, (f"{ASSERTION_LABEL}: {error}",)
    return {}, ()


class _NamedGeneration(msgspec.Struct, frozen=True):
    record: str


class _Assertion(msgspec.Struct, frozen=True):
    aaid: str
    version: int
    generations: tuple[_NamedGeneration, ...] = ()


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _sequence(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
