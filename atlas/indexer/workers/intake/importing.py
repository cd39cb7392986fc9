"""Files of records: opened frame by frame, each frame known by the byte it begins at, damage skipped.

    concatenated   msgpack values one after the other: an envelope file, a spool's files joined, an export
    framed         4 bytes big-endian length before each, as in a submission over HTTP

Which of the two it is, the first whole frames tell: lengths stand before them, or none does. After damage, reading
goes on at the next place that is a whole frame by its form. Files that end in ``.gz`` or ``.zst`` are unpacked on the
way; offsets then count unpacked bytes.
"""

import gzip
import re
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
import pyarrow as pa

from atlas.indexer.workers.errors import ImportFailed
from atlas.indexer.workers.intake.frames import FRAME_STARTS, MAX_FRAME_BYTES
from atlas.indexer.workers.intake.shapes import IncompleteFrame, MalformedFrame, value_end

SUFFIXES = (".envelope", ".records", ".msgpack")
_PACKED_SUFFIXES = (".gz", ".zst")
_LENGTH_BYTES = 4
_READ_BYTES = 1 << 20
_FRAMES_JUDGED = 8
# A frame's second element is bytes or, of a batch, an array: three bytes are looked for, two come about too easily.
_LEAD = re.compile(b"(?:" + b"|".join(map(re.escape, FRAME_STARTS)) + rb")[\xc4\xc5\xc6\xdc\xdd\x91-\x9f]")


