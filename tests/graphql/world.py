"""Rows for every view table: random, but always the same, with histories, and with keys that meet."""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from atlas.graphql.catalog.rights import ProhibitionCause
from atlas.projections.tables.declarations import AccountTable, Column, ColumnType, EntityTable
from atlas.projections.view import View
from atlas.projections.views import VIEWS
from atlas.protocol.decisions import Remedy
from atlas.protocol.vocabulary import (
    Agent,
    AssetType,
    Beneficiary,
    BurnScenario,
    LicenseKind,
    RevenueKind,
    Ruling,
    StakeRole,
    Violation,
)
from atlas.rights.decisions.jurisdictions import Measure
from atlas.rights.proceedings import Stage

HEAD = 100
CHAINS = ("eip155:1", "eip155:31337")
ASSETS = tuple(bytes([number]) * 32 for number in range(1, 13))
RECORDS = tuple(bytes([number]) * 32 for number in range(0x40, 0x4A))
ACCOUNTS = tuple(bytes([number]) * 20 for number in range(0xA0, 0xA6))
NUMBERS = (0, 1, 2, 3, 10**18, 15 * 10**17, 2**64, 2**255, 2**256 - 1, 1)
TEXTS = ("", "ipfs://a", "ipfs://b%", "it's", 'a "quoted" \\ text', "Ünïcödé 漢字", "_", "x" * 200)
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)

DOMAINS: Mapping[str, Sequence[Any]] = {
    "chain": CHAINS,
    "aaid": ASSETS,
    "child": ASSETS,
    "parent": ASSETS,
    "record_id": RECORDS,
    "upstream": RECORDS,
    "token": ACCOUNTS[:2],
    "registry": ACCOUNTS[:1],
    "contract": ACCOUNTS[:2],
    "asset_type": tuple(AssetType),
    "agent": tuple(Agent),
    "scenario": tuple(BurnScenario),
    "cause": (*BurnScenario, "slash", "direct"),
    "violation": tuple(Violation),
    "version": (1, 2, 3),
    "ordinal": (0, 1, 2),
    "finalized_number": (20, 30),
    "kind": tuple(LicenseKind),
    "role": tuple(Beneficiary),
    "offers.status": ("open", "withdrawn"),
    "licenses.status": ("granted", "revoked"),
    "agreements.status": ("granted", "revoked"),
    "source": ("chain", "off_chain"),
    "stage": tuple(Stage),
    "ruling": tuple(Ruling),
    "remedy": tuple(Remedy),
    "measure": tuple(Measure),
    "action": ("pay", "report", "attribute"),
    "territories": (Jsonb({"of": ["*"]}), Jsonb({"of": ["DE"]})),
    "media": (Jsonb({"of": ["*"]}), Jsonb({"of": ["film"]})),
    "prohibitions.cause": tuple(ProhibitionCause),
    "receipts.kind": tuple(RevenueKind),
    "stakes.role": tuple(StakeRole),
    "slashes.role": tuple(StakeRole),
    "generation_inputs.role": TEXTS,
    "generation_outputs.role": TEXTS,
    "accruals.book": ("accrued", "paid", "owed"),
    "totals.book": ("minted", "burned", "supply", "staked", "burned:slash", "burned:direct", "burned:hd_export"),
}
SMALL_NUMBERS = ("offer_id", "license_id", "pool_id", "payment_id", "receipt_id", "token_id")
COUNTS = {"ownerships": 60, "assets": 12, "generation_records": 10, "chains": 2, "licenses": 20, "accruals": 40}


def fill(connection: psycopg.Connection) -> None:
    """Fill every table of every view, and put the ledger's head and all views at ``HEAD``."""
    source = random.Random(7)
    for view in VIEWS.values():
        for table in view.tables:
            if isinstance(table, EntityTable):
                _fill_entities(connection, view, table, source)
            else:
                _fill_accounts(connection, view, table, source)
    connection.execute(
        "insert into projections.undecodable (view, position, reason, detail)"
        " select 'events', position, 'shape', 'detail ' || position from generate_series(3, 9) as position"
    )
    connection.execute("update ledger.head set position = %s", (HEAD,))
    connection.execute("update projections.views set position = %s", (HEAD,))


def _fill_entities(connection: psycopg.Connection, view: View, table: EntityTable, source: random.Random) -> None:
    for key in _keys(table.name, table.key, source):
        begins = sorted(source.sample(range(1, HEAD + 1), source.choice((1, 1, 2, 3))))
        gone = table.name != "chains" and source.random() < 0.2
        ends = [*begins[1:], HEAD if gone else None]
        for begin, end in zip(begins, ends, strict=True):
            values = [_value(table.name, column, source) for column in table.values]
            if end is None or end > begin:
                _insert(connection, view, table.name, [*key, *values, begin, end])


def _fill_accounts(connection: psycopg.Connection, view: View, table: AccountTable, source: random.Random) -> None:
    for key in _keys(table.name, table.key, source):
        balance, last = 0, []
        for position in sorted(source.choices(range(1, HEAD + 1), k=3)):
            delta = source.choice((1, 10**18, 5 * 10**17, 2**200))
            balance += delta
            ordinal = 1 if last and last[0] == position else 0
            if last and last[0] == position and last[2] == 1:
                continue
            last = [position, balance, ordinal, source.randrange(40)]
            _insert(connection, view, table.postings, [*key, position, ordinal, delta, balance, last[3]])
        _insert(connection, view, table.name, [*key, last[1], last[0], last[3]])


def _keys(table: str, columns: Sequence[Column], source: random.Random) -> list[tuple[Any, ...]]:
    wanted, keys = COUNTS.get(table, 15), dict[tuple[Any, ...], None]()
    for _ in range(1000):
        if len(keys) == wanted:
            break
        keys[tuple(_value(table, column, source) for column in columns)] = None
    return list(keys)


def _value(table: str, column: Column, source: random.Random) -> Any:
    if column.nullable and source.random() < 0.4:
        return None
    domain = DOMAINS.get(f"{table}.{column.name}") or DOMAINS.get(column.name)
    if domain is not None:
        return str(chosen) if isinstance(chosen := source.choice(domain), str) else chosen
    if column.name in SMALL_NUMBERS:
        return source.randrange(8)
    return _typed_value(column.type, source)


def _typed_value(kind: ColumnType, source: random.Random) -> Any:
    match kind:
        case ColumnType.TEXT:
            return source.choice(TEXTS)
        case ColumnType.BYTES:
            return source.choice(ACCOUNTS)
        case ColumnType.UINT256:
            return source.choice(NUMBERS)
        case ColumnType.INTEGER | ColumnType.BIGINT:
            return source.randrange(40)
        case ColumnType.BOOLEAN:
            return source.random() < 0.5
        case ColumnType.TIME:
            return MOMENT + timedelta(milliseconds=source.choice((0, 1, 999, 86_400_000, 2**40)))
        case ColumnType.JSON:
            return Jsonb({"steps": source.randrange(9), "note": source.choice(TEXTS)})


def _insert(connection: psycopg.Connection, view: View, table: str, row: Sequence[Any]) -> None:
    statement = sql.SQL("insert into {} values ({})").format(
        sql.Identifier(view.schema, table), sql.SQL(", ").join([sql.Placeholder()] * len(row))
    )
    connection.execute(statement, row)
