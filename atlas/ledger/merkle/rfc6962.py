"""The Merkle tree of RFC 6962 and RFC 9162, section 2.1, as values: hashes, ranges, proofs.

    leaf hash   SHA-256(0x00 || entry)
    node hash   SHA-256(0x01 || left || right)
    empty tree  SHA-256("")

A node that covers 2**height leaves, starting at a multiple of that, is perfect: it never changes once its leaves are
there, and it is named by height and index. A tree of any size is a row of perfect nodes, largest first (its compact
range), and every proof is a list of hashes of ranges that are such rows themselves. So everything here is computed
from a function that gives the hash of a perfect node; where those are kept is another module's concern.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256

import msgspec

from atlas.ledger.errors import InvalidProof, UnknownPosition

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


class Node(msgspec.Struct, frozen=True, order=True):
    """The perfect node over the leaves ``index * 2**height`` up to, excluding, ``(index + 1) * 2**height``."""

    height: int
    index: int


NodeHashes = Callable[[Node], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf, 32 bytes."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node, 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: bytes) -> bytes:
    """The root over a power of two of hashes, 32 bytes each."""
    while len(hashes) > HASH_BYTES:
        pairs = range(0, len(hashes), 2 * HASH_BYTES)
        hashes = b"".join([sha256(b"\x01" + hashes[pair : pair + 2 * HASH_BYTES]).digest() for pair in pairs])
    return hashes


def perfect_nodes(begin: int, end: int) -> list[Node]:
    """The perfect nodes that cover the leaves from ``begin`` up to, excluding, ``end``, from left to right."""
    nodes: list[Node] = []
    while begin < end:
        size = (end - begin).bit_length() - 1
        height = size if begin == 0 else min(size, (begin & -begin).bit_length() - 1)
        nodes.append(Node(height, begin >> height))
        begin += 1 << height
    return nodes


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The leaf ranges whose hashes are the inclusion proof of leaf ``index``, nearest first (RFC 9162, 2.1.3.1)."""
    if not 0 <= index < size:
        raise UnknownPosition(f"a tree of size {size} has no leaf {index}")
    ranges: list[tuple[int, int]] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
    return ranges[::-1]


def consistency_ranges(old_size: int, new_size: int) -> list[tuple[int, int]]:
    """The leaf ranges whose hashes are the consistency proof between two sizes (RFC 9162, 2.1.4.1)."""
    if not 0 < old_size <= new_size:
        raise UnknownPosition(f"consistency is from a size above 0 to one not below it, not {old_size} to {new_size}")
    ranges: list[tuple[int, int]] = []
    begin, end = 0, new_size
    while old_size != end:
        middle = begin + _split(end - begin)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
    return ranges[::-1] if begin == 0 else [(begin, end), *ranges[::-1]]


def range_hash(begin: int, end: int, hashes: NodeHashes) -> bytes:
    """The hash of a range that a proof or a root asks for."""
    if begin == end:
        return EMPTY_ROOT
    return _fold([hashes(node) for node in perfect_nodes(begin, end)])


def root(size: int, hashes: NodeHashes) -> bytes:
    """The root of the tree over the first ``size`` leaves."""
    return range_hash(0, size, hashes)


def inclusion_proof(index: int, size: int, hashes: NodeHashes) -> list[bytes]:
    """The proof that leaf ``index`` is in the tree of ``size`` leaves. Raises UnknownPosition."""
    return [range_hash(begin, end, hashes) for begin, end in inclusion_ranges(index, size)]


def consistency_proof(old_size: int, new_size: int, hashes: NodeHashes) -> list[bytes]:
    """The proof that the tree of ``new_size`` begins with that of ``old_size`` leaves. Raises UnknownPosition."""
    return [range_hash(begin, end, hashes) for begin, end in consistency_ranges(old_size, new_size)]


def ranges_around(begin: int, end: int, size: int) -> list[tuple[int, int]]:
    """The leaf ranges beside ``begin`` to ``end`` whose hashes, with those leaves, give the root of the tree."""
    if not 0 <= begin < end <= size:
        raise UnknownPosition(f"a tree of size {size} has no leaves from {begin} up to {end}")
    ranges: list[tuple[int, int]] = []

    def descend(low: int, high: int) -> None:
        if high <= begin or end <= low:
            ranges.append((low, high))
        elif low < begin or end < high:
            middle = low + _split(high - low)
            descend(low, middle)
            descend(middle, high)

    descend(0, size)
    return ranges


