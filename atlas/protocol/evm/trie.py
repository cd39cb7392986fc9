"""The Merkle-Patricia trie of a list (Yellow Paper, appendix D), as headers commit to receipts and transactions.

The key of an item is the RLP of its index, its path the key's hexadecimal digits. A node is RLP:

    leaf        [path with flag 2 or 3, item]
    extension   [path with flag 0 or 1, child]
    branch      [16 children, value]             the value is empty: no key of a list begins another

A child is its node's Keccak-256, or the node itself when that is shorter than 32 bytes. The path's first digit is
its flag; a zero pads paths of even length. Built from the leaves up over keys in order: nothing is stored, and no
node is made twice. A proof is the path's nodes from the root down, those inside their parents left out.
"""

from collections.abc import Sequence

from atlas.protocol.evm.errors import InvalidProof, MalformedRlp
from atlas.protocol.evm.rlp import Item, decode, encode_bytes, encode_integer, encode_list
from atlas.protocol.keccak import keccak256

EMPTY_ROOT = keccak256(encode_bytes(b""))

HASH_BYTES = 32
MAX_INDEX = 2**32

_NO_VALUE = encode_bytes(b"")
_CHILDREN = 16


def list_root(values: Sequence[bytes]) -> bytes:
    """The root over ``values`` in their order, 32 bytes."""
    return keccak256(_Builder(values).root_node()) if values else EMPTY_ROOT


def list_proof(values: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The nodes that prove ``values[index]`` against the root over ``values``. Raises InvalidProof for no such item."""
    if not 0 <= index < len(values):
        raise InvalidProof(f"there is no item {index} among {len(values)}")
    builder = _Builder(values, wanted=index)
    builder.trail.append(builder.root_node())
    return tuple(reversed(builder.trail))


def verify_list_proof(root: bytes, index: int, nodes: Sequence[bytes]) -> bytes:
    """The item that ``nodes`` prove to be at ``index`` of the list with this ``root``. Raises InvalidProof."""
    if not 0 <= index < MAX_INDEX:
        raise InvalidProof(f"an index is from 0 to {MAX_INDEX - 1}, not {index}")
    reference: Item = root
    path, used = _path(index), 0
    while True:
        node, used = _resolve(reference, nodes, used)
        if len(node) == _CHILDREN + 1:
            reference, path = _step(node, path)
            continue
        shared, is_leaf = _expand(node)
        if not path.startswith(shared) or (is_leaf and path != shared):
            raise InvalidProof(f"the proof leads to another item than {index}")
        if is_leaf:
            return _item(node, unused=len(nodes) - used)
        reference, path = node[1], path[len(shared) :]


def _path(index: int) -> str:
    return encode_integer(index).hex()


def _resolve(reference: Item, nodes: Sequence[bytes], used: int) -> tuple[list[Item], int]:
    """The node that a parent refers to, and how many of ``nodes`` are used then."""
    if isinstance(reference, list):
        return _checked(reference), used
    if len(reference) != HASH_BYTES:
        raise InvalidProof("the list has no item at this index: its path ends at an empty child")
    if used == len(nodes):
        raise InvalidProof(f"the node 0x{reference.hex()} is missing at the proof's end")
    if keccak256(nodes[used]) != reference:
        raise InvalidProof(f"node {used} of the proof does not have the hash 0x{reference.hex()} that its parent names")
    try:
        node = decode(nodes[used])
    except MalformedRlp as error:
        raise InvalidProof(f"node {used} of the proof is not RLP: {error.message}") from error
    if isinstance(node, bytes):
        raise InvalidProof(f"node {used} of the proof is not a list")
    return _checked(node), used + 1


def _checked(node: list[Item]) -> list[Item]:
    if len(node) not in (2, _CHILDREN + 1):
        raise InvalidProof(f"a trie node has 2 or 17 items, not {len(node)}")
    return node


def _step(branch: list[Item], path: str) -> tuple[Item, str]:
    if not path:
        raise InvalidProof("the path ends at a branch, where a list has no item")
    return branch[int(path[0], 16)], path[1:]


def _expand(node: list[Item]) -> tuple[str, bool]:
    """The path of a leaf or an extension, and whether it is a leaf."""
    compact = node[0].hex() if isinstance(node[0], bytes) else ""
    if compact[:1] not in ("0", "1", "2", "3") or (compact[0] in "02" and compact[1] != "0"):
        raise InvalidProof("the path of a trie node is not in its compact form")
    path = compact[1:] if compact[0] in "13" else compact[2:]
    is_leaf = compact[0] in "23"
    if not path and not is_leaf:
        raise InvalidProof("an extension of the trie leads nowhere")
    return path, is_leaf


def _item(leaf: list[Item], unused: int) -> bytes:
    if unused:
        raise InvalidProof(f"{unused} nodes of the proof come after the item")
    value = leaf[1]
    if not isinstance(value, bytes):
        raise InvalidProof("a leaf of the trie holds a list instead of an item")
    return value


class _Builder:
    """Builds the nodes of a list's trie; ``trail`` collects those above ``wanted``, from its leaf up."""

    def __init__(self, values: Sequence[bytes], wanted: int = -1) -> None:
        order = _in_order(len(values))
        self._paths = [_path(index) for index in order]
        self._items = [encode_bytes(values[index]) for index in order]
        self._wanted = order.index(wanted) if wanted >= 0 else -1
        self.trail: list[bytes] = []

    def root_node(self) -> bytes:
        """The encoding of the root."""
        return self._node(0, len(self._paths), 0)

    def _node(self, first: int, end: int, depth: int) -> bytes:
        """The node over items ``first`` to ``end`` - 1, whose paths agree in the first ``depth`` digits."""
        path = self._paths[first]
        if end - first == 1:
            return encode_list((encode_bytes(_compact(path[depth:], leaf=True)), self._items[first]))
        fork = _fork(path, self._paths[end - 1], depth)
        if fork > depth:
            shared = encode_bytes(_compact(path[depth:fork], leaf=False))
            return encode_list((shared, self._reference(first, end, fork)))
        return self._branch(first, end, depth)

    def _branch(self, first: int, end: int, depth: int) -> bytes:
        children = [_NO_VALUE] * (_CHILDREN + 1)
        while first < end:
            digit = self._paths[first][depth]
            stop = first + 1
            while stop < end and self._paths[stop][depth] == digit:
                stop += 1
            children[int(digit, 16)] = self._reference(first, stop, depth + 1)
            first = stop
        return encode_list(children)

    def _reference(self, first: int, end: int, depth: int) -> bytes:
        """How a parent holds the node over these items."""
        node = self._node(first, end, depth)
        if len(node) < HASH_BYTES:
            return node
        if first <= self._wanted < end:
            self.trail.append(node)
        return encode_bytes(keccak256(node))


def _in_order(count: int) -> list[int]:
    """Indexes in the order of their paths: zero is 0x80 in RLP, between 127 and 128."""
    return [*range(1, min(count, 128)), 0, *range(128, count)]


def _fork(path: str, other: str, depth: int) -> int:
    """The first digit from ``depth`` on in which the two paths differ."""
    while path[depth] == other[depth]:
        depth += 1
    return depth


def _compact(path: str, *, leaf: bool) -> bytes:
    """Hex-prefix encoding: the flag, then the path, in whole bytes."""
    odd = len(path) % 2
    return bytes.fromhex(f"{2 * leaf + odd}{'' if odd else '0'}{path}")
