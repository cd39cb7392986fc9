import io
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas.provenance import c2pa_settings
from atlas.provenance.authority import certificate_pem, create_development_authority, key_pem
from atlas.provenance.content import hash_file
from atlas.provenance.errors import (
    ContentMissing,
    CorruptMedia,
    MediaError,
    MediaNotTrusted,
    SigningFailed,
    UnsupportedMedia,
)
from atlas.provenance.keys import TrustList, load_identity, load_trust_list
from atlas.provenance.media import MediaType
from atlas.provenance.signing import MediaSigner
from atlas.provenance.verification import (
    MediaReader,
    MediaState,
    MediaVerdict,
    interpret,
    require_trusted,
    verify_media,
)
from tests.provenance.samples import MEDIA, Studio, mp4, pedigree, png, stranger_trust

BARE = MediaVerdict(MediaState.UNSIGNED, (), MediaType.PNG, bytes(32), 1)


def _read(data: bytes, trust: TrustList) -> MediaVerdict:
    return MediaReader(trust).read(io.BytesIO(data))


@pytest.mark.parametrize("media_type", MediaType)
def test_signed_media_is_trusted_under_its_own_anchor(studio: Studio, media_type: MediaType) -> None:
    signed, data = studio.sign(MEDIA[media_type](), media_type)
    verdict = _read(data, studio.trust)
    require_trusted(verdict)
    assert verdict.reasons == ()
    assert verdict.manifest_id == signed.manifest_id
    assert verdict.sha256 == signed.sha256
    assert verdict.signer == studio.identity.common_name
    assert verdict.issuer == studio.identity.organization
    assert verdict.aaid == pedigree().asset.aaid
    assert verdict.version == 1
    assert verdict.records == (bytes([1]) * 32,)


@pytest.mark.parametrize("media_type", MediaType)
def test_signed_media_is_valid_but_untrusted_under_another_list(
    studio: Studio, tmp_path: Path, media_type: MediaType
) -> None:
    _, data = studio.sign(MEDIA[media_type](), media_type)
    for trust in (stranger_trust(tmp_path), TrustList("", ())):
        verdict = _read(data, trust)
        assert verdict.state is MediaState.VALID
        assert "signingCredential.untrusted" in verdict.reasons[0]
        with pytest.raises(MediaNotTrusted, match="untrusted"):
            require_trusted(verdict)


@pytest.mark.parametrize("media_type", MediaType)
def test_a_flipped_media_byte_is_invalid(studio: Studio, media_type: MediaType) -> None:
    _, signed = studio.sign(MEDIA[media_type](), media_type)
    data = bytearray(signed)
    data[_media_byte(signed, media_type)] ^= 1
    verdict = _read(bytes(data), studio.trust)
    assert verdict.state is MediaState.INVALID
    assert any("Hash.mismatch" in reason for reason in verdict.reasons)


def _media_byte(data: bytes, media_type: MediaType) -> int:
    marker = {MediaType.PNG: b"IDAT", MediaType.WAV: b"data", MediaType.MP4: b"mdat"}[media_type]
    return data.index(marker) + 24


def test_a_flipped_byte_in_the_ftyp_box_passes_c2pa_and_not_the_whole_file_hash(studio: Studio) -> None:
    signed, original = studio.sign(mp4(), MediaType.MP4)
    data = bytearray(original)
    data[original.index(b"ftyp") + 9] ^= 1  # in the minor version
    verdict = _read(bytes(data), studio.trust)
    assert verdict.state is MediaState.TRUSTED
    assert verdict.sha256 != signed.sha256


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.data())
def test_no_flipped_byte_anywhere_goes_unnoticed(studio: Studio, data: st.DataObject) -> None:
    signed, original = _signed_once(studio)
    damaged = bytearray(original)
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        verdict = _read(bytes(damaged), studio.trust)
    except MediaError:
        return
    assert verdict.state is not MediaState.TRUSTED or verdict.sha256 != signed
    assert verdict.sha256 == hash_file(io.BytesIO(bytes(damaged))).sha256


_once: dict[Path, tuple[bytes, bytes]] = {}


