"""Two answers held against each other."""

import msgspec
import pytest

from atlas.indexer.chain.source import Log
from atlas.indexer.chain.sources.quorum import Answer, logs_answer, require_agreement
from atlas.indexer.errors import InconsistentAnswers, LyingEndpoint

BLOCK, FORK = b"\x01" * 32, b"\x02" * 32


def log(index: int, block: bytes = BLOCK, data: bytes = b"") -> Log:
    return Log(7, block, b"\x03" * 32, 0, index, b"\x04" * 20, (b"\x05" * 32,), data)


def answers(ours: list[Log], theirs: list[Log]) -> tuple[Answer, Answer]:
    return logs_answer("one", ours), logs_answer("other", theirs)


def test_the_same_is_agreement() -> None:
    require_agreement(*answers([log(0), log(1)], [log(0), log(1)]))
    require_agreement(*answers([], []))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([log(0), log(1)], [log(0)]),
        ([log(0), log(1)], [log(1)]),
        ([log(0)], [log(0, data=b"other")]),
        ([log(0), log(1)], [log(1), log(0)]),
        ([log(0)], [log(0), log(0)]),
    ],
)
def test_a_difference_about_one_block_is_a_lie_with_both_sides(ours: list[Log], theirs: list[Log]) -> None:
    for pair in (answers(ours, theirs), answers(theirs, ours)):
        with pytest.raises(LyingEndpoint, match=r"disagree: (one|other) says .*; (one|other) says "):
            require_agreement(*pair)


def test_a_difference_about_two_blocks_is_a_fork() -> None:
    with pytest.raises(InconsistentAnswers, match=f"0x{BLOCK.hex()}.*0x{FORK.hex()}"):
        require_agreement(*answers([log(0)], [log(0, FORK)]))
    with pytest.raises(InconsistentAnswers, match="other says nothing after its 0 rows"):
        require_agreement(*answers([log(0)], []))


def test_asked_by_hash_there_is_no_fork_that_could_excuse_silence() -> None:
    with pytest.raises(LyingEndpoint):
        require_agreement(*answers([log(0)], []), by_hash=True)


def test_the_evidence_names_what_differs_and_stays_short() -> None:
    with pytest.raises(LyingEndpoint) as caught:
        require_agreement(*answers([log(0)], [msgspec.structs.replace(log(0), data=b"\xab" * 10_000)]))
    assert "log 0 of block 7" in caught.value.message
    assert len(caught.value.message) < 2_000
