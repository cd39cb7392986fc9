from pathlib import Path

import pytest

from atlas.indexer.workers.errors import KeyUnusable
from atlas.indexer.workers.keys import WorkerKey

# The first account of the mnemonic "test test ... junk", as Foundry's anvil lists it.
SECRET = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "f39fd6e51aad88f6f4ce6ab8827279cfffb92266"


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("text", [SECRET, f"0x{SECRET}", f"  {SECRET.upper()}\n"])
def test_a_key_file_gives_the_address_of_its_key(tmp_path: Path, text: str) -> None:
    assert WorkerKey.from_file(write(tmp_path / "key", text)).address.hex() == ADDRESS


def test_a_key_comes_from_the_environment() -> None:
    assert WorkerKey.from_environment("WORKER_KEY", {"WORKER_KEY": SECRET}).address.hex() == ADDRESS


def test_an_environment_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(KeyUnusable, match="WORKER_KEY is not set"):
        WorkerKey.from_environment("WORKER_KEY", {})


def test_a_created_key_is_private_and_reads_back(tmp_path: Path) -> None:
    created = WorkerKey.create(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert WorkerKey.from_file(tmp_path / "key").secret == created.secret


def test_creating_a_key_never_overwrites_one(tmp_path: Path) -> None:
    first = WorkerKey.create(tmp_path / "key")
    with pytest.raises(KeyUnusable, match="cannot be created"):
        WorkerKey.create(tmp_path / "key")
    assert WorkerKey.from_file(tmp_path / "key").secret == first.secret


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_key_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(KeyUnusable, match="0600 was expected"):
        WorkerKey.from_file(write(tmp_path / "key", SECRET, mode))


@pytest.mark.parametrize("text", ["", "0x", SECRET[:-1], SECRET + "0", "g" * 64, "\xff" * 64])
def test_text_that_is_no_key_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(KeyUnusable) as caught:
        WorkerKey.from_file(write(tmp_path / "key", text))
    assert len(text) < 8 or text[:8] not in caught.value.message


@pytest.mark.parametrize("secret", [bytes(32), b"\xff" * 32, bytes(31), b""])
def test_bytes_outside_the_group_are_refused(secret: bytes) -> None:
    with pytest.raises(KeyUnusable):
        WorkerKey(secret)


def test_a_missing_key_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="cannot be read"):
        WorkerKey.from_file(tmp_path / "none")


def test_the_text_form_of_a_key_shows_only_its_address() -> None:
    key = WorkerKey.from_text(SECRET)
    assert SECRET not in repr(key)
    assert ADDRESS in repr(key).lower()
