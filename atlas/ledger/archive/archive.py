"""Ranges of the log as files: Parquet that any tool reads, the tree above it, a signed checkpoint, a manifest.

    <directory>/<first>-<last>/         both positions with 20 digits; a range is a whole partition of the log
        facts.parquet                   one row a fact, in the order of positions, none missing; facts-<n>.parquet
                                        after n payloads were redacted in it
            position   int64
            stream     fixed_size_binary[16]
            version    int64
            topic      string, dictionary-encoded
            payload    binary, null where redacted
            leaf_hash  fixed_size_binary[32]     level 0 of the tree
        tiles.parquet                   the tiles above level 0, as wide as they were at <last>
            level int16, index int64, hashes binary
        checkpoint                      the signed note over exactly the first <last> facts (C2SP tlog-checkpoint)
        manifest.json                   the range, the root, and SHA-256 of each file above, see manifests.py

Parquet is compressed with zstd; how facts.parquet is cut, row_groups.py says. A range is written beside its place and
renamed into it. When a payload is redacted, the facts are written anew under another name, and the manifest is replaced
by one that has this name: a reader sees either, and a range is whole at any moment.
"""

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.compute import field

from atlas.ledger.archive.files import file_hash, missing, put, sync, unreadable, writing
from atlas.ledger.archive.manifests import (
    CHECKPOINT,
    FACTS,
    FORMAT,
    MANIFEST,
    TILES,
    FileHash,
    Manifest,
    Range,
    Withheld,
    decode_manifest,
    facts_name,
)
from atlas.ledger.archive.row_groups import FACTS_SCHEMA, PARQUET_OPTIONS, read_group, write_facts
from atlas.ledger.errors import AlteredArchive, MissingArchive
from atlas.ledger.merkle.tiles import Tile, names_above
from atlas.ledger.recording.columns import TABLE_SCHEMA, ArrowTable

TILES_SCHEMA = pa.schema(
    [pa.field("level", pa.int16()), pa.field("index", pa.int64()), pa.field("hashes", pa.binary())]
)
_COLUMNS = TABLE_SCHEMA.names
_RANGE = re.compile("[0-9]{20}-[0-9]{20}")


