"""The media this program signs, told by their first bytes and checked by their structure.

PNG (ISO/IEC 15948), WAV (RIFF/WAVE) and MP4 (ISO/IEC 14496-12). The structure check walks chunks and boxes without
decoding pictures or sound: a file that passes is complete, not necessarily playable. It exists because a signer
accepts broken media as long as the hash can be computed, and a signature would then vouch for rubbish.
"""

import struct
import zlib
from enum import StrEnum
from typing import BinaryIO

from atlas.provenance.errors import CorruptMedia, MediaTypeMismatch, UnsupportedMedia

HEAD_BYTES = 12
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
BLOCK_BYTES = 1 << 20

# ISO/IEC 14496-12 and 14496-14 brands, and those of common writers. QuickTime and audio-only brands are other types.
MP4_BRANDS = frozenset(
    {b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9"}
    | {b"mp41", b"mp42", b"avc1", b"M4V ", b"dash", b"MSNV"}
)


class MediaType(StrEnum):
    """The media types that can be signed."""

    PNG = "image/png"
    WAV = "audio/wav"
    MP4 = "video/mp4"


EXTENSIONS = {MediaType.PNG: ".png", MediaType.WAV: ".wav", MediaType.MP4: ".mp4"}


def sniff(head: bytes) -> MediaType | None:
    """The media type that the first 12 bytes of a file announce, None for any other."""
    if head.startswith(PNG_SIGNATURE):
        return MediaType.PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return MediaType.WAV
    if head[4:8] == b"ftyp" and head[8:12] in MP4_BRANDS:
        return MediaType.MP4
    return None


def identify(file: BinaryIO) -> MediaType:
    """The media type of an open file, by content; the file is rewound. Raises UnsupportedMedia."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    media_type = sniff(head)
    if media_type is None:
        raise UnsupportedMedia(
            f"expected a PNG, WAV or MP4, the file starts with {head.hex() or 'nothing'}",
            hint="Export the media in one of these containers.",
        )
    return media_type


def check_media(file: BinaryIO, announced: str | None = None) -> MediaType:
    """The media type of a structurally complete file, which is rewound before and after.

    Raises UnsupportedMedia; MediaTypeMismatch when ``announced`` is another type; CorruptMedia.
    """
    media_type = identify(file)
    if announced is not None and announced != media_type:
        raise MediaTypeMismatch(
            f"announced as {announced}, the content is {media_type}",
            hint="Name the file and its media type after what it contains.",
        )
    size_bytes = file.seek(0, 2)
    file.seek(0)
    CHECKS[media_type](file, size_bytes)
    file.seek(0)
    return media_type


def _check_png(file: BinaryIO, size_bytes: int) -> None:
    position, kind = len(PNG_SIGNATURE), b""
    file.seek(position)
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", _exactly(file, 8, "a PNG chunk header"))
        if position == len(PNG_SIGNATURE) and kind != b"IHDR":
            raise CorruptMedia(f"expected the PNG chunk IHDR first, found {kind!r}")
        if length > size_bytes - position - 12:
            raise CorruptMedia(f"the PNG chunk {kind!r} at byte {position} is longer than the file")
        _check_png_crc(file, kind, length, position)
        position += 12 + length
    if position != size_bytes:
        raise CorruptMedia(f"{size_bytes - position} bytes follow the end of the PNG")


def _check_png_crc(file: BinaryIO, kind: bytes, length: int, position: int) -> None:
    crc, left = zlib.crc32(kind), length
    while left:
        block = _exactly(file, min(left, BLOCK_BYTES), "PNG chunk data")
        crc, left = zlib.crc32(block, crc), left - len(block)
    if _exactly(file, 4, "a PNG checksum") != struct.pack(">I", crc):
        raise CorruptMedia(f"the checksum of the PNG chunk {kind!r} at byte {position} is wrong")


def _check_wav(file: BinaryIO, size_bytes: int) -> None:
    (riff_bytes,) = struct.unpack("<4xI4x", _exactly(file, HEAD_BYTES, "a RIFF header"))
    if riff_bytes + 8 != size_bytes:
        raise CorruptMedia(f"the RIFF header announces {riff_bytes + 8} bytes, the file has {size_bytes}")
    position, seen = HEAD_BYTES, set[bytes]()
    while position < size_bytes:
        file.seek(position)
        kind, length = struct.unpack("<4sI", _exactly(file, 8, "a WAV chunk header"))
        seen.add(kind)
        position += 8 + length + length % 2  # chunks are padded to an even length
    if position > size_bytes:
        raise CorruptMedia("the last WAV chunk is longer than the file")
    if not {b"fmt ", b"data"} <= seen:
        raise CorruptMedia("the WAV has no 'fmt ' or no 'data' chunk")


def _check_mp4(file: BinaryIO, size_bytes: int) -> None:
    position, seen = 0, set[bytes]()
    while position < size_bytes:
        file.seek(position)
        length, kind = struct.unpack(">I4s", _exactly(file, 8, "an MP4 box header"))
        header_bytes = 8
        if length == 1:
            (length,) = struct.unpack(">Q", _exactly(file, 8, "an MP4 box length"))
            header_bytes = 16
        elif length == 0:  # the last box may run to the end of the file
            length = size_bytes - position
        if length < header_bytes or length > size_bytes - position:
            raise CorruptMedia(f"the MP4 box {kind!r} at byte {position} has the impossible length {length}")
        seen.add(kind)
        position += length
    if b"moov" not in seen:
        raise CorruptMedia("the MP4 has no 'moov' box: its writer did not finish it")


def _exactly(file: BinaryIO, count: int, what: str) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise CorruptMedia(f"expected {what}, the file ends")
    return data


CHECKS = {MediaType.PNG: _check_png, MediaType.WAV: _check_wav, MediaType.MP4: _check_mp4}
