"""The Merkle tree of a signed batch: one signature speaks for all records, each provable without the others.

    leaf      SHA-256(0x00 || record id)          RFC 6962 section 2.1
    node      SHA-256(0x01 || left || right)
    path      the sibling hashes from the leaf up, 32 bytes each, joined

The tree over *n* leaves splits at the largest power of two below *n*; pairing level by level, with a last odd node
moved up as it is, gives the same.
"""

import hashlib
from collections.abc import Sequence

from atlas.protocol.errors import InvalidEnvelope

HASH_BYTES = 32
MAX_BATCH_RECORDS = 4_096
MAX_PATH_BYTES = HASH_BYTES * (MAX_BATCH_RECORDS - 1).bit_length()


def paths_over(record_ids: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """The root over ``record_ids`` (at least one, 32 bytes each), and the path of each."""
    levels = [[hashlib.sha256(b"\x00" + record_id).digest() for record_id in record_ids]]
    while len(levels[-1]) > 1:
        levels.append(_parents(levels[-1]))
    paths = [b""]
    for level in levels[-2::-1]:
        paths = [_sibling(level, place) + paths[place >> 1] for place in range(len(level))]
    return levels[-1][0], paths


def root_above(record_id: bytes, *, index: int, size: int, path: bytes) -> bytes:
    """The root that ``path`` leads to from leaf ``index`` of ``size`` (RFC 9162 section 2.1.3.2).

    Raises InvalidEnvelope (``bad_proof``) for a path that no tree of this size has.
    """
    if not 0 <= index < size <= MAX_BATCH_RECORDS or len(path) % HASH_BYTES:
        raise _bad_proof(f"leaf {index} of {size} with a path of {len(path)} bytes")
    node, last = hashlib.sha256(b"\x00" + record_id).digest(), size - 1
    place = index
    for begin in range(0, len(path), HASH_BYTES):
        while last and not place & 1 and place == last:  # moved up without a sibling
            place, last = place >> 1, last >> 1
        if not last:
            raise _bad_proof("the path goes on above the root")
        sibling = path[begin : begin + HASH_BYTES]
        pair = sibling + node if place & 1 else node + sibling
        node = hashlib.sha256(b"\x01" + pair).digest()
        place, last = place >> 1, last >> 1
    if last:
        raise _bad_proof("the path ends below the root")
    return node


def _parents(level: list[bytes]) -> list[bytes]:
    sha256 = hashlib.sha256
    pairs = zip(level[0::2], level[1::2], strict=False)
    parents = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return parents + level[-1:] if len(level) % 2 else parents


def _sibling(level: list[bytes], place: int) -> bytes:
    other = place ^ 1
    return level[other] if other < len(level) else b""


def _bad_proof(reason: str) -> InvalidEnvelope:
    return InvalidEnvelope("bad_proof", f"not an inclusion proof: {reason}", hint="Seal the batch again.")
