import os
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from atlas.indexer.workers.errors import HistoryMissing, SpoolBusy, SpoolDamaged, SpoolError, SpoolForeign
from atlas.indexer.workers.sdk.spool import Rejection, Spool
from tests.indexer.workers.support import KEY, OTHER_KEY, process


def name(sequence: int) -> bytes:
    return b"record %d" % sequence


def spool(path: Path, keep_sent: int = 1024) -> Spool:
    return Spool(path, KEY.address, keep_sent=keep_sent)


def fill(path: Path, count: int, acknowledged: int = 0, keep_sent: int = 1024) -> Spool:
    opened = spool(path, keep_sent)
    for _ in range(count):
        opened.append(name)
    opened.acknowledge(acknowledged)
    return opened


def waiting(opened: Spool) -> list[int]:
    return [record.sequence for record in opened.pending(limit=1000, limit_bytes=1 << 30)]


def test_records_are_numbered_from_zero_and_wait_in_order(tmp_path: Path) -> None:
    with fill(tmp_path, 3) as opened:
        assert [(record.sequence, record.envelope) for record in opened.pending(limit=9, limit_bytes=999)] == [
            (0, b"record 0"),
            (1, b"record 1"),
            (2, b"record 2"),
        ]
        assert (opened.pending_count, opened.next_sequence) == (3, 3)


def test_a_batch_is_bounded_in_number_and_bytes_but_never_empty(tmp_path: Path) -> None:
    with fill(tmp_path, 5) as opened:
        assert len(opened.pending(limit=2, limit_bytes=999)) == 2
        assert len(opened.pending(limit=9, limit_bytes=24)) == 3
        assert len(opened.pending(limit=9, limit_bytes=1)) == 1


def test_a_new_process_finds_what_waits_and_goes_on_counting(tmp_path: Path) -> None:
    fill(tmp_path, 5, acknowledged=2).close()
    with spool(tmp_path) as opened:
        assert waiting(opened) == [2, 3, 4]
        assert opened.append(name).sequence == 5


def test_the_number_goes_on_when_everything_was_delivered_and_pruned(tmp_path: Path) -> None:
    fill(tmp_path, 5, acknowledged=5, keep_sent=0).close()
    with spool(tmp_path) as opened:
        assert (opened.next_sequence, opened.pending_count, opened.is_fresh) == (5, 0, False)


def test_only_the_newest_delivered_records_are_kept(tmp_path: Path) -> None:
    with fill(tmp_path, 5, acknowledged=4, keep_sent=2):
        assert sorted(int(file.stem) for file in (tmp_path / "sent").iterdir()) == [2, 3]


def test_a_record_that_cannot_be_sealed_takes_no_number(tmp_path: Path) -> None:
    def fail(sequence: int) -> bytes:
        raise RuntimeError

    with fill(tmp_path, 1) as opened:
        with pytest.raises(RuntimeError):
            opened.append(fail)
        assert opened.append(name).sequence == 1


def test_a_disk_that_takes_no_more_is_reported_and_takes_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with fill(tmp_path, 1) as opened:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(SpoolError, match="No space left"):
                opened.append(name)
        assert opened.append(name).sequence == 1
        assert not list(tmp_path.rglob(".writing-*"))


def test_what_a_crash_left_half_written_is_cleared(tmp_path: Path) -> None:
    fill(tmp_path, 1).close()
    (tmp_path / "pending" / ".writing-abc").write_bytes(b"half a rec")
    with spool(tmp_path) as opened:
        assert waiting(opened) == [0]
    assert not (tmp_path / "pending" / ".writing-abc").exists()


def test_two_workers_of_one_process_cannot_share_a_spool(tmp_path: Path) -> None:
    with spool(tmp_path), pytest.raises(SpoolBusy):
        spool(tmp_path)
    spool(tmp_path).close()


def test_two_processes_cannot_share_a_spool_until_one_is_killed(tmp_path: Path) -> None:
    with process("hold", tmp_path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SpoolBusy):
            spool(tmp_path)
        holder.kill()
        holder.wait(30)
        spool(tmp_path).close()


def test_a_forked_child_cannot_write_into_its_parents_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fill(tmp_path, 1) as opened:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with pytest.raises(SpoolBusy, match="its child"):
            opened.append(name)


def test_a_closed_spool_takes_nothing(tmp_path: Path) -> None:
    opened = spool(tmp_path)
    opened.close()
    opened.close()
    with pytest.raises(SpoolBusy, match="closed"):
        opened.append(name)


def test_a_spool_belongs_to_one_key(tmp_path: Path) -> None:
    spool(tmp_path).close()
    with pytest.raises(SpoolForeign):
        Spool(tmp_path, OTHER_KEY.address)
    spool(tmp_path).close()  # the refused one let go of the lock