class Archive:
    """The archived ranges below ``directory``, which need not exist yet."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # Reads go on where they left off, in pages smaller than a row group; a file that is in place never changes.
        self._latest: tuple[Range, str, int, ArrowTable] | None = None

    def ranges(self) -> list[Range]:
        """The ranges that are there, in order."""
        names = [path.name for path in self.directory.glob("*-*") if path.is_dir()]
        numbers = [name.split("-") for name in names if _RANGE.fullmatch(name)]
        return sorted(Range(int(first), int(last)) for first, last in numbers)

    def path(self, part: Range, name: str) -> Path:
        """Where a file of a range is."""
        return self.directory / part.name / name

    def table(self, *, after: int, upto: int, topics: Sequence[str] = ()) -> ArrowTable:
        """The facts above ``after`` up to ``upto``, as ``Ledger.table``. Raises MissingArchive, AlteredArchive."""
        tables = [TABLE_SCHEMA.empty_table()]
        after = max(after, 0)
        while after < upto:
            table, after = self.page(after=after, upto=upto, topics=topics)
            tables.append(table)
        return pa.concat_tables(tables)

    def page(self, *, after: int, upto: int, topics: Sequence[str] = ()) -> tuple[ArrowTable, int]:
        """As ``table``, to the end of a row group at most, and the position up to which it goes."""
        (part,) = self._parts(after, after + 1)
        first, table = self._kept(part, after + 1)
        end = min(upto, first + table.num_rows - 1)
        return _of_topics(table.slice(after + 1 - first, end - after), topics).cast(TABLE_SCHEMA), end

    def rows(self, positions: Iterable[int]) -> dict[int, tuple[Any, ...]]:
        """Single facts by position: position, stream (16 bytes), version, topic, payload."""
        rows: dict[int, tuple[Any, ...]] = {}
        for position in sorted(positions):
            (part,) = self._parts(position - 1, position)
            first, table = self._kept(part, position)
            row = table.slice(position - first, 1).to_pylist()[0]
            rows[position] = tuple(row[name] for name in _COLUMNS)
        return rows

    def entry(self, position: int) -> dict[str, Any]:
        """One fact by position, with every column of FACTS_SCHEMA."""
        (part,) = self._parts(position - 1, position)
        first, table = self._group(part, position, FACTS_SCHEMA.names)
        return table.slice(position - first, 1).to_pylist()[0]

    def pages(self, part: Range) -> Iterator[ArrowTable]:
        """The row groups of a range, with every column of FACTS_SCHEMA, topics as strings."""
        topic = FACTS_SCHEMA.get_field_index("topic")
        position = part.first
        while position <= part.last:
            _, table = self._group(part, position, FACTS_SCHEMA.names)
            yield table.set_column(topic, "topic", table.column("topic").cast(pa.string()))
            position += table.num_rows

    def tiles(self, part: Range) -> dict[tuple[int, int], bytes]:
        """The tiles above level 0 by level and index. Raises MissingArchive, AlteredArchive."""
        try:
            with pq.ParquetFile(self.path(part, TILES)) as file:
                # What a few bytes may claim is looked at before it is read.
                if file.metadata.num_rows != len(names_above(part.first - 1, part.last)):
                    raise AlteredArchive(f"{TILES} of {part.name} has not the tiles of the range", position=part.first)
                table = file.read().cast(TILES_SCHEMA)
        except FileNotFoundError as error:
            raise missing(part, TILES) from error
        except (pa.ArrowException, OSError, ValueError) as error:
            raise unreadable(part, TILES, error) from error
        return {(row["level"], row["index"]): row["hashes"] for row in table.to_pylist()}

    def checkpoint(self, part: Range) -> bytes:
        """The signed note over the first ``last`` facts. Raises MissingArchive."""
        return self._read(part, CHECKPOINT)

    def manifest(self, part: Range) -> Manifest:
        """The manifest of a range, when it is one of this range. Raises MissingArchive, AlteredArchive."""
        return decode_manifest(self._read(part, MANIFEST), part)

    def check_files(self, part: Range) -> Manifest:
        """Return the manifest when every file is as it says. Raises MissingArchive, AlteredArchive."""
        manifest = self.manifest(part)
        for name, expected in manifest.files.items():
            if self._hash(part, name) != expected:
                raise AlteredArchive(f"{name} of {part.name} is not the file of its manifest", position=part.first)
        return manifest

    def check_recorded(self, part: Range, recorded: bytes | None) -> None:
        """Return when the manifest is the one whose SHA-256 was recorded, or replaces it: a redaction does that last.

        Raises MissingArchive, AlteredArchive.
        """
        manifest = self.manifest(part)
        if recorded is None or recorded.hex() not in (manifest.sha256().hex(), manifest.replaces):
            raise AlteredArchive(f"{MANIFEST} of {part.name} is not the one recorded", position=part.first)

    def write(
        self,
        part: Range,
        origin: str,
        root_hash: bytes,
        note: bytes,
        pages: Iterable[ArrowTable],
        tiles: Sequence[Tile],
    ) -> bytes:
        """Write a range; ``pages`` are its row groups (``cut``). Returns the manifest's SHA-256.

        Raises UnwritableArchive.
        """
        with writing(part, self.directory):
            return self._write(part, origin, root_hash, note, pages, tiles)

    def withhold(self, part: Range, withheld: Sequence[Withheld]) -> Manifest:
        """Write the range's facts anew without these payloads; returns the manifest, which replaces the one before.

        Whoever calls has checked the range, and that nobody else writes to it. Raises MissingArchive, AlteredArchive,
        UnwritableArchive.
        """
        before = self.manifest(part)
        redactions = (*before.redactions, *withheld)
        name = facts_name(len(redactions))
        unfinished = self.path(part, f".{name}")
        with writing(part, self.directory):
            write_facts(unfinished, _without(self.pages(part), [one.position for one in withheld]))
        files = {name: file_hash(unfinished), **{kept: before.files[kept] for kept in (TILES, CHECKPOINT)}}
        manifest = msgspec.structs.replace(before, files=files, redactions=redactions, replaces=before.sha256().hex())
        with writing(part, self.directory):
            put(unfinished, self.path(part, name))
            self.path(part, f".{MANIFEST}").write_bytes(manifest.encode())
            put(self.path(part, f".{MANIFEST}"), self.path(part, MANIFEST))
        self.clear(part)
        return manifest

    def clear(self, part: Range) -> None:
        """Remove the files of facts that the manifest does not name: what a redaction has replaced, or left half done.

        Raises MissingArchive, AlteredArchive.
        """
        self._latest = None
        facts = self.manifest(part).facts
        place = self.directory / part.name
        for path in (*place.glob("facts*.parquet"), *place.glob(".facts*.parquet"), *place.glob(f".{MANIFEST}")):
            if path.name != facts:
                path.unlink()
        sync(place)

    def _write(
        self,
        part: Range,
        origin: str,
        root_hash: bytes,
        note: bytes,
        pages: Iterable[ArrowTable],
        tiles: Sequence[Tile],
    ) -> bytes:
        place = self.directory / part.name
        unfinished = self.directory / f".{part.name}"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        write_facts(unfinished / FACTS, pages)
        pq.write_table(_tiles_table(tiles), unfinished / TILES, **PARQUET_OPTIONS, use_dictionary=False)
        (unfinished / CHECKPOINT).write_bytes(note)
        files = {name: file_hash(unfinished / name) for name in (FACTS, TILES, CHECKPOINT)}
        manifest = Manifest(FORMAT, origin, part.first, part.last, root_hash.hex(), files)
        (unfinished / MANIFEST).write_bytes(manifest.encode())
        for path in unfinished.iterdir():
            sync(path)
        sync(unfinished)
        shutil.rmtree(place, ignore_errors=True)
        unfinished.rename(place)
        sync(self.directory)
        return manifest.sha256()

    def _parts(self, after: int, upto: int) -> list[Range]:
        """The ranges that hold the positions above ``after`` up to ``upto``."""
        parts: list[Range] = []
        reached = after
        for part in self.ranges():
            if part.last <= after or part.first > upto:
                continue
            if part.first > reached + 1:
                break
            parts.append(part)
            reached = part.last
        if reached < upto:
            raise MissingArchive(
                f"position {reached + 1} is in the archive, and {self.directory} has no range with it",
                position=reached + 1,
            )
        return parts

    def _kept(self, part: Range, position: int) -> tuple[int, ArrowTable]:
        """The row group with ``position`` for readers, the latest of which is kept, and the position of its first."""
        name = self.manifest(part).facts
        latest = self._latest
        if latest is None or latest[:2] != (part, name) or not 0 <= position - latest[2] < latest[3].num_rows:
            self._latest = latest = (part, name, *self._group(part, position, _COLUMNS))
        return latest[2:]

    def _group(self, part: Range, position: int, columns: Sequence[str]) -> tuple[int, ArrowTable]:
        """The row group with ``position``, and the position of its first. Raises MissingArchive, AlteredArchive."""
        name = self.manifest(part).facts
        try:
            return read_group(self.path(part, name), part, position, columns)
        except FileNotFoundError as error:
            if self.manifest(part).facts != name:
                return self._group(part, position, columns)  # Replaced just now.
            raise missing(part, name) from error
        except (pa.ArrowException, OSError, ValueError, LookupError) as error:
            raise AlteredArchive(f"{name} of {part.name} cannot be read: {error}", position=position) from error

    def _read(self, part: Range, name: str) -> bytes:
        try:
            return self.path(part, name).read_bytes()
        except FileNotFoundError as error:
            raise missing(part, name) from error
        except OSError as error:
            raise unreadable(part, name, error) from error

    def _hash(self, part: Range, name: str) -> FileHash:
        try:
            return file_hash(self.path(part, name))
        except FileNotFoundError as error:
            raise missing(part, name) from error
        except OSError as error:
            raise unreadable(part, name, error) from error


def require_archive(archive: Archive | None) -> Archive:
    """The archive, where it is needed. Raises MissingArchive when it is not known."""
    if archive is None:
        raise MissingArchive("a part of the log is in an archive only, and it is not said where that is")
    return archive


def _tiles_table(tiles: Sequence[Tile]) -> ArrowTable:
    columns = [
        [tile.name.level for tile in tiles],
        [tile.name.index for tile in tiles],
        [tile.hashes for tile in tiles],
    ]
    return pa.table(columns, schema=TILES_SCHEMA)


def _of_topics(table: ArrowTable, topics: Sequence[str]) -> ArrowTable:
    return table.filter(field("topic").cast(pa.string()).isin(list(topics))) if topics else table


def _without(pages: Iterable[ArrowTable], positions: Sequence[int]) -> Iterator[ArrowTable]:
    """The pages in the form in which they are written, without the payloads at these positions."""
    payload, topic = FACTS_SCHEMA.get_field_index("payload"), FACTS_SCHEMA.get_field_index("topic")
    for page in pages:
        column, first = page.column("payload"), page.column("position")[0].as_py()
        for row in (position - first for position in positions if 0 <= position - first < len(column)):
            column = pa.chunked_array([*column[:row].chunks, pa.nulls(1, pa.binary()), *column[row + 1 :].chunks])
        topics = page.column("topic").dictionary_encode()
        yield page.set_column(payload, "payload", column).set_column(topic, "topic", topics).cast(FACTS_SCHEMA)
