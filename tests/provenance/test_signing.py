import hashlib
import io
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from atlas.provenance.errors import (
    CertificateExpired,
    ContentMissing,
    CorruptMedia,
    MediaTypeMismatch,
    SigningFailed,
    UnsupportedMedia,
)
from atlas.provenance.manifest import PARENT_ID, Ingredient, ManifestDefinition, Relationship, define_manifest
from atlas.provenance.media import MediaType
from atlas.provenance.signing import MediaSigner
from atlas.provenance.verification import MediaReader, MediaState
from tests.provenance.samples import MAKER, MEDIA, NOW, Studio, mp4, pedigree, png, stranger_trust, wav


def _plain(media_type: MediaType = MediaType.PNG) -> ManifestDefinition:
    return define_manifest(pedigree(), media_type, MAKER, ())


def _stored(studio: Studio) -> list[Path]:
    return [path for path in (studio.directory / "content").rglob("*") if path.is_file()]


@pytest.mark.parametrize("media_type", MediaType)
def test_a_signed_file_is_stored_under_the_hash_of_all_its_bytes(studio: Studio, media_type: MediaType) -> None:
    signed, data = studio.sign(MEDIA[media_type](), media_type)
    assert signed.sha256 == hashlib.sha256(data).digest()
    assert signed.size_bytes == len(data)
    assert signed.manifest_id.startswith("urn:c2pa:")
    assert signed.signer == "Atlas Ledger Development Signer"


def test_a_manifest_carries_no_thumbnail_and_stays_small(studio: Studio) -> None:
    picture = png(width=400, height=400)
    signed, data = studio.sign(picture, MediaType.PNG)
    assert signed.size_bytes - len(picture) < 20_000
    assert b"thumbnail" not in data


def test_a_component_brings_its_own_manifest_along(studio: Studio) -> None:
    voice, _ = studio.sign(wav(), MediaType.WAV)
    item = Ingredient("voice", "the voice", MediaType.WAV, voice.sha256, Relationship.COMPONENT, bytes([1]) * 32)
    definition = define_manifest(pedigree(), MediaType.MP4, MAKER, (item,))
    _, film = studio.sign_as(mp4(), definition)
    verdict = MediaReader(studio.trust).read(io.BytesIO(film))
    assert verdict.state is MediaState.TRUSTED
    assert verdict.ingredients == ("the voice",)
    assert verdict.manifests == 2


def test_a_file_that_came_signed_keeps_its_history(studio: Studio) -> None:
    first, _ = studio.sign(png(), MediaType.PNG)
    parent = Ingredient(PARENT_ID, "as it came", MediaType.PNG, first.sha256, Relationship.PARENT, b"")
    definition = define_manifest(pedigree(sources=()), MediaType.PNG, MAKER, (parent,))
    _, data = studio.sign_as(studio.content.read(first.sha256), definition)
    verdict = MediaReader(studio.trust).read(io.BytesIO(data))
    assert verdict.state is MediaState.TRUSTED
    assert verdict.manifests == 2


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (png()[:-20], CorruptMedia),
        (png() + b"tail", CorruptMedia),
        (b"", UnsupportedMedia),
        (b"plain text", UnsupportedMedia),
        (wav(), MediaTypeMismatch),
    ],
)
def test_media_that_cannot_be_signed_is_refused_and_nothing_is_stored(
    studio: Studio, data: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        studio.sign_as(data, _plain())
    assert _stored(studio) == []


def test_a_missing_ingredient_is_refused_and_nothing_is_stored(studio: Studio) -> None:
    item = Ingredient("gone", "gone", MediaType.PNG, bytes(32), Relationship.COMPONENT, b"")
    with pytest.raises(ContentMissing):
        studio.sign_as(png(), define_manifest(pedigree(), MediaType.PNG, MAKER, (item,)))
    assert _stored(studio) == []


def test_a_result_that_would_not_be_trusted_is_not_kept(studio: Studio, tmp_path: Path) -> None:
    studio.signer = MediaSigner(studio.identity, stranger_trust(tmp_path))
    with pytest.raises(SigningFailed, match="untrusted"):
        studio.sign_as(png(), _plain())
    assert _stored(studio) == []


def test_a_definition_that_c2pa_refuses_is_a_typed_error(studio: Studio) -> None:
    with pytest.raises(SigningFailed):
        studio.sign_as(png(), ManifestDefinition('{"assertions": 1}', MediaType.PNG, ()))


def test_an_expired_certificate_signs_nothing(studio: Studio) -> None:
    with pytest.raises(CertificateExpired):
        studio.signer.sign(io.BytesIO(png()), _plain(), studio.content, NOW + timedelta(days=400))
    assert _stored(studio) == []


def test_threads_share_a_signer(studio: Studio) -> None:
    with ThreadPoolExecutor(4) as pool:
        pictures = [png(seed) for seed in range(12)]
        results = [signed for signed, _ in pool.map(studio.sign, pictures, [MediaType.PNG] * 12)]
    assert len({result.manifest_id for result in results}) == 12


def _sign_in_child(directory: Path, signer: MediaSigner, studio: Studio) -> None:
    signed = signer.sign(io.BytesIO(png(2)), _plain(), studio.content, NOW)
    (directory / "done").write_bytes(signed.sha256)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_signer_survives_a_fork(studio: Studio, tmp_path: Path) -> None:
    studio.sign(png(), MediaType.PNG)
    child = multiprocessing.get_context("fork").Process(target=_sign_in_child, args=(tmp_path, studio.signer, studio))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    studio.content.verify((tmp_path / "done").read_bytes())
