import gzip
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.workers.errors import ImportFailed
from atlas.indexer.workers.intake.importing import Damage, Frame, files_below, open_file, read_frames
from atlas.indexer.workers.intake.shapes import MalformedFrame, value_end
from atlas.indexer.workers.wire import join_frames
from atlas.protocol.batches import seal_batch
from tests.indexer.workers.support import KEY, envelope, record

FRAMES = [*map(envelope, range(4)), seal_batch([record(KEY, number) for number in range(4, 7)], KEY.secret)]
Join = Callable[[Iterable[bytes]], bytes]
both = pytest.mark.parametrize("join", [b"".join, join_frames], ids=["concatenated", "framed"])


def read(data: bytes) -> list[Frame | Damage]:
    return list(read_frames(io.BytesIO(data)))


def good(data: bytes) -> list[bytes]:
    return [one.data for one in read(data) if isinstance(one, Frame)]


@both
def test_frames_come_out_as_they_went_in(join: Join) -> None:
    assert good(join(FRAMES)) == FRAMES
    assert read(b"") == []


@both
@pytest.mark.parametrize("place", [0, 1, 2, 3, 4])
def test_of_a_damaged_frame_the_place_is_told_and_the_rest_is_read(join: Join, place: int) -> None:
    data = bytearray(join(FRAMES))
    begin = bytes(data).index(FRAMES[place]) - (4 if join is join_frames else 0)
    data[begin] ^= 0x40
    found = read(bytes(data))
    (damage,) = [one for one in found if isinstance(one, Damage)]
    assert damage.offset == begin
    assert good(bytes(data)) == FRAMES[:place] + FRAMES[place + 1 :]


@both
def test_a_cut_off_file_is_read_to_its_last_whole_frame(join: Join) -> None:
    found = read(join(FRAMES)[:-1])
    assert [one.data for one in found if isinstance(one, Frame)] == FRAMES[:-1]
    assert isinstance(found[-1], Damage)
    assert "cut off" in found[-1].reason


@both
@given(cut=st.integers(0, 2000), noise=st.binary(max_size=300))
def test_noise_costs_at_most_the_frame_it_is_in(join: Join, cut: int, noise: bytes) -> None:
    whole = join(FRAMES)
    found = good(whole[:cut] + noise + whole[cut:]) if cut else FRAMES
    assert sum(frame in found for frame in FRAMES) >= len(FRAMES) - 2


@given(st.binary(max_size=2_000))
def test_every_byte_is_in_a_frame_or_in_damage(data: bytes) -> None:
    place = 0
    for one in read(data):
        assert one.offset == place
        if isinstance(one, Frame):
            place += len(one.data) + 4 * (data[place : place + len(one.data)] != one.data)
        else:
            place += one.size_bytes
    assert place == len(data)


def test_a_long_file_is_read_in_pieces() -> None:
    many = FRAMES * 2_000
    assert good(join_frames(many)) == many


def test_a_spool_is_read_by_number_and_other_files_are_left(tmp_path: Path) -> None:
    for name in ("pending/3.envelope", "sent/1.envelope", "sent/2.envelope.gz", "spool.json", "lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [file.name for file in files_below(tmp_path)] == ["1.envelope", "2.envelope.gz", "3.envelope"]


def test_packed_files_are_unpacked(tmp_path: Path) -> None:
    data = join_frames(FRAMES)
    (tmp_path / "a.records.gz").write_bytes(gzip.compress(data))
    (tmp_path / "a.records.zst").write_bytes(pa.compress(data, "zstd", asbytes=True))
    for file in files_below(tmp_path):
        with open_file(file) as source:
            assert [one.data for one in read_frames(source) if isinstance(one, Frame)] == FRAMES


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="neither a file nor a directory"):
        files_below(tmp_path / "missing")
    with pytest.raises(ImportFailed, match="no file of records"):
        files_below(tmp_path)
    (tmp_path / "bad.records.gz").write_bytes(b"no gzip")
    with pytest.raises(ImportFailed, match="cannot be read"), open_file(tmp_path / "bad.records.gz") as source:
        list(read_frames(source))


@pytest.mark.parametrize("place", [15, 16, 20, 60])
def test_a_damaged_packed_file_is_named(tmp_path: Path, place: int) -> None:
    packed = bytearray(gzip.compress(join_frames(FRAMES)))
    packed[place : place + 4] = b"\xff\xff\xff\xff"
    (tmp_path / "bad.records.gz").write_bytes(packed)
    with pytest.raises(ImportFailed, match="cannot be read"), open_file(tmp_path / "bad.records.gz") as source:
        list(read_frames(source))


@pytest.mark.parametrize("shape", ["930191", "9301dd0000ffff", "9402dcffff", "970291", "940192"])
def test_arrays_within_arrays_are_given_up_at_once(shape: str) -> None:
    looked_at = Looks(bytes.fromhex(shape) * 3_000)
    with pytest.raises(MalformedFrame):
        value_end(looked_at, 0, len(looked_at))
    assert looked_at.looks < 100


class Looks(bytearray):
    """Counts how often a byte of it is looked at."""

    looks = 0

    def __getitem__(self, place: Any) -> Any:
        self.looks += 1
        return super().__getitem__(place)