def _signed_once(studio: Studio) -> tuple[bytes, bytes]:
    if studio.directory not in _once:
        signed, data = studio.sign(png(), MediaType.PNG)
        _once[studio.directory] = signed.sha256, data
    return _once[studio.directory]


def test_media_without_a_manifest_is_unsigned(studio: Studio) -> None:
    verdict = _read(png(), studio.trust)
    assert verdict.state is MediaState.UNSIGNED
    with pytest.raises(MediaNotTrusted, match="carries no manifest"):
        require_trusted(verdict)


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"", UnsupportedMedia), (b"text", UnsupportedMedia), (png()[:-9], CorruptMedia), (mp4()[:900], CorruptMedia)],
)
def test_broken_media_is_a_typed_error(studio: Studio, data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        _read(data, studio.trust)


def test_a_missing_file_is_a_typed_error(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(ContentMissing):
        verify_media(tmp_path / "nowhere.png", studio.trust)


def test_a_wrong_extension_does_not_mislead_the_reader(studio: Studio, tmp_path: Path) -> None:
    path = tmp_path / "picture.mp4"
    path.write_bytes(studio.sign(png(), MediaType.PNG)[1])
    assert verify_media(path, studio.trust).state is MediaState.TRUSTED


def test_what_was_signed_is_invalid_once_the_certificate_has_expired(tmp_path: Path) -> None:
    """Without a time stamp nothing says that the signature is older than the expiry."""
    issued = datetime.now(UTC) - timedelta(days=1) + timedelta(seconds=4)
    authority = create_development_authority("Short", issued)
    signer = authority.issue_signer("Short signer", issued, valid_days=1)
    chain, key, root = tmp_path / "chain.pem", tmp_path / "key.pem", tmp_path / "root.pem"
    chain.write_bytes(certificate_pem(signer.certificate, authority.intermediate.certificate))
    key.write_bytes(key_pem(signer.key))
    key.chmod(0o600)
    root.write_bytes(certificate_pem(authority.root.certificate))
    studio, trust = Studio(tmp_path / "studio"), load_trust_list([root])
    studio.signer = MediaSigner(load_identity(chain, key, issued), trust)
    _, data = studio.sign(png(), MediaType.PNG)
    assert _read(data, trust).state is MediaState.TRUSTED
    time.sleep(max(0.0, (signer.certificate.not_valid_after_utc - datetime.now(UTC)).total_seconds()) + 1.1)
    verdict = _read(data, trust)
    assert verdict.state is MediaState.INVALID
    assert any("expired" in reason or "outsideValidity" in reason for reason in verdict.reasons)
    with pytest.raises(SigningFailed):  # c2pa looks at the clock too, whatever this program believes
        studio.sign(png(), MediaType.PNG)


def test_reading_never_uses_the_network(studio: Studio) -> None:
    configured = c2pa_settings.settings(studio.trust)
    assert configured["verify"]["remote_manifest_fetch"] is False
    assert configured["verify"]["ocsp_fetch"] is False


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"active_manifest": 3, "manifests": [], "validation_state": "Splendid"},
        {"active_manifest": "a", "manifests": {"a": {"assertions": "x", "signature_info": 7, "ingredients": [1]}}},
        {"active_manifest": "a", "manifests": {"a": None}, "validation_results": {"ingredientDeltas": [None]}},
    ],
)
def test_a_strange_manifest_store_is_invalid_and_not_an_error(document: dict[str, Any]) -> None:
    verdict = interpret(document, BARE)
    assert verdict.state is MediaState.INVALID
    assert verdict.aaid is None


@pytest.mark.parametrize(
    "claims",
    [
        None,
        {"aaid": 7, "version": 1},
        {"aaid": "aaid:00", "version": 1},
        {"aaid": f"aaid:{'00' * 32}", "version": 1, "generations": [{"record": "zz"}]},
    ],
)
def test_a_malformed_assertion_of_ours_is_a_reason(claims: object) -> None:
    assertion = {"label": "org.atlas.provenance", "data": claims}
    document = {
        "active_manifest": "a",
        "manifests": {"a": {"assertions": [assertion]}},
        "validation_state": "Trusted",
    }
    verdict = interpret(document, BARE)
    assert verdict.aaid is None
    assert verdict.reasons[0].startswith("org.atlas.provenance: ")
