"""Row groups cut by rows and by bytes: no more than one is in memory, and each fact is found in its own."""

from itertools import zip_longest
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.ledger.archive import row_groups
from atlas.ledger.archive.manifests import FACTS
from atlas.ledger.archive.row_groups import FACTS_SCHEMA, read_group, write_facts
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.errors import AlteredArchive
from atlas.ledger.log import Fact, Ledger
from atlas.ledger.operations import archiving
from atlas.ledger.operations.redacting import redact
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.archives import PARTS, RING, SIGNER
from tests.ledger.examples import stream

LENGTHS = [version * 37 % 900 for version in range(900)]


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_groups, "ROW_GROUP_BYTES", 1_000)


@pytest.fixture
def ledger(partitioned: Ledger) -> Ledger:
    """What ``partitioned`` has, but payloads of 0 to 899 bytes from position 901 on, in three more partitions."""
    partitioned.append([Fact(stream("c"), version, "c", bytes(length)) for version, length in enumerate(LENGTHS)])
    return partitioned


@given(st.lists(st.lists(st.one_of(st.none(), st.integers(0, 25)), max_size=20), max_size=8))
def test_a_row_group_has_so_many_rows_and_bytes_at_most_and_none_is_smaller_than_need_be(
    lengths: list[list[int | None]],
) -> None:
    payloads = [[None if length is None else bytes(length) for length in batch] for batch in lengths]
    batches = [pa.record_batch([pa.array(batch, pa.binary())], names=["payload"]) for batch in payloads]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_groups, "ROW_GROUP_FACTS", 7)
        patch.setattr(row_groups, "ROW_GROUP_BYTES", 20)
        groups = [table.column("payload").to_pylist() for table in row_groups.cut(batches)]
    assert [payload for group in groups for payload in group] == [payload for batch in payloads for payload in batch]
    for group, following in zip_longest(groups, groups[1:]):
        assert 1 <= len(group) <= 7
        assert len(group) == 1 or _bytes(group) <= 20
        assert following is None or len(group) == 7 or _bytes([*group, following[0]]) > 20


@pytest.mark.usefixtures("_small")
def test_large_payloads_are_archived_read_redacted_and_restored_a_few_at_a_time(
    ledger: Ledger, checkpointer: Checkpointer, empty: Ledger, directory: Path
) -> None:
    before = list(ledger.facts(after=0, upto=1536))
    archiving.archive(ledger, checkpointer)
    archiving.drop(ledger, RING)
    assert list(ledger.facts(after=0, upto=1536)) == before
    assert list(ledger.facts(after=850, upto=1400, topics=["c"])) == before[900:1400]
    page, end = ledger.archive.page(after=1000, upto=1536)
    assert page.column("position").to_pylist() == list(range(1001, end + 1))
    assert _bytes(page.column("payload").to_pylist()) <= 1_000
    assert ledger.stream(stream("c"))[:636] == before[900:]
    redact(ledger, 1000, reason="r", authoriser="a", decided_at_ms=1, checkpointer=checkpointer)
    verify_ledger(ledger, checkpointer.checkpoint(), SIGNER.verifier)
    for place in directory.iterdir():
        with pq.ParquetFile(next(place.glob("facts*.parquet"))) as file:
            for group in range(file.num_row_groups):
                payloads = file.read_row_group(group).column("payload").to_pylist()
                assert _bytes(payloads) <= 1_000
    archiving.restore(empty, RING)
    assert [fact for fact in empty.facts(after=0, upto=1536) if fact.position != 1000] == [
        fact for fact in before if fact.position != 1000
    ]


def test_row_groups_that_are_not_those_of_a_range_are_not_read(archived: Ledger, directory: Path) -> None:
    path = directory / PARTS[0].name / FACTS
    table = pq.read_table(path, schema=FACTS_SCHEMA)
    for rows in (table.slice(0, 255), pa.concat_tables([table, table.slice(0, 1)])):
        write_facts(path, [rows])
        with pytest.raises(AlteredArchive, match="row groups of a range"):
            read_group(path, PARTS[0], 1, ["position"])
    write_facts(path, [table.slice(0, 100), table.slice(100)])
    for position, first in ((1, 1), (100, 1), (101, 101), (256, 101)):
        assert read_group(path, PARTS[0], position, ["position"])[0] == first
        assert archived.archive.rows([position])[position][0] == position


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream", "text"),
        ("stream", b"short"),
        ("stream", None),
        ("version", "text"),
        ("version", None),
        ("topic", [1]),
        ("topic", None),
        ("payload", 1.5),
    ],
)
def test_columns_of_another_kind_are_no_facts(dropped: Ledger, directory: Path, name: str, value: object) -> None:
    path = directory / PARTS[0].name / FACTS
    table = pq.read_table(path, schema=FACTS_SCHEMA)
    column = pa.array([value] * table.num_rows, FACTS_SCHEMA.field(name).type if value is None else None)
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, column), path)
    for read in (
        lambda: list(dropped.facts(after=0)),
        lambda: dropped.table(after=0, upto=300),
        lambda: dropped.stream(stream("a")),
        lambda: dropped.archive.entry(3),
    ):
        with pytest.raises(AlteredArchive):
            read()


def _bytes(payloads: list[bytes | None]) -> int:
    return sum(len(payload or b"") for payload in payloads)
