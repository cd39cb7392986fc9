import io
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from atlas.ledger.database import Database
from atlas.protocol.vocabulary import Agent
from atlas.provenance.decisions import Signing
from atlas.provenance.errors import CertificateExpired, SignerBusy, ViewsMissing
from atlas.provenance.media import MediaType
from atlas.provenance.signer import ManifestSigner, pause_after
from atlas.provenance.verification import MediaReader, MediaState, MediaVerdict
from tests.projections.chain import aaid_of
from tests.provenance.samples import MAKER, MEDIA, Studio, mp4, png, wav
from tests.provenance.world import World, make_signer, media_input, sha256

LIMIT_S = 60


def _read(world: World, signed_sha256: bytes) -> MediaVerdict:
    return MediaReader(world.studio.trust).read(io.BytesIO(world.studio.content.read(signed_sha256)))


def _stored(world: World) -> set[Path]:
    return {path for path in (world.studio.directory / "content" / "sha256").rglob("*") if path.is_file()}


@pytest.mark.parametrize("media_type", MediaType)
def test_a_registered_file_is_signed_and_the_decision_says_what_was_signed(world: World, media_type: MediaType) -> None:
    source = world.put(MEDIA[media_type]())
    record = world.generate(MEDIA[media_type]())
    aaid = world.register(1, source, record)
    assert world.step() == 1
    (decision,) = world.decisions()
    verdict = _read(world, decision.signed_sha256)
    assert verdict.state is MediaState.TRUSTED
    assert (verdict.aaid, verdict.version, verdict.records) == (aaid, 1, (record,))
    assert (decision.aaid, decision.version, decision.records) == (aaid, 1, (record,))
    assert (decision.source_sha256, decision.media_type) == (source, media_type)
    assert (decision.manifest_id, decision.size_bytes) == (verdict.manifest_id, verdict.size_bytes)
    assert decision.signer == verdict.signer


def test_signing_again_does_nothing_before_and_after_the_view_has_the_decision(world: World) -> None:
    world.register(1, world.put(png()), world.generate(png()))
    assert world.step() == 1
    stored = _stored(world)
    assert world.signer.step() == 0
    assert world.step() == 0
    assert len(world.decisions()) == 1
    assert _stored(world) == stored


def test_each_version_of_an_asset_gets_a_manifest_of_its_own(world: World) -> None:
    world.register(1, world.put(png(1)), world.generate(png(1)))
    assert world.step() == 1
    world.add_version(1, 2, world.put(png(2)), world.generate(png(2)))
    assert world.step() == 1
    assert [decision.version for decision in world.decisions()] == [1, 2]
    assert _read(world, world.decisions()[1].signed_sha256).version == 2


def test_a_file_that_arrives_late_is_signed_then(world: World) -> None:
    world.register(1, sha256(png()), world.generate(png()))
    assert world.step() == 0
    assert world.failures() == []
    world.put(png())
    assert world.step() == 1


def test_a_version_waits_for_its_generation_records(world: World) -> None:
    world.generate(b"something else")
    record = world.generate(png(), deliver=False)
    world.register(1, world.put(png()), record)
    assert world.step() == 0
    world.deliver()
    assert world.step() == 1
    assert world.decisions()[0].records == (record,)


def test_an_asset_without_a_record_is_opened_and_not_said_to_be_generated(world: World) -> None:
    world.register(1, world.put(png()))
    assert world.step() == 1
    verdict = _read(world, world.decisions()[0].signed_sha256)
    assert verdict.state is MediaState.TRUSTED
    assert verdict.ingredients == ("the file as registered",)


def test_upstream_files_come_along_with_their_manifests_in_one_step(world: World) -> None:
    """The view has not seen the upstream's manifest when the film is signed: the ledger has."""
    scene, voice = world.generate(png()), world.generate(wav())
    world.register(1, world.put(png()), scene)
    world.register(2, world.put(wav()), voice)
    inputs = (media_input(png(), "image/png", scene), media_input(wav(), "audio/wav", voice))
    film = world.generate(mp4(), *inputs, agent=Agent.EDITING)
    world.register(3, world.put(mp4()), film)
    assert world.step() == 3
    verdict = _read(world, world.decisions()[2].signed_sha256)
    assert verdict.state is MediaState.TRUSTED
    assert verdict.records == (film, *sorted((scene, voice)))
    assert len(verdict.ingredients) == 2
    assert verdict.manifests == 3


def test_a_damaged_upstream_file_is_left_out(world: World) -> None:
    scene = world.generate(png(1))
    world.register(1, world.put(png(1)), scene)
    assert world.step() == 1
    path = world.studio.content.path(world.decisions()[0].signed_sha256)
    path.chmod(0o644)
    path.write_bytes(png(9))
    world.register(2, world.put(png(2)), world.generate(png(2), media_input(png(1), "image/png", scene)))
    assert world.step() == 1
    assert _read(world, world.decisions()[1].signed_sha256).ingredients == ()


def test_a_long_lineage_is_cut_in_the_file(world: World) -> None:
    previous: tuple[bytes, bytes] | None = None
    for number in range(20):
        data = png(number, width=4, height=4)
        inputs = () if previous is None else (media_input(previous[0], "image/png", previous[1]),)
        record = world.generate(data, *inputs)
        world.register(number + 1, world.put(data), record)
        previous = data, record
    assert world.step() == 20
    manifests = [_read(world, decision.signed_sha256).manifests for decision in world.decisions()]
    assert manifests == [*range(1, 18), 1, 2, 3]
    assert len(_read(world, world.decisions()[-1].signed_sha256).records) == 16


