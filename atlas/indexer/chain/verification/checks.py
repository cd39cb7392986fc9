"""Logs against headers whose hash was verified: what an endpoint cannot get past. Pure.

Proven here: each log belongs to the block it names, that block is the one expected, the block's bloom has
the log's address and topics, and no log comes twice. Not proven: that no log was left out of a block of
which others were given. That takes the receipts (``receipts``), against which logs are held here as well.
"""

from collections.abc import Sequence

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.forkchoice import WindowBlock
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.source import Log
from atlas.indexer.errors import InconsistentAnswers, LyingEndpoint
from atlas.protocol.evm.bloom import may_contain
from atlas.protocol.facts import BlockRef


def require_linked(parent_hash: bytes, headers: Sequence[Header]) -> None:
    """Each header names the one before it as its parent, the first one ``parent_hash``. Raises InconsistentAnswers."""
    for header in headers:
        if header.parent_hash != parent_hash:
            raise InconsistentAnswers(
                f"block {header.number} 0x{header.hash.hex()} has the parent 0x{header.parent_hash.hex()}, "
                f"but the block before it was 0x{parent_hash.hex()}",
                hint="The chain moved between two answers, or several nodes answer behind this URL.",
            )
        parent_hash = header.hash


def require_same(name: str, header: Header, block: WindowBlock | BlockRef | Header) -> None:
    """``header``, as the endpoint ``name`` gives it now, is ``block`` of before. Raises InconsistentAnswers."""
    if header.hash != block.hash:
        raise InconsistentAnswers(
            f"block {block.number} is 0x{header.hash.hex()} at {name}, but 0x{block.hash.hex()} a moment ago",
            hint="The chain moved between two answers, or several nodes answer behind this URL.",
        )


def require_within(logs: Sequence[Log], first: int, last: int, wanted: LogFilter) -> None:
    """Logs of blocks ``first`` to ``last`` that ``wanted`` matches, in order, none twice. Raises LyingEndpoint."""
    before = (-1, -1)
    for log in logs:
        if not first <= log.block_number <= last:
            raise LyingEndpoint(f"asked for logs of blocks {first} to {last}, got one of block {log.block_number}")
        if not wanted.matches(log.address, log.topics):
            raise LyingEndpoint(f"{_where(log)} is of 0x{log.address.hex()}, which was not asked for, or of an event")
        place = (log.block_number, log.log_index)
        if place <= before:
            raise LyingEndpoint(f"{_where(log)} comes after log {before[1]} of block {before[0]}")
        before = place


def require_in_block(logs: Sequence[Log], header: Header) -> None:
    """Each log names ``header`` as its block, and its bloom has the log. Raises LyingEndpoint."""
    for log in logs:
        if log.block_hash != header.hash or log.block_number != header.number:
            raise LyingEndpoint(
                f"{_where(log)} names the block 0x{log.block_hash.hex()}, "
                f"but block {header.number} is 0x{header.hash.hex()}",
                hint="Ask another endpoint.",
                header_rlp=header.rlp,
            )
        if not all(may_contain(header.logs_bloom, value) for value in (log.address, *log.topics)):
            raise LyingEndpoint(
                f"{_where(log)} is not in the logs bloom of its block 0x{header.hash.hex()}",
                hint="The log was not emitted in this block; ask another endpoint.",
                header_rlp=header.rlp,
            )


def require_proven(logs: Sequence[Log], proven: Sequence[Log], header: Header, wanted: LogFilter) -> None:
    """``logs`` are exactly the ``wanted`` ones among those ``proven`` of the block. Raises LyingEndpoint."""
    expected = [log for log in proven if wanted.matches(log.address, log.topics)]
    for given, true in zip(logs, expected, strict=False):
        if given != true:
            raise LyingEndpoint(
                f"{_where(given)} is not log {true.log_index} that the block's receipts have",
                hint="Ask another endpoint.",
                header_rlp=header.rlp,
            )
    if len(logs) != len(expected):
        raise LyingEndpoint(
            f"block {header.number} has {len(expected)} logs that were asked for, by its receipts; "
            f"{len(logs)} were given",
            hint="Logs were left out or made up; ask another endpoint.",
            header_rlp=header.rlp,
        )


def _where(log: Log) -> str:
    return f"log {log.log_index} of block {log.block_number}"
