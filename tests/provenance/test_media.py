import contextlib
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.provenance.errors import CorruptMedia, MediaError, MediaTypeMismatch, UnsupportedMedia
from atlas.provenance.media import MediaType, check_media, sniff
from tests.provenance.samples import MEDIA, png, png_chunk, wav

SAMPLES = {media_type: make() for media_type, make in MEDIA.items()}


@pytest.mark.parametrize("media_type", MediaType)
def test_each_type_is_told_by_its_content(media_type: MediaType) -> None:
    file = io.BytesIO(SAMPLES[media_type])
    assert sniff(SAMPLES[media_type][:12]) == media_type
    assert check_media(file, media_type) == media_type
    assert file.tell() == 0


@pytest.mark.parametrize("data", [b"", b"RIFF", b"GIF89a" + bytes(20), b"\0\0\0\x20ftypqt  " + bytes(20)])
def test_other_content_is_unsupported(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia):
        check_media(io.BytesIO(data))


def test_content_of_another_type_than_announced_is_refused() -> None:
    with pytest.raises(MediaTypeMismatch):
        check_media(io.BytesIO(SAMPLES[MediaType.PNG]), "audio/wav")


@pytest.mark.parametrize("media_type", MediaType)
def test_a_file_cut_anywhere_is_refused(media_type: MediaType) -> None:
    whole = SAMPLES[media_type]
    for length in range(0, len(whole), 37):
        with pytest.raises(MediaError):
            check_media(io.BytesIO(whole[:length]))


@pytest.mark.parametrize("media_type", [MediaType.PNG, MediaType.WAV])
def test_bytes_after_the_end_are_refused(media_type: MediaType) -> None:
    with pytest.raises(CorruptMedia):
        check_media(io.BytesIO(SAMPLES[media_type] + b"polyglot"))


@given(st.data())
def test_any_flipped_byte_of_a_png_is_found(data: st.DataObject) -> None:
    damaged = bytearray(SAMPLES[MediaType.PNG])
    position = data.draw(st.integers(0, len(damaged) - 1))
    damaged[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(MediaError):
        check_media(io.BytesIO(bytes(damaged)))


@given(st.sampled_from(list(MediaType)), st.data())
def test_arbitrary_damage_raises_nothing_but_media_errors(media_type: MediaType, data: st.DataObject) -> None:
    damaged = bytearray(SAMPLES[media_type])
    start = data.draw(st.integers(0, len(damaged)))
    damaged[start : start + data.draw(st.integers(0, 64))] = data.draw(st.binary(max_size=64))
    with contextlib.suppress(MediaError):
        check_media(io.BytesIO(bytes(damaged)))


def test_a_png_must_begin_with_its_header() -> None:
    body = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")
    with pytest.raises(CorruptMedia, match="IHDR"):
        check_media(io.BytesIO(body))


def test_a_wav_without_samples_is_refused() -> None:
    body = b"WAVE" + b"fmt " + struct.pack("<I", 16) + bytes(16)
    with pytest.raises(CorruptMedia, match="data"):
        check_media(io.BytesIO(b"RIFF" + struct.pack("<I", len(body)) + body))


def test_odd_wav_chunks_are_padded() -> None:
    whole = wav()
    body = whole[8:] + b"note" + struct.pack("<I", 3) + b"abc\0"
    check_media(io.BytesIO(b"RIFF" + struct.pack("<I", len(body)) + body))


def test_an_unfinished_mp4_is_refused() -> None:
    with pytest.raises(CorruptMedia, match="moov"):
        check_media(io.BytesIO(b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\0mdat" + bytes(100)))


def test_an_mp4_box_may_have_a_64_bit_length() -> None:
    large = struct.pack(">I4sQ", 1, b"free", 20) + bytes(4)
    check_media(io.BytesIO(SAMPLES[MediaType.MP4] + large))
    with pytest.raises(CorruptMedia, match="impossible"):
        check_media(io.BytesIO(SAMPLES[MediaType.MP4] + struct.pack(">I4sQ", 1, b"free", 8)))


def test_an_empty_png_is_not_needed_to_know_a_big_one() -> None:
    check_media(io.BytesIO(png(width=900, height=900)))