def root_around(
    begin: int, end: int, size: int, leaves: Iterator[bytes], around: Mapping[tuple[int, int], bytes]
) -> bytes:
    """The root of a tree from the leaf hashes of one range and the hashes of ``ranges_around`` it.

    ``leaves`` is read once, in order, so that a range of any length takes little memory.
    """

    def descend(low: int, high: int) -> bytes:
        if high <= begin or end <= low:
            return around[low, high]
        if high - low == 1:
            return next(leaves)
        middle = low + _split(high - low)
        return node_hash(descend(low, middle), descend(middle, high))

    return descend(0, size)


def verify_inclusion(leaf: bytes, index: int, size: int, root_hash: bytes, proof: Sequence[bytes]) -> None:
    """Return when ``proof`` shows the leaf hash at ``index`` of the tree (RFC 9162, 2.1.3.2). Raises InvalidProof."""
    if not 0 <= index < size:
        raise InvalidProof(f"a tree of size {size} has no leaf {index}")
    _check_hashes(leaf, root_hash, *proof)
    inner = (index ^ (size - 1)).bit_length()
    expected = inner + (index >> inner).bit_count()
    if len(proof) != expected:
        raise InvalidProof(f"the proof of leaf {index} in a tree of {size} has {expected} hashes, not {len(proof)}")
    computed = leaf
    for level, sibling in enumerate(proof):
        is_right = level >= inner or index >> level & 1
        computed = node_hash(sibling, computed) if is_right else node_hash(computed, sibling)
    _check_root(computed, root_hash)


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Return when ``proof`` shows that the new tree extends the old (RFC 9162, 2.1.4.2). Raises InvalidProof.

    A tree of size 0 is refused as old tree: everything extends it, so a proof of that proves nothing.
    """
    if not 0 < old_size <= new_size:
        raise InvalidProof(f"consistency is from a size above 0 to one not below it, not {old_size} to {new_size}")
    if old_size == new_size:
        if proof:
            raise InvalidProof(f"between trees of equal size no proof is expected, not one of {len(proof)} hashes")
        return _check_root(old_root, new_root)
    # Hashes of other lengths could move the seam between the two halves of a node.
    _check_hashes(old_root, new_root, *proof)
    return _verify_growth(old_size, new_size, old_root, new_root, proof)


def _verify_growth(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Rebuild both roots from the node where the old tree's last perfect node begins."""
    shift = (old_size & -old_size).bit_length() - 1
    last = old_size - 1
    inner = (last ^ (new_size - 1)).bit_length() - shift
    is_perfect = old_size == 1 << shift
    start = 0 if is_perfect else 1
    expected = start + inner + (last >> (inner + shift)).bit_count()
    if len(proof) != expected:
        raise InvalidProof(f"a proof from {old_size} to {new_size} has {expected} hashes, not {len(proof)}")
    old = new = old_root if is_perfect else proof[0]
    for level, sibling in enumerate(proof[start:]):
        if level >= inner or last >> (level + shift) & 1:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    _check_root(old, old_root)
    _check_root(new, new_root)


def _split(size: int) -> int:
    """The largest power of two below ``size``, the k of RFC 9162, 2.1.1."""
    return 1 << ((size - 1).bit_length() - 1)


def _fold(hashes: Sequence[bytes]) -> bytes:
    """The hash over perfect nodes, which lean to the left: the rightmost are joined first."""
    folded = hashes[-1]
    for left in reversed(hashes[:-1]):
        folded = node_hash(left, folded)
    return folded


def _check_hashes(*hashes: bytes) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise InvalidProof(f"a hash has {HASH_BYTES} bytes, not {len(value)}")


def _check_root(computed: bytes, expected: bytes) -> None:
    if computed != expected:
        raise InvalidProof(f"the proof leads to the root {computed.hex()}, not to {expected.hex()}")
