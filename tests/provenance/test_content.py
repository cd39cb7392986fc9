import hashlib
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas.provenance.content import ContentStore
from atlas.provenance.errors import ContentCorrupt, ContentMissing


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    return ContentStore(tmp_path / "content")


def _files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "content").rglob("*") if path.is_file()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.binary(max_size=3_000))
def test_what_was_put_comes_out_under_its_hash(store: ContentStore, data: bytes) -> None:
    stored = store.put_bytes(data)
    assert stored.sha256 == hashlib.sha256(data).digest()
    assert stored.size_bytes == len(data)
    assert store.read(stored.sha256) == data


def test_the_layout_is_two_digits_then_all_of_them(store: ContentStore, tmp_path: Path) -> None:
    digits = store.put_bytes(b"abc").sha256.hex()
    assert _files(tmp_path) == [tmp_path / "content" / "sha256" / digits[:2] / digits]


def test_path_stream_and_bytes_give_the_same_content(store: ContentStore, tmp_path: Path) -> None:
    source = tmp_path / "film.bin"
    source.write_bytes(b"same")
    puts = (store.put_path(source), store.put_stream(io.BytesIO(b"same")), store.put_bytes(b"same"))
    assert len(set(puts)) == 1
    assert len(_files(tmp_path)) == 1


def test_stored_files_cannot_be_written_by_accident(store: ContentStore) -> None:
    assert store.path(store.put_bytes(b"abc").sha256).stat().st_mode & 0o777 == 0o444


def test_absent_content_is_said_to_be_absent(store: ContentStore, tmp_path: Path) -> None:
    assert not store.exists(bytes(32))
    with pytest.raises(ContentMissing):
        store.read(bytes(32))
    with pytest.raises(ContentMissing):
        store.put_path(tmp_path / "nowhere")


def test_a_changed_file_is_never_handed_out(store: ContentStore) -> None:
    stored = store.put_bytes(b"original")
    path = store.path(stored.sha256)
    path.chmod(0o644)
    path.write_bytes(b"0riginal")
    with pytest.raises(ContentCorrupt):
        store.verify(stored.sha256)
    store.put_bytes(b"original")
    store.verify(stored.sha256)


def test_a_failure_half_way_leaves_nothing(store: ContentStore, tmp_path: Path) -> None:
    with store.receive() as incoming:
        incoming.file.write(b"half")
    assert _files(tmp_path) == []


def test_leftovers_of_killed_writers_can_be_discarded(store: ContentStore, tmp_path: Path) -> None:
    kept = store.put_bytes(b"kept")
    (tmp_path / "content" / "incoming" / "left").write_bytes(b"half")
    assert store.discard_unfinished(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert store.discard_unfinished(datetime.now(UTC) + timedelta(hours=1)) == 1
    assert _files(tmp_path) == [store.path(kept.sha256)]
