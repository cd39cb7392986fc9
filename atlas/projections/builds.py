"""The builds of a view: the live one, one being rebuilt beside it, one folded only to be compared.

Each build has its own schema and its own row in ``projections.views``, and is folded by the same engine.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import cast

import msgspec
import psycopg
from psycopg import sql

from atlas.projections.errors import NewerView
from atlas.projections.reading.contracts import Contracts, Met, require_readable
from atlas.projections.tables.declarations import Column, bigint, binary, optional, table_names, text
from atlas.projections.tables.schema import creation, fingerprint, names_of, rewinding
from atlas.projections.tables.storable import RowCheck
from atlas.projections.view import View
from atlas.protocol.facts import RecordedAbi, WatchedContract, WatchedEvents


class Stage(StrEnum):
    """What a build is for."""

    LIVE = "live"
    NEXT = "next"
    CHECK = "check"


class State(msgspec.Struct, frozen=True):
    """What is stored about a build."""

    version: int
    shape: bytes
    position: int
    updated_at: datetime
    schema_oid: int  # of its tables: another one after a rebuild


_READ_BY = (text("abi"), bigint("start_block"), optional(binary("abi_sha256")))
_MET: Mapping[type, tuple[str, tuple[Column, ...]]] = {
    WatchedContract: ("contracts", (text("chain"), binary("address"), *_READ_BY)),
    WatchedEvents: ("watched_events", (text("chain"), binary("topics"), *_READ_BY)),
    RecordedAbi: ("abis", (binary("sha256"), binary("json"))),
}
"""Where the facts that say how logs are read are stored: a column a field, ``topics`` an array."""

_STATE = b"""
select version, shape, position, updated_at, (select oid::bigint from pg_namespace where nspname = %s)
from projections.views where name = %s
"""


class Build(msgspec.Struct, frozen=True, dict=True):
    """One build of ``view``. The methods run in the caller's transaction."""

    view: View
    stage: Stage = Stage.LIVE

    @property
    def name(self) -> str:
        """Its name in ``projections.views``: ``supply``, ``supply:next``, ``supply:check``."""
        return self.view.name if self.stage is Stage.LIVE else f"{self.view.name}:{self.stage}"

    @property
    def schema(self) -> str:
        """Its schema: ``view_supply``, ``view_supply_next``, ``view_supply_check``."""
        return self.view.schema if self.stage is Stage.LIVE else f"{self.view.schema}_{self.stage}"

    @cached_property
    def shape(self) -> bytes:
        """SHA-256 over the tables' declarations."""
        return fingerprint(self.view.tables)

    def lock(self, cursor: psycopg.Cursor) -> None:
        """Wait until no other transaction folds this build, and keep others out until this one ends."""
        cursor.execute("select pg_advisory_xact_lock(%s)", (self._lock_key,))

    def try_lock(self, cursor: psycopg.Cursor) -> bool:
        """As ``lock`` without waiting; False when another transaction folds this build."""
        row = cursor.execute("select pg_try_advisory_xact_lock(%s)", (self._lock_key,)).fetchone()
        return row == (True,)

    def state(self, cursor: psycopg.Cursor) -> State | None:
        """What is stored about this build, None when it does not exist."""
        row = cursor.execute(_STATE, (self.schema, self.name)).fetchone()
        return None if row is None else State(*row)

    def is_current(self, state: State) -> bool:
        """Whether the stored build is by these handlers and of this shape. Raises NewerView."""
        if state.version > self.view.version:
            raise NewerView(
                f"view {self.name} was built by version {state.version} of its handlers, this program has version"
                f" {self.view.version}",
                hint="Upgrade this program, or rebuild the view with it.",
            )
        return state.version == self.view.version and state.shape == self.shape

    def create(self, cursor: psycopg.Cursor) -> None:
        """Make its schema and its row, at position 0; what there was of it is dropped."""
        self.drop(cursor)
        for statement in creation(self.schema, self.view.tables):
            cursor.execute(statement)
        cursor.execute(
            "insert into projections.views (name, version, shape, position) values (%s, %s, %s, 0)",
            (self.name, self.view.version, self.shape),
        )

    def drop(self, cursor: psycopg.Cursor) -> None:
        """Remove it."""
        drop_schema(cursor, self.schema)
        cursor.execute("delete from projections.views where name = %s", (self.name,))

    def analyze(self, cursor: psycopg.Cursor) -> None:
        """Let the planner know its rows: readers come to all of them at once."""
        for table in self.view.tables:
            for name in table_names(table):
                cursor.execute(sql.SQL("analyze {}").format(sql.Identifier(self.schema, name)))

    def replace(self, cursor: psycopg.Cursor, live: "Build", retired: str) -> None:
        """Become ``live``, whose schema is renamed to ``retired``: no table is locked, readers go on."""
        for schema, name in ((live.schema, retired), (self.schema, live.schema)):
            cursor.execute(sql.SQL("alter schema {} rename to {}").format(sql.Identifier(schema), sql.Identifier(name)))
        cursor.execute("delete from projections.views where name = %s", (live.name,))
        cursor.execute("update projections.views set name = %s where name = %s", (live.name, self.name))

    def reach(self, cursor: psycopg.Cursor, position: int) -> None:
        """The build now stands at ``position``."""
        cursor.execute(
            "update projections.views set position = %s, updated_at = clock_timestamp() where name = %s",
            (position, self.name),
        )

    def rewind(self, cursor: psycopg.Cursor, position: int) -> None:
        """Forget all that came from facts after ``position``."""
        for statement in rewinding(self.schema, self.view.tables, position):
            cursor.execute(statement)
        for table in ("contracts", "watched_events", "abis", "undecodable", "issues"):
            statement = sql.SQL("delete from {} where view = %s and position > %s")
            cursor.execute(statement.format(sql.Identifier("projections", table)), (self.name, position))

    def contracts(self, cursor: psycopg.Cursor) -> Contracts:
        """How logs are read, by the facts it has met, in log order."""
        met: list[Met] = []
        for kind, (table, columns) in _MET.items():
            statement = sql.SQL("select position, {} from {} where view = %s").format(
                names_of(columns), sql.Identifier("projections", table)
            )
            met += [(row[0], kind(*map(_met_value, row[1:]))) for row in cursor.execute(statement, (self.name,))]
        return Contracts(sorted(met, key=lambda each: each[0]))

    def learn(self, cursor: psycopg.Cursor, position: int, fact: WatchedContract | WatchedEvents | RecordedAbi) -> None:
        """Store how logs are read from ``position`` on. Raises UnstorableValue, MalformedAbi."""
        if isinstance(fact, RecordedAbi):
            require_readable(fact)
        table, columns = _MET[type(fact)]
        row = [list(value) if isinstance(value, tuple) else value for value in msgspec.structs.astuple(fact)]
        checked = [(column, value) for column, value in zip(columns, row, strict=True) if not isinstance(value, list)]
        RowCheck([column for column, _ in checked])([value for _, value in checked])
        cursor.execute(
            sql.SQL("insert into {} (view, position, {}) values ({})").format(
                sql.Identifier("projections", table),
                names_of(columns),
                sql.SQL(", ").join([sql.Placeholder()] * (len(columns) + 2)),
            ),
            (self.name, position, *row),
        )

    def orphans(self, cursor: psycopg.Cursor) -> frozenset[bytes]:
        """The streams of the blocks that do not count at its position."""
        cursor.execute("select stream from projections.orphans where view = %s", (self.name,))
        return frozenset(bytes(stream) for (stream,) in cursor.fetchall())

    def set_orphans(self, cursor: psycopg.Cursor, before: frozenset[bytes], after: frozenset[bytes]) -> None:
        """Store the orphan set ``after``, where ``before`` is stored."""
        cursor.execute(
            "delete from projections.orphans where view = %s and stream = any(%s)", (self.name, list(before - after))
        )
        cursor.execute(
            "insert into projections.orphans (view, stream) select %s, unnest(%s::bytea[])",
            (self.name, list(after - before)),
        )

    @cached_property
    def _lock_key(self) -> int:
        digest = hashlib.sha256(b"atlas-ledger/view/1\n" + self.name.encode()).digest()
        return int.from_bytes(digest[:8], signed=True)


def _met_value(value: object) -> object:
    return tuple(cast("list[bytes]", value)) if isinstance(value, list) else value


def drop_schema(cursor: psycopg.Cursor, schema: str) -> None:
    """Drop ``schema`` with its tables, when it exists."""
    exists = cursor.execute("select from pg_namespace where nspname = %s", (schema,)).fetchone()
    # Not "if exists", which would raise a notice for the usual case.
    if exists is not None:
        cursor.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(schema)))
