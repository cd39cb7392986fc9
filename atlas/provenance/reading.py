"""What the views say about assets, as values. All rows are current ones (``valid_to is null``).

Reads several tables and therefore wants a snapshot (``snapshot``): between two statements the projector may move on,
or a rebuilt view be swapped in.
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import psycopg
from psycopg.rows import dict_row

from atlas.ledger.database import Database
from atlas.provenance.errors import ViewsMissing
from atlas.provenance.pedigree import AssetVersion, Generation, Pedigree

MAX_ANCESTORS = 16

Kind = TypeVar("Kind", bound=msgspec.Struct)

_ASSET = b"""
select version.aaid, version.version, asset.asset_type, asset.chain, asset.registry, asset.token_id, asset.creator,
       asset.owner, version.content_hash, version.metadata_hash, version.created_at, version.block_number,
       version.tx_hash, version.valid_from as position
from view_provenance.asset_versions version
join view_provenance.assets asset on asset.aaid = version.aaid and asset.valid_to is null
where version.aaid = %s and version.version = %s and version.valid_to is null
"""
_SOURCES = b"""
select record_id from view_provenance.asset_sources
where aaid = %s and version = %s and valid_to is null order by valid_from, record_id
"""
_UPSTREAM = b"""
select distinct upstream from view_provenance.generation_inputs
where record_id = any(%s) and upstream is not null and upstream <> all(%s) and valid_to is null
order by upstream limit %s
"""
_GENERATIONS = b"""
select record_id, valid_from as position, worker, sequence, agent, model_name, model_version, model_provider, prompt,
       device, device_count, runtime_ms, seed, config_sha256, started_at, ended_at
from view_provenance.generation_records where record_id = any(%s) and valid_to is null
"""
_INPUTS = b"""
select record_id, role, sha256, media_type, size_bytes, upstream
from view_provenance.generation_inputs where record_id = any(%s) and valid_to is null order by record_id, ordinal
"""
_OUTPUTS = b"""
select record_id, role, sha256, media_type, size_bytes
from view_provenance.generation_outputs where record_id = any(%s) and valid_to is null order by record_id, ordinal
"""
_BY_CONTENT = b"""
select aaid, version from view_provenance.asset_versions
where content_hash = %s and valid_to is null order by valid_from, aaid, version limit %s
"""
_BY_SIGNED = b"""
select aaid, version from view_provenance.manifests
where signed_sha256 = %s and valid_to is null order by valid_from, aaid, version
"""


@contextmanager
def snapshot(database: Database) -> Generator[psycopg.Connection]:
    """A read-only connection on which every statement sees the same state.

    Raises DatabaseUnreachable, and ViewsMissing when the views were never made.
    """
    try:
        with database.connection() as connection:
            connection.execute("set transaction isolation level repeatable read, read only")
            yield connection
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        raise ViewsMissing(
            f"a table is not there: {error.diag.message_primary}",
            hint="Start the projector once, and apply the migrations of this program.",
        ) from error


def read_pedigree(connection: psycopg.Connection, aaid: bytes, version: int) -> Pedigree | None:
    """The pedigree of an asset version, None when the views have no such version."""
    asset = _asset(connection, aaid, version)
    if asset is None:
        return None
    source_ids = [row[0] for row in connection.execute(_SOURCES, (aaid, version))]
    ancestor_ids, complete = _ancestors(connection, source_ids)
    generations = read_generations(connection, [*source_ids, *ancestor_ids])
    return Pedigree(
        asset,
        sources=tuple(generations[identity] for identity in source_ids if identity in generations),
        ancestors=tuple(generations[identity] for identity in ancestor_ids if identity in generations),
        complete=complete and len(generations) == len(source_ids) + len(ancestor_ids),
    )


def read_generations(connection: psycopg.Connection, record_ids: Sequence[bytes]) -> dict[bytes, Generation]:
    """The generation records with these ids, as far as the views have them."""
    wanted = (list(record_ids),)
    inputs = _grouped(_rows(connection, _INPUTS, wanted))
    outputs = _grouped(_rows(connection, _OUTPUTS, wanted))
    generations: dict[bytes, Generation] = {}
    for row in _rows(connection, _GENERATIONS, wanted):
        identity = row["record_id"]
        row["seed"] = None if row["seed"] is None else int(row["seed"])
        row["inputs"], row["outputs"] = inputs.get(identity, []), outputs.get(identity, [])
        generations[identity] = _value(row, Generation)
    return generations


def versions_with_content(connection: psycopg.Connection, sha256: bytes, limit: int = 16) -> list[tuple[bytes, int]]:
    """The asset versions registered with this content, earliest first: (AAID, version)."""
    return list(connection.execute(_BY_CONTENT, (sha256, limit)))


def versions_signed_as(connection: psycopg.Connection, sha256: bytes) -> list[tuple[bytes, int]]:
    """The asset versions whose signed file has this hash: (AAID, version)."""
    return list(connection.execute(_BY_SIGNED, (sha256,)))


def _asset(connection: psycopg.Connection, aaid: bytes, version: int) -> AssetVersion | None:
    for row in _rows(connection, _ASSET, (aaid, version)):
        row["token_id"] = int(row["token_id"])
        return _value(row, AssetVersion)
    return None


def _ancestors(connection: psycopg.Connection, source_ids: Sequence[bytes]) -> tuple[list[bytes], bool]:
    """The records upstream of these, nearest first, at most MAX_ANCESTORS; and whether these are all."""
    found: list[bytes] = []
    frontier = list(source_ids)
    while frontier:
        room = MAX_ANCESTORS - len(found)
        known = [*source_ids, *found]
        frontier = [row[0] for row in connection.execute(_UPSTREAM, (frontier, known, room + 1))]
        if len(frontier) > room:
            return found + frontier[:room], False
        found += frontier
    return found, True


def _rows(connection: psycopg.Connection, statement: bytes, parameters: tuple[Any, ...]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, parameters).fetchall()


def _value(row: dict[str, Any], kind: type[Kind]) -> Kind:
    """A row as a struct; PostgreSQL's bytes and times are Python's already."""
    return msgspec.convert(row, kind, builtin_types=(bytes, datetime))


def _grouped(rows: Iterable[dict[str, Any]]) -> dict[bytes, list[dict[str, Any]]]:
    groups: dict[bytes, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row.pop("record_id"), []).append(row)
    return groups
