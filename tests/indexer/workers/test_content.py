import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.workers.sdk.content import ContentDirectory, digest_of


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


@given(st.binary(max_size=4096))
def test_bytes_have_their_sha256_and_size(content: bytes) -> None:
    digest = digest_of(content)
    assert (digest.sha256, digest.size_bytes) == (hashlib.sha256(content).digest(), len(content))


def test_a_file_larger_than_a_piece_has_its_sha256_and_size(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_001
    (tmp_path / "large").write_bytes(content)
    assert digest_of(tmp_path / "large") == digest_of(content)


def test_content_lies_under_its_hash(tmp_path: Path) -> None:
    digest = ContentDirectory(tmp_path / "content").add(b"a film")
    name = hashlib.sha256(b"a film").hexdigest()
    assert digest.sha256.hex() == name
    assert files(tmp_path) == [tmp_path / "content" / "sha256" / name[:2] / name]
    assert ContentDirectory(tmp_path / "content").path(digest.sha256).read_bytes() == b"a film"


def test_adding_the_same_content_again_leaves_one_file_and_mends_it(tmp_path: Path) -> None:
    directory = ContentDirectory(tmp_path)
    path = directory.path(directory.add(b"a film").sha256)
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    directory.add(b"a film")
    assert path.read_bytes() == b"a film"
    assert files(tmp_path) == [path]


def test_a_file_that_cannot_be_read_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ContentDirectory(tmp_path / "content").add(tmp_path / "none")
    assert files(tmp_path) == []


def test_many_threads_may_add_the_same_content(tmp_path: Path) -> None:
    directory = ContentDirectory(tmp_path)
    content = bytes(1 << 20)
    with ThreadPoolExecutor(8) as threads:
        digests = list(threads.map(directory.add, [content] * 16, timeout=60))
    assert len(set(digests)) == 1
    assert files(tmp_path) == [directory.path(digests[0].sha256)]
