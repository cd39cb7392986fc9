from pathlib import Path

import pytest

from atlas.ledger.database import Database
from atlas.protocol.facts import ManifestSigned
from atlas.provenance.errors import ContentMissing, MediaNotTrusted
from atlas.provenance.manifest import define_manifest
from atlas.provenance.media import MediaType
from atlas.provenance.report import (
    NO_DATABASE,
    PROOFS,
    REVOCATION,
    Conclusion,
    FileReport,
    Match,
    require_known,
    verify_file,
)
from atlas.provenance.verification import MediaState
from tests.provenance.samples import MAKER, mp4, pedigree, png, stranger_trust
from tests.provenance.world import CREATOR, World


def _signed(world: World, data: bytes) -> tuple[ManifestSigned, bytes]:
    """Register and sign ``data``: the decision, and the signed file."""
    world.register(1, world.put(data), world.generate(data))
    assert world.step() == 1
    world.project()
    (decision,) = world.decisions()
    return decision, world.studio.content.read(decision.signed_sha256)


def _report(world: World, tmp_path: Path, data: bytes) -> FileReport:
    path = tmp_path / "file"
    path.write_bytes(data)
    return verify_file(path, world.database, world.studio.trust)


def test_the_signed_file_of_a_registered_version_is_authentic(world: World, tmp_path: Path) -> None:
    decision, signed = _signed(world, png())
    world.finalize()
    world.project()
    report = _report(world, tmp_path, signed)
    assert report.conclusion is Conclusion.AUTHENTIC
    assert report.contradictions == ()
    assert report.unchecked == (REVOCATION, PROOFS)
    assert report.ledger is not None
    (registration,) = report.ledger.registrations
    assert registration.match is Match.SIGNED
    assert registration.final
    assert registration.pedigree.asset.owner == CREATOR
    assert registration.pedigree.sources[0].model_name == "lantern"
    assert registration.manifest is not None
    assert registration.manifest.manifest_id == decision.manifest_id
    require_known(report)


def test_a_registration_that_is_not_final_is_said_to_be_so(world: World, tmp_path: Path) -> None:
    report = _report(world, tmp_path, _signed(world, png())[1])
    assert report.conclusion is Conclusion.AUTHENTIC
    assert "not final" in report.contradictions[0]


def test_the_file_as_generated_is_registered_and_its_making_known(world: World, tmp_path: Path) -> None:
    _signed(world, png())
    report = _report(world, tmp_path, png())
    assert report.conclusion is Conclusion.REGISTERED
    assert report.verdict.state is MediaState.UNSIGNED
    assert report.ledger is not None
    assert [item.match for item in report.ledger.registrations] == [Match.SOURCE]
    assert len(report.ledger.made_by) == 1
    require_known(report)


def test_a_registered_text_is_found_too(world: World, tmp_path: Path) -> None:
    world.register(1, world.put(b"INT. LIGHTHOUSE"))
    world.project()
    report = _report(world, tmp_path, b"INT. LIGHTHOUSE")
    assert report.conclusion is Conclusion.REGISTERED
    assert report.verdict.media_type is None


def test_a_flipped_byte_is_alteration(world: World, tmp_path: Path) -> None:
    data = bytearray(_signed(world, png())[1])
    data[data.index(b"IDAT") + 24] ^= 1
    report = _report(world, tmp_path, bytes(data))
    assert report.conclusion is Conclusion.ALTERED
    assert report.verdict.state is MediaState.INVALID
    with pytest.raises(MediaNotTrusted, match=r"dataHash\.mismatch"):
        require_known(report)


def test_a_byte_that_c2pa_does_not_cover_is_caught_by_the_ledger(world: World, tmp_path: Path) -> None:
    data = bytearray(_signed(world, mp4())[1])
    data[data.index(b"ftyp") + 9] ^= 1
    report = _report(world, tmp_path, bytes(data))
    assert report.verdict.state is MediaState.TRUSTED
    assert report.conclusion is Conclusion.ALTERED
    assert "the whole file has SHA-256" in report.contradictions[0]
    with pytest.raises(MediaNotTrusted):
        require_known(report)


def test_under_another_trust_list_a_registered_file_is_registered_but_not_authentic(
    world: World, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(_signed(world, png())[1])
    report = verify_file(path, world.database, stranger_trust(tmp_path))
    assert report.conclusion is Conclusion.REGISTERED
    assert "signingCredential.untrusted" in report.verdict.reasons[0]


def test_a_trusted_manifest_that_names_an_asset_falsely_is_alteration(world: World, tmp_path: Path) -> None:
    _signed(world, png())
    definition = define_manifest(pedigree(), MediaType.PNG, MAKER, ())
    forged = definition.document.replace(pedigree().asset.aaid.hex(), world.decisions()[0].aaid.hex())
    _, data = world.studio.sign_as(png(5), type(definition)(forged, MediaType.PNG, ()))
    report = _report(world, tmp_path, data)
    assert report.verdict.state is MediaState.TRUSTED
    assert report.conclusion is Conclusion.ALTERED


def test_a_file_that_nobody_registered_is_unregistered(world: World, tmp_path: Path) -> None:
    world.project()
    report = _report(world, tmp_path, png())
    assert report.conclusion is Conclusion.UNREGISTERED
    with pytest.raises(MediaNotTrusted):
        require_known(report)


def test_broken_media_is_part_of_the_report(world: World, tmp_path: Path) -> None:
    world.project()
    report = _report(world, tmp_path, png()[:-9])
    assert report.conclusion is Conclusion.UNREGISTERED
    assert "PNG" in report.verdict.reasons[0]


def test_without_a_database_the_manifest_still_speaks(world: World, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(_signed(world, png())[1])
    report = verify_file(path, None, world.studio.trust)
    assert report.conclusion is Conclusion.UNDECIDED
    assert report.verdict.state is MediaState.TRUSTED
    assert report.unchecked == (REVOCATION, NO_DATABASE)
    require_known(report)
    path.write_bytes(png())
    with pytest.raises(MediaNotTrusted, match="carries no manifest"):
        require_known(verify_file(path, None, world.studio.trust))


def test_a_database_that_is_away_or_empty_is_reported(world: World, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(png())
    with Database("postgresql://127.0.0.1:9/none", timeout_s=1) as away:
        report = verify_file(path, away, world.studio.trust)
    assert report.conclusion is Conclusion.UNDECIDED
    assert report.unchecked[0].startswith("the ledger: no connection")
    with pytest.raises(MediaNotTrusted):
        require_known(report)
    report = verify_file(path, world.database, world.studio.trust)  # the views were never made
    assert report.conclusion is Conclusion.UNDECIDED
    assert report.unchecked[0].startswith("the ledger: a table is not there")


def test_a_missing_file_is_a_typed_error(world: World, tmp_path: Path) -> None:
    with pytest.raises(ContentMissing):
        verify_file(tmp_path / "nowhere", None, world.studio.trust)