class Source(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes, none at the end."""
        ...


class Frame(msgspec.Struct, frozen=True):
    """A frame and where it begins."""

    offset: int
    data: bytes


class Damage(msgspec.Struct, frozen=True):
    """Bytes that are no frame, where they begin, and why."""

    offset: int
    size_bytes: int
    reason: str


def read_frames(source: Source) -> Iterator[Frame | Damage]:
    """The frames of a file or stream in order, and the damage between them. Raises OSError."""
    buffer = _Buffer(source)
    framing = _framing_of(buffer)
    while buffer.peek(1):
        try:
            begin, end = framing.extent(buffer)
        except MalformedFrame as error:
            yield _skip(buffer, framing, str(error))
            continue
        offset = buffer.offset
        yield Frame(offset, buffer.take(end)[begin:])


def files_below(path: Path) -> list[Path]:
    """``path`` itself, or the files of records below it, by name: a spool's by number. Raises ImportFailed."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ImportFailed(f"{path} is neither a file nor a directory", hint="Name one of them, or - for the input.")
    found = [file for file in path.rglob("*") if file.is_file() and _suffix(file) in SUFFIXES]
    if not found:
        raise ImportFailed(f"{path} has no file of records", hint=f"Their names end in {', '.join(SUFFIXES)}.")
    return sorted(found, key=lambda file: (file.name, str(file)))


@contextmanager
def open_file(path: Path) -> Generator[Source]:
    """The unpacked content of a file. Raises ImportFailed, there and while it is read."""
    with _readable(str(path)), path.open("rb") as file, _unpacked(file, path.suffix) as source:
        yield source


@contextmanager
def open_input() -> Generator[Source]:
    """What comes in on standard input. Raises ImportFailed, also when it is closed."""
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - so it is when file descriptor 0 is closed
        raise ImportFailed("standard input is closed", hint="Pipe or redirect records into the command.")
    with _readable("standard input"):
        yield sys.stdin.buffer


@contextmanager
def _readable(name: str) -> Generator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise ImportFailed(
            f"{name} cannot be read: {error}", hint="What was read is in the ledger; import it again once it is whole."
        ) from error


@contextmanager
def _unpacked(file: BinaryIO, suffix: str) -> Generator[Source]:
    if suffix == ".gz":
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield unpacked
    elif suffix == ".zst":
        with pa.CompressedInputStream(file, "zstd") as unpacked:
            yield unpacked
    else:
        yield file


def _suffix(file: Path) -> str:
    return Path(file.stem).suffix if file.suffix in _PACKED_SUFFIXES else file.suffix


class _Buffer:
    """A window on the source that grows on demand; ``offset`` is where it begins."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._data = bytearray()
        self._begin = 0
        self.offset = 0

    def peek(self, size: int) -> bytes:
        """The next bytes, fewer at the end."""
        self.fill(size)
        return bytes(self._data[self._begin : self._begin + size])

    def fill(self, size: int) -> int:
        """Have ``size`` bytes ready, or all that are left; says how many are."""
        while len(self._data) - self._begin < size:
            piece = self._source.read(_READ_BYTES)
            if not piece:
                break
            del self._data[: self._begin]
            self._begin = 0
            self._data += piece
        return len(self._data) - self._begin

    def take(self, size: int) -> bytes:
        """The next bytes, which are ready."""
        taken = bytes(self._data[self._begin : self._begin + size])
        self._begin += size
        self.offset += size
        return taken

    def window(self) -> tuple[bytearray, int]:
        """What is ready, and where in it the next byte is."""
        return self._data, self._begin


class _Framing(msgspec.Struct, frozen=True):
    """How to find a frame's begin and end, counted from the buffer's next byte, and candidates after damage."""

    extent: Callable[[_Buffer], tuple[int, int]]
    lead_bytes: int  # before a frame's own first byte


def _concatenated_extent(buffer: _Buffer) -> tuple[int, int]:
    if buffer.peek(2) not in FRAME_STARTS:
        raise MalformedFrame("no frame begins here")
    ready = buffer.fill(_READ_BYTES)
    while True:
        data, begin = buffer.window()
        try:
            end = value_end(data, begin, begin + ready) - begin
        except IncompleteFrame as error:
            more = buffer.fill(min(2 * ready, MAX_FRAME_BYTES + 1))
            if more == ready:
                raise MalformedFrame("the frame is cut off") from error
            ready = more
            continue
        return 0, end


def _framed_extent(buffer: _Buffer) -> tuple[int, int]:
    head = buffer.peek(_LENGTH_BYTES + 2)
    end = _LENGTH_BYTES + int.from_bytes(head[:_LENGTH_BYTES], "big")
    if end > MAX_FRAME_BYTES:
        raise MalformedFrame(f"a frame of {end} bytes is longer than any")
    if buffer.fill(end) < end:
        raise MalformedFrame(f"the frame is cut off: {end} bytes were announced")
    if head[_LENGTH_BYTES:] not in FRAME_STARTS:
        raise MalformedFrame("no frame begins behind this length")
    data, begin = buffer.window()
    try:
        found = value_end(data, begin + _LENGTH_BYTES, begin + end) - begin
    except IncompleteFrame as error:
        raise MalformedFrame("the frame is longer than its length says") from error
    if found != end:
        raise MalformedFrame("the frame is shorter than its length says")
    return _LENGTH_BYTES, end


_CONCATENATED = _Framing(_concatenated_extent, 0)
_FRAMED = _Framing(_framed_extent, _LENGTH_BYTES)


def _framing_of(buffer: _Buffer) -> _Framing:
    """How the file is written: with lengths, if a length stands before one of its first whole frames."""
    ready = buffer.fill(2 * _READ_BYTES)
    data, begin = buffer.window()
    place, found = begin, 0
    while found < _FRAMES_JUDGED and (distance := _next_start(data, place, begin + ready)) is not None:
        place += distance
        try:
            end = value_end(data, place, begin + ready)
        except MalformedFrame:
            place += 1
            continue
        if bytes(data[max(begin, place - _LENGTH_BYTES) : place]) == (end - place).to_bytes(_LENGTH_BYTES, "big"):
            return _FRAMED
        place, found = end, found + 1
    cut_off = data[begin + _LENGTH_BYTES : begin + _LENGTH_BYTES + 2]
    return _FRAMED if not found and bytes(cut_off) in FRAME_STARTS else _CONCATENATED


def _skip(buffer: _Buffer, framing: _Framing, reason: str) -> Damage:
    """Go on to the next whole frame, or to the end."""
    offset = buffer.offset
    buffer.take(1)
    while True:
        ready = buffer.fill(_READ_BYTES)
        data, begin = buffer.window()
        distance = _next_start(data, begin + framing.lead_bytes, begin + ready)
        if distance is None:
            at_end = ready < _READ_BYTES
            buffer.take(ready if at_end else ready - framing.lead_bytes - 2)
            if at_end:
                break
            continue
        buffer.take(distance)
        try:
            framing.extent(buffer)
        except MalformedFrame:
            buffer.take(1)
            continue
        break
    return Damage(offset, buffer.offset - offset, reason)


def _next_start(data: bytearray, begin: int, end: int) -> int | None:
    """How far from ``begin`` the next three bytes are that a frame begins with."""
    found = _LEAD.search(data, begin, end)
    return None if found is None else found.start() - begin
