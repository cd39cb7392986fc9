"""Two endpoints' answers to one question, held against each other. Pure.

Both may be honest and see different chains: answers that name different blocks are InconsistentAnswers. Answers
that differ about one and the same block cannot both be true: LyingEndpoint, with what each of them said.
"""

from collections.abc import Sequence

import msgspec

from atlas.indexer.chain.columns import to_logs
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.source import Log
from atlas.indexer.errors import InconsistentAnswers, LyingEndpoint
from atlas.protocol.logs import ArrowBatch

_FORK_HINT = "One of them is behind or on another fork; both are asked again."
_LIE_HINT = "Compare with a third endpoint, and drop the one that is wrong."
_SHOWN_CHARACTERS = 700

Row = tuple[bytes, str]  # the hash of the block that it is about, and all that is said


class Answer(msgspec.Struct, frozen=True):
    """What the endpoint ``name`` said."""

    name: str
    rows: tuple[Row, ...]


def headers_answer(name: str, headers: Sequence[Header]) -> Answer:
    """Headers as an answer: their hashes say all."""
    return Answer(name, tuple((header.hash, f"block {header.number} is 0x{header.hash.hex()}") for header in headers))


def logs_answer(name: str, logs: Sequence[Log]) -> Answer:
    """Logs as an answer."""
    return Answer(name, tuple((log.block_hash, _log_text(log)) for log in logs))


def columns_answer(name: str, columns: ArrowBatch) -> Answer:
    """Logs in columns as an answer."""
    return logs_answer(name, to_logs(columns))


def require_agreement(one: Answer, other: Answer, *, by_hash: bool = False) -> None:
    """Both say the same; ``by_hash`` when they were asked about a block by its hash.

    Raises InconsistentAnswers, LyingEndpoint.
    """
    if one.rows == other.rows:
        return
    differing = set(one.rows) ^ set(other.rows)
    known_to_both = {row[0] for row in one.rows} & {row[0] for row in other.rows}
    evidence = f"{one.name} and {other.name} disagree: {_said(one, other)}; {_said(other, one)}"
    if by_hash or not differing or any(block in known_to_both for block, _ in differing):
        raise LyingEndpoint(evidence, hint=_LIE_HINT)
    raise InconsistentAnswers(evidence, hint=_FORK_HINT)


def disagreement(one: Answer, other: Answer, *, by_hash: bool) -> InconsistentAnswers | LyingEndpoint | None:
    """What ``require_agreement`` raises."""
    try:
        require_agreement(one, other, by_hash=by_hash)
    except (InconsistentAnswers, LyingEndpoint) as error:
        return error
    return None


def _said(one: Answer, other: Answer) -> str:
    """The first row of ``one`` that is not the same in ``other``."""
    for place, row in enumerate(one.rows):
        if place >= len(other.rows) or other.rows[place] != row:
            text = row[1] if len(row[1]) <= _SHOWN_CHARACTERS else row[1][:_SHOWN_CHARACTERS] + "..."
            return f"{one.name} says {text}"
    return f"{one.name} says nothing after its {len(one.rows)} rows"


def _log_text(log: Log) -> str:
    topics = ", ".join(f"0x{topic.hex()}" for topic in log.topics)
    return (
        f"log {log.log_index} of block {log.block_number} 0x{log.block_hash.hex()} in transaction {log.tx_index} "
        f"0x{log.tx_hash.hex()} by 0x{log.address.hex()}: topics [{topics}], data 0x{log.data.hex()}"
    )
