import gzip
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.workers.errors import RequestRefused
from atlas.indexer.workers.intake.codings import decode

Pack = Callable[[bytes], bytes]
SKIPPABLE = bytes.fromhex("502a4d1800000000")


def zstd(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)


def streamed(data: bytes) -> bytes:
    """Without the size in its head, and with a window."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as output:
        for start in range(0, len(data), 1000):
            output.write(data[start : start + 1000])
    return sink.getvalue().to_pybytes()


@given(st.binary(max_size=5_000))
def test_what_was_packed_comes_out(data: bytes) -> None:
    for packed, coding in (
        (gzip.compress(data), "gzip"),
        (zstd(data), "zstd"),
        (streamed(data), "zstd"),
        (data, "identity"),
    ):
        assert decode(packed, coding, len(data)) == data


@pytest.mark.parametrize("pack", [zstd, streamed])
def test_large_bodies_of_many_blocks_come_out(pack: Pack) -> None:
    data = bytes(range(256)) * 4_000
    assert decode(pack(data), "zstd", len(data)) == data


@pytest.mark.parametrize(("pack", "coding"), [(gzip.compress, "gzip"), (zstd, "zstd"), (streamed, "zstd")])
def test_a_bomb_takes_no_more_memory_than_the_limit(pack: Pack, coding: str) -> None:
    bomb = pack(bytes(64 << 20))
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(RequestRefused) as refused:
            decode(bomb, coding, 1 << 20)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.status == 413
    assert peak_bytes < 8 << 20
    assert pa.total_allocated_bytes() - before < 4 << 20


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        zstd(b"x")[:-1],
        zstd(b"x") + b"y",
        zstd(b"x") + zstd(b"y"),
        b"\x50\x2a\x4d\x18\x00\x00\x00\x00",
    ],
    ids=["empty", "not zstd", "cut off", "more behind", "two frames", "skippable"],
)
def test_bad_zstd_is_refused(body: bytes) -> None:
    with pytest.raises(RequestRefused) as refused:
        decode(body, "zstd", 1000)
    assert (refused.value.status, refused.value.code) == (400, "bad_zstd")


def test_a_window_beyond_8_mib_is_refused() -> None:
    frame = bytes.fromhex("28b52ffd") + bytes([0x00, (17 << 3)]) + b"\x01\x00\x00"  # 2**27 bytes, an empty last block
    with pytest.raises(RequestRefused, match="window of at most 8 MiB"):
        decode(frame, "zstd", 1000)


@given(st.binary(max_size=300), st.sampled_from([b"", bytes.fromhex("28b52ffd"), zstd(b"x" * 100)[:9]]))
def test_random_bytes_are_unpacked_or_refused(data: bytes, start: bytes) -> None:
    for coding in ("gzip", "zstd"):
        with suppress(RequestRefused):
            assert len(decode(start + data, coding, 1000)) <= 1000


@given(st.integers(0, 200), st.integers(1, 255))
def test_mutated_frames_are_unpacked_or_refused(place: int, difference: int) -> None:
    packed = bytearray(zstd(bytes(range(200)) * 3))
    packed[place % len(packed)] ^= difference
    with suppress(RequestRefused):
        assert len(decode(bytes(packed), "zstd", 1000)) <= 1000