def test_one_bad_file_does_not_stop_the_others_and_is_not_tried_again(world: World) -> None:
    broken = png()[:-9]
    bad = world.register(1, world.put(broken), world.generate(broken))
    text = world.register(2, world.put(b"INT. LIGHTHOUSE"), world.generate(b"INT. LIGHTHOUSE"))
    world.register(3, world.put(png()), world.generate(png()))
    assert world.step() == 1
    assert world.step() == 0
    expected = {(bad, 1, "CorruptMedia", 1, None), (text, 1, "UnsupportedMedia", 1, None)}
    assert set(world.failures()) == expected


def test_a_damaged_stored_file_is_tried_again_later_and_later(world: World) -> None:
    source = world.put(png())
    path = world.studio.content.path(source)
    path.chmod(0o644)
    path.write_bytes(png(2))
    world.register(1, source, world.generate(png()))
    now = datetime.now(UTC)
    waits: list[timedelta] = []
    for _ in range(9):
        world.project()
        assert _signer_at(world, now).step() == 0
        assert _signer_at(world, now).step() == 0
        ((_, _, reason, _, retry_at),) = world.failures()
        assert reason == "ContentCorrupt"
        assert retry_at is not None
        waits.append(retry_at - now)
        now = retry_at
    assert waits[:3] == [timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=120)]
    assert waits[-1] == timedelta(hours=1)
    world.put(png())
    assert _signer_at(world, now).step() == 1
    assert world.failures() == []


def _signer_at(world: World, now: datetime) -> ManifestSigner:
    return ManifestSigner(world.database, world.signing, world.studio.content, world.studio.signer, MAKER, lambda: now)


def test_an_expired_certificate_stops_the_signer_and_blames_no_asset(world: World) -> None:
    world.register(1, world.put(png()), world.generate(png()))
    world.project()
    with pytest.raises(CertificateExpired):
        _signer_at(world, datetime.now(UTC) + timedelta(days=1000)).step()
    assert world.failures() == []


def test_other_content_after_a_reorg_is_signed_anew(world: World) -> None:
    first, second = world.generate(png(1)), world.generate(png(2))
    world.register(9, sha256(b"an earlier block"))
    world.register(1, world.put(png(1)), first)
    assert world.step() == 1
    world.orphan_last_block()
    assert world.step() == 0
    world.register(1, world.put(png(2)), second, fork="other")
    assert world.step() == 1
    assert [decision.records for decision in world.decisions()] == [(first,), (second,)]
    standing = world.signing.find(aaid_of(1), 1)
    assert standing is not None
    assert standing.source_sha256 == sha256(png(2))


def test_one_signer_at_a_time(world: World, database_url: str) -> None:
    world.register(1, world.put(png()), world.generate(png()))
    world.project()
    with Database(database_url) as other, other.connection() as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", (0x61746C61_73000050,))
        with pytest.raises(SignerBusy):
            world.signer.step()
    assert world.signer.step() == 1


def test_it_runs_until_told_to_stop(world: World) -> None:
    world.register(1, world.put(png()), world.generate(png()))
    world.project()
    stop = threading.Event()
    thread = threading.Thread(target=world.signer.run, args=(stop,))
    thread.start()
    deadline = datetime.now(UTC) + timedelta(seconds=LIMIT_S)
    while not world.decisions() and datetime.now(UTC) < deadline:
        stop.wait(0.05)
    stop.set()
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    assert len(world.decisions()) == 1


@pytest.mark.parametrize(("looked_s", "pause_s"), [(0.001, 1.0), (0.5, 5.0), (30.0, 10.0)])
def test_a_long_look_makes_the_next_one_rarer_and_never_puts_the_signer_to_sleep(
    looked_s: float, pause_s: float
) -> None:
    assert pause_after(looked_s) == pause_s


def test_without_views_it_says_so(database_url: str, tmp_path: Path) -> None:
    with Database(database_url) as database, Signing(database_url) as signing, pytest.raises(ViewsMissing):
        make_signer(database, signing, Studio(tmp_path / "studio")).step()


KILLED_BEFORE_DECIDING = """
import os, signal, sys
from pathlib import Path
from atlas.ledger.database import Database
from atlas.provenance.content import ContentStore
from atlas.provenance.decisions import Signing
from atlas.provenance.keys import load_identity, load_trust_list
from atlas.provenance.manifest import Maker
from atlas.provenance.signer import ManifestSigner, pause_after
from atlas.provenance.signing import MediaSigner
from datetime import UTC, datetime

class Killed(Signing):
    def record(self, manifest):
        os.kill(os.getpid(), signal.SIGKILL)

url, directory = sys.argv[1], Path(sys.argv[2])
now = datetime.now(UTC)
keys = directory / "keys"
media = MediaSigner(load_identity(keys / "signer.pem", keys / "signer.key", now), load_trust_list([keys / "root.pem"]))
with Database(url) as database, Killed(url) as signing:
    content = ContentStore(directory / "content")
    ManifestSigner(database, signing, content, media, Maker("atlas.test/ledger", "1"), lambda: now).step()
"""


def test_killed_between_the_file_and_the_decision_it_decides_once_on_the_next_start(
    world: World, database_url: str
) -> None:
    world.register(1, world.put(png()), world.generate(png()))
    world.project()
    command = [sys.executable, "-c", KILLED_BEFORE_DECIDING, database_url, str(world.studio.directory)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run(command, env=environment, timeout=LIMIT_S, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert world.decisions() == []
    assert len(_stored(world)) == 2, "the source, and the file that was signed before the kill"
    assert world.step() == 1
    assert world.step() == 0
    (decision,) = world.decisions()
    world.studio.content.verify(decision.signed_sha256)
