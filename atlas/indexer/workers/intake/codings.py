"""Content codings of what strangers send, taken apart within a bound: gzip (RFC 1952) and zstd (RFC 8878).

One member, one frame, to the last byte. A zstd frame must keep to a window of 8 MiB (RFC 9659), so that what the
decoder sets aside is bounded too. Whatever is larger unpacked than allowed is given up at that byte.

    zstd frame   magic FD2FB528 (little-endian), descriptor, [window], [dictionary], [size], blocks, [checksum]
    block        3 bytes little-endian: last (1 bit), type (2 bits), size (21 bits); then its content
"""

import zlib

import pyarrow as pa

from atlas.indexer.workers.errors import RequestRefused

_GZIP = 16 + zlib.MAX_WBITS  # zlib's number for the gzip format
_ZSTD_MAGIC = bytes.fromhex("28b52ffd")
_MAX_WINDOW_BYTES = 8 << 20
_RLE_BLOCK, _RESERVED_BLOCK = 1, 3
_CONTENT_SIZE_BYTES = (0, 2, 4, 8)
_DICTIONARY_ID_BYTES = (0, 1, 2, 4)

CODINGS = ("gzip", "zstd", "identity")


def decode(body: bytes, coding: str, max_bytes: int) -> bytes:
    """``body`` without its coding, one of CODINGS. Raises RequestRefused: 400, or 413 when it is too large."""
    match coding:
        case "gzip":
            return _gunzip(body, max_bytes)
        case "zstd":
            return _unzstd(body, max_bytes)
        case _:
            return body


def too_large(max_bytes: int) -> RequestRefused:
    """The refusal of more than ``max_bytes``."""
    return RequestRefused(
        413,
        "body_too_large",
        f"a submission has at most {max_bytes} bytes unpacked",
        hint="Send fewer records at once.",
    )


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    inflater = zlib.decompressobj(_GZIP)
    try:
        unpacked = inflater.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise _bad("gzip", "one gzip member", str(error)) from error
    if len(unpacked) > max_bytes:
        raise too_large(max_bytes)
    if not inflater.eof or inflater.unused_data:
        reason = "bytes are missing at the end" if not inflater.eof else "bytes follow the end"
        raise _bad("gzip", "one gzip member", reason)
    return unpacked


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    _require_one_frame(body)
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
            unpacked = stream.read(max_bytes + 1)
    except (OSError, pa.ArrowException) as error:
        raise _bad("zstd", "one zstd frame", str(error)) from error
    if len(unpacked) > max_bytes:
        raise too_large(max_bytes)
    return unpacked


def _require_one_frame(body: bytes) -> None:
    """Return when ``body`` is one frame from end to end. Raises RequestRefused."""
    offset, has_checksum = _frame_header(body)
    last = False
    while not last:
        header = int.from_bytes(body[offset : offset + 3], "little")
        if offset + 3 > len(body) or header >> 1 & 3 == _RESERVED_BLOCK:
            raise _bad("zstd", "one zstd frame", f"no block begins at byte {offset}")
        last = bool(header & 1)
        offset += 3 + (1 if header >> 1 & 3 == _RLE_BLOCK else header >> 3)
    offset += 4 * has_checksum
    if offset != len(body):
        raise _bad("zstd", "one zstd frame", f"it ends at byte {offset}, the body at {len(body)}")


def _frame_header(body: bytes) -> tuple[int, bool]:
    """The offset of the first block, and whether a checksum ends the frame."""
    if not body.startswith(_ZSTD_MAGIC) or len(body) < 6:
        raise _bad("zstd", "one zstd frame", "it does not begin like one")
    descriptor = body[4]
    is_single_segment = bool(descriptor & 0x20)
    content_size_bytes = _CONTENT_SIZE_BYTES[descriptor >> 6] or int(is_single_segment)
    offset = 5
    if not is_single_segment:
        window_bytes = (8 + (body[offset] & 7)) << (7 + (body[offset] >> 3))
        if window_bytes > _MAX_WINDOW_BYTES:
            raise _bad("zstd", "a zstd frame with a window of at most 8 MiB", f"it asks for {window_bytes} bytes")
        offset += 1
    if descriptor & 0x08:
        raise _bad("zstd", "one zstd frame", "a reserved bit is set")
    return offset + _DICTIONARY_ID_BYTES[descriptor & 3] + content_size_bytes, bool(descriptor & 0x04)


def _bad(coding: str, expected: str, reason: str) -> RequestRefused:
    return RequestRefused(400, f"bad_{coding}", f"the body is not {expected}: {reason}")