@pytest.mark.parametrize("content", [b"", b"{", b'{"format":1}'])
def test_a_damaged_identity_is_refused(tmp_path: Path, content: bytes) -> None:
    spool(tmp_path).close()
    (tmp_path / "spool.json").write_bytes(content)
    with pytest.raises(SpoolDamaged):
        spool(tmp_path)


def test_a_strange_file_among_the_records_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 1).close()
    (tmp_path / "pending" / "1.envelope").write_bytes(b"?")
    with pytest.raises(SpoolDamaged, match="does not belong"):
        spool(tmp_path)


def test_a_path_that_is_a_file_is_no_spool(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SpoolError, match="cannot be used"):
        spool(tmp_path / "file")


def test_a_refused_record_is_put_aside_with_its_reason(tmp_path: Path) -> None:
    rejection = Rejection(1, "schema", "no such agent")
    with fill(tmp_path, 3, acknowledged=1) as opened:
        opened.reject(rejection)
    with spool(tmp_path) as opened:
        assert opened.rejection() == rejection
        assert waiting(opened) == [2]
    assert (tmp_path / "rejected" / f"{1:020d}.envelope").read_bytes() == b"record 1"


def test_a_refused_record_moved_back_waits_again(tmp_path: Path) -> None:
    with fill(tmp_path, 3, acknowledged=1) as opened:
        opened.reject(Rejection(1, "schema", "no such agent"))
    file = f"{1:020d}.envelope"
    (tmp_path / "rejected" / file).rename(tmp_path / "pending" / file)
    with spool(tmp_path) as opened:
        assert opened.rejection() is None
        assert waiting(opened) == [1, 2]


def test_the_number_of_a_refused_record_is_not_given_again(tmp_path: Path) -> None:
    with fill(tmp_path, 1) as opened:
        opened.reject(Rejection(0, "schema", "no such agent"))
    with spool(tmp_path) as opened:
        assert opened.append(name).sequence == 1


def test_records_that_the_server_lost_are_brought_back(tmp_path: Path) -> None:
    with fill(tmp_path, 6, acknowledged=4) as opened:
        opened.reconcile(2)
        assert waiting(opened) == [2, 3, 4, 5]
        opened.acknowledge(4)
        opened.reconcile(6)
        assert waiting(opened) == []
        assert opened.next_sequence == 6


def test_records_that_are_no_longer_kept_cannot_be_brought_back(tmp_path: Path) -> None:
    with fill(tmp_path, 6, acknowledged=4, keep_sent=2) as opened:
        with pytest.raises(HistoryMissing, match=r"expects record 1 .* kept here is 2"):
            opened.reconcile(1)
        assert waiting(opened) == [4, 5]


def test_a_fresh_spool_of_a_known_worker_goes_on_where_the_server_is(tmp_path: Path) -> None:
    with spool(tmp_path) as opened:
        opened.reconcile(20)
        assert opened.next_sequence == 20
    with spool(tmp_path) as opened:
        assert opened.append(name).sequence == 20
        with pytest.raises(HistoryMissing):
            opened.reconcile(19)


def test_a_server_that_has_more_than_was_acknowledged_changes_nothing(tmp_path: Path) -> None:
    with fill(tmp_path, 4, acknowledged=1) as opened:
        opened.reconcile(3)  # the answer to records 1 and 2 was lost: they are sent again
        assert waiting(opened) == [1, 2, 3]


class SpoolLife(RuleBasedStateMachine):
    """A spool against a plain model, closed and opened at any point as after a crash."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(os.environ["PYTEST_SPOOL"]) / os.urandom(8).hex()
        self.opened = spool(self.directory, keep_sent=4)
        self.next = self.delivered = self.oldest_kept = 0

    @rule()
    def append(self) -> None:
        assert self.opened.append(name).sequence == self.next
        self.next += 1

    @precondition(lambda self: self.delivered < self.next)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, self.next - self.delivered))
        self.opened.acknowledge(count)
        self.delivered += count
        self.oldest_kept = max(self.oldest_kept, self.delivered - 4)

    @precondition(lambda self: self.delivered > 0)
    @rule(data=st.data())
    def lose_on_the_server(self, data: st.DataObject) -> None:
        expected = data.draw(st.integers(self.oldest_kept, self.delivered))
        self.opened.reconcile(expected)
        self.delivered = expected

    @rule()
    def restart(self) -> None:
        self.opened.close()
        self.opened = spool(self.directory, keep_sent=4)

    @invariant()
    def waits_what_is_not_delivered(self) -> None:
        records = self.opened.pending(limit=1000, limit_bytes=1 << 30)
        assert [record.sequence for record in records] == list(range(self.delivered, self.next))
        assert all(record.envelope == name(record.sequence) for record in records)
        assert self.opened.next_sequence == self.next

    def teardown(self) -> None:
        self.opened.close()


def test_no_number_is_lost_or_given_twice_whatever_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_SPOOL", str(tmp_path))
    run_state_machine_as_test(SpoolLife, settings=settings(max_examples=15, stateful_step_count=20, deadline=None))
