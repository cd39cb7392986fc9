"""The checks of ``checks`` on logs by column: all are held at once, and one by one only to say which is wrong."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.logs import Integers, Logs, Mask, is_one_of
from atlas.indexer.chain.verification import checks
from atlas.protocol.evm.bloom import BLOOM_BYTES, places
from atlas.protocol.logs import ArrowArray, cells_of, values_of

Bytes: TypeAlias = npt.NDArray[np.uint8]


def require_within(logs: Logs, first: int, last: int, wanted: LogFilter) -> None:
    """As ``checks.require_within``."""
    numbers, indexes = logs.numbers, logs.indexes
    inside = (numbers >= first) & (numbers <= last)
    ascending = (np.diff(numbers) > 0) | ((np.diff(numbers) == 0) & (np.diff(indexes) > 0))
    if not (inside.all() and ascending.all() and matching(logs, wanted).all()):
        checks.require_within(logs, first, last, wanted)


def matching(logs: Logs, wanted: LogFilter) -> Mask:
    """Which of ``logs`` are asked for."""
    found = np.ones(len(logs), np.bool_)
    if wanted.addresses is not None:
        found &= is_one_of(logs.addresses, wanted.addresses)
    if wanted.topics is not None:
        found &= is_one_of(logs.topics[0], wanted.topics)
    return found


def require_in_blocks(logs: Logs, headers: Sequence[Header], block: Integers) -> None:
    """As ``checks.require_in_block``, each of ``logs`` against its one of ``headers``, by number in ``block``."""
    heights = np.array([header.number for header in headers], np.int64)
    hashes = np.frombuffer(b"".join([header.hash for header in headers]), "V32")
    right = (heights[block] == logs.numbers) & (hashes[block] == cells_of(logs.block_hashes))
    blooms = _blooms(headers)
    for column in (logs.addresses, *logs.topics):
        right &= _in_bloom(column, blooms, block)
    for row in np.flatnonzero(~right).tolist():
        checks.require_in_block([logs[row]], headers[int(block[row])])


def _in_bloom(column: ArrowArray, blooms: Bytes, block: Integers) -> Mask:
    """Whether each value that is there is in the bloom of its block."""
    encoded = column.dictionary_encode()
    if not len(encoded.dictionary):
        return np.ones(len(column), np.bool_)
    bits = np.array(list(map(places, values_of(encoded.dictionary))), np.int64)
    at, mask = bits >> 3, (1 << (bits & 7)).astype(np.uint8)
    value = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    if len(at) * len(blooms) <= len(column):
        # A few values, such as the one contract and its one event: once a block, not once a log.
        return (blooms[:, at] & mask != 0).all(axis=2)[block, value] | _is_null(column)
    found = np.ones(len(column), np.bool_)
    for place in range(bits.shape[1]):
        found &= blooms[block, at[value, place]] & mask[value, place] != 0
    return found | _is_null(column)


def _is_null(column: ArrowArray) -> Mask:
    return column.is_null().to_numpy(zero_copy_only=False)


def _blooms(headers: Sequence[Header]) -> Bytes:
    """A row a header, the lowest byte first."""
    content = b"".join([header.logs_bloom.to_bytes(BLOOM_BYTES, "little") for header in headers])
    return np.frombuffer(content, np.uint8).reshape(-1, BLOOM_BYTES)
