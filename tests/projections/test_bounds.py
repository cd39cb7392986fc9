"""Values that no column, index or calendar holds are refused or bounded one by one: the facts around them are folded.

What reaches a log may be of any length and size; the contents of hashes and addresses are the indexer's to check.
"""

import secrets
from datetime import UTC, datetime

import msgspec
import numpy as np
import psycopg
import pytest
from psycopg import sql

from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from atlas.projections.errors import UnstorableValue
from atlas.projections.projector import Projector
from atlas.projections.tables.accounts import Accounts
from atlas.projections.tables.amounts import of_integers
from atlas.projections.tables.cells import encode
from atlas.projections.tables.declarations import AccountTable, EntityTable, Value, bigint, binary, text, time, uint256
from atlas.projections.tables.entities import EntityRows
from atlas.projections.tables.schema import creation
from atlas.projections.tables.storable import INDEXED_BYTES
from atlas.projections.views.values import FIRST_MOMENT, LAST_MOMENT, moment, moment_of_ms, moments
from atlas.protocol import facts
from atlas.protocol.facts import BlockHeader, BlockRef, ChainFinalized, ChainLog, ChainReorged
from tests.projections.chain import ZERO, Block, address, contract_fact
from tests.projections.rows import issues, query

LONGEST = secrets.token_bytes(INDEXED_BYTES)
TOO_LONG = secrets.token_bytes(10_000)  # not to be compressed into what an index has room for
ALICE = address("alice")
ACCOUNTS = AccountTable("accounts", key=(text("a"), binary("b"), binary("c"), binary("d"), uint256("e"), uint256("f")))
EVENTS = EntityTable("events", key=(bigint("position"),), values=(binary("tx_hash"),), indexes=(("tx_hash",),))


def refused(position: int, reason: str, detail: str) -> None:
    raise AssertionError((position, reason, detail))


def test_a_log_with_more_bytes_than_an_index_takes_is_an_issue(
    database: Database, ledger: Ledger, projector: Projector
) -> None:
    block = Block(1)
    first, long, last = (block.transfer(ZERO, ALICE, value) for value in (5, 6, 7))
    log = msgspec.structs.replace(facts.decode(long.payload, ChainLog), tx_hash=TOO_LONG)
    long = Fact(long.stream, long.version, long.topic, facts.encode(log))
    _, _, position, _ = ledger.append([contract_fact("AtlasToken"), first, long, last])
    projector.catch_up()
    assert issues(database, "events") == [(position, "unstorable-value")]
    assert len(query(database, sql.SQL("select from view_events.events"))) == 2


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (facts.HEADER_TOPIC, BlockHeader("a\x00", Block(1).rlp)),
        (facts.FINALIZED_TOPIC, ChainFinalized("a\x00", BlockRef(1, bytes(32)))),
        (facts.REORGED_TOPIC, ChainReorged("a\x00", BlockRef(1, bytes(32)), (), ())),
        (facts.HEADER_TOPIC, BlockHeader(TOO_LONG.hex(), Block(1).rlp)),
    ],
)
def test_a_key_that_is_none_is_refused_alike_by_a_fold_that_goes_on(
    database: Database, ledger: Ledger, topic: str, payload: msgspec.Struct
) -> None:
    ledger.append([Block(1).header()])
    Projector(database, ledger).catch_up()
    ledger.append([Fact(facts.stream_id("bad"), 0, topic, facts.encode(payload))])
    following = Projector(database, ledger)  # it knows nothing of what is stored, and looks for the key
    following.catch_up()
    assert issues(database, "chains") == [(2, "unstorable-value")]
    following.compare("chains")


def test_an_index_takes_the_longest_values_side_by_side(database_url: str) -> None:
    key = ("x" * INDEXED_BYTES, LONGEST, LONGEST[::-1], secrets.token_bytes(INDEXED_BYTES), 10**78 - 1, 10**77 + 1)
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        for statement in creation("view_test", [ACCOUNTS]):
            cursor.execute(statement)
        accounts = Accounts("view_test", ACCOUNTS, empty=False)
        accounts.post(1, key, 5, 1)
        accounts.flush(cursor, refused)
        accounts.settle(cursor)
        assert cursor.execute("select balance from view_test.accounts").fetchall() == [(5,)]
        connection.rollback()


@pytest.mark.parametrize("place", [0, 1])
def test_keys_of_accounts_are_bounded_in_either_way(place: int) -> None:
    key: list[Value] = ["x", b"", b"", b"", 0, 0]
    key[place] = TOO_LONG if place else TOO_LONG.hex()
    accounts = Accounts("view_test", ACCOUNTS, empty=False)
    with pytest.raises(UnstorableValue, match="at most 512 bytes"):
        accounts.post(1, tuple(key), 5, 1)
    with pytest.raises(UnstorableValue, match="at most 512 bytes"):
        accounts.postings(np.array([1]), [[value] for value in key], [5], np.array([1]))


@pytest.mark.parametrize("values", [TOO_LONG, [b"", TOO_LONG], np.frombuffer(TOO_LONG, f"V{len(TOO_LONG)}")])
def test_indexed_columns_are_bounded_in_any_form(values: object) -> None:
    rows = EntityRows("view_test", EVENTS, empty=False)
    with pytest.raises(UnstorableValue, match="tx_hash must be at most 512 bytes"):
        rows.rows(np.array([1, 2]), {"tx_hash": values})


def test_accounts_are_keyed_by_numbers_of_any_size_in_any_form() -> None:
    table = AccountTable("accounts", key=(uint256("id"),))
    numbers = [2**256 - 1, 5, 2**256 - 1]
    accounts = Accounts("view_test", table, empty=True)
    deltas, blocks = [1, 2, 3], np.array([1, 1, 1])
    made = accounts.postings(np.arange(3), (of_integers(numbers),), deltas, blocks)
    assert made.places.tolist() == accounts.postings(np.arange(3), (numbers,), deltas, blocks).places.tolist()


@pytest.mark.parametrize("written", ["NaT", "-0001-01-01T00:00:00", "10000-01-01T00:00:00"])
def test_a_column_of_moments_beyond_the_calendar_is_refused(written: str) -> None:
    for values in ([written], ["2026-01-01T00:00:00", written]):
        with pytest.raises(UnstorableValue, match="at must be moments of the years 1 to 9999"):
            encode(time("at"), np.array(values, "datetime64[s]"))


@pytest.mark.parametrize("seconds", [-(2**63), -(10**11), -5, 0, 10**9, 10**12, 2**63 - 1])
def test_moments_stay_within_the_calendar_one_by_one_and_by_column(seconds: int) -> None:
    (by_column,) = moments(np.array([seconds])).tolist()
    assert by_column.replace(tzinfo=UTC) == moment(seconds)
    assert FIRST_MOMENT <= moment_of_ms(seconds) <= LAST_MOMENT
    assert moment(-5) == datetime(1969, 12, 31, 23, 59, 55, tzinfo=UTC)
