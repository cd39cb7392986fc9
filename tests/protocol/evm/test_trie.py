"""Roots of lists against a naive model, and proofs that cannot be bent."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.evm.errors import InvalidProof
from atlas.protocol.evm.rlp import encode
from atlas.protocol.evm.trie import EMPTY_ROOT, MAX_INDEX, list_proof, list_root, verify_list_proof
from atlas.protocol.keccak import keccak256
from tests.protocol.evm.chains import naive_root

# Short items make nodes that stand inside their parents, long ones nodes that are hashed.
values = st.lists(st.one_of(st.binary(min_size=1, max_size=4), st.binary(min_size=30, max_size=60)), max_size=40)
long_lists = st.tuples(st.integers(100, 300), st.integers(1, 40)).map(
    lambda drawn: [keccak256(bytes([index % 256, index >> 8]))[: drawn[1]] for index in range(drawn[0])]
)
lists = st.one_of(values, long_lists)


@given(lists)
def test_the_root_is_the_naive_one(items: list[bytes]) -> None:
    assert list_root(items) == naive_root(items)


def test_the_root_of_nothing_is_that_of_the_empty_trie() -> None:
    assert list_root([]) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"


@given(lists.filter(bool), st.data())
def test_every_item_is_proven_and_no_other(items: list[bytes], data: st.DataObject) -> None:
    root = list_root(items)
    index = data.draw(st.integers(0, len(items) - 1))
    nodes = list_proof(items, index)
    assert verify_list_proof(root, index, nodes) == items[index]
    other = data.draw(st.integers(0, len(items) + 300).filter(lambda one: one != index))
    with suppress(InvalidProof):
        # Short items may stand inside the same nodes, which then prove either.
        assert verify_list_proof(root, other, nodes) == items[other]
        assert list_proof(items, other) == nodes


@given(lists.filter(bool), st.data())
def test_a_flipped_byte_in_a_proof_is_found(items: list[bytes], data: st.DataObject) -> None:
    root = list_root(items)
    index = data.draw(st.integers(0, len(items) - 1))
    nodes = [bytearray(node) for node in list_proof(items, index)]
    node = data.draw(st.sampled_from(nodes))
    node[data.draw(st.integers(0, len(node) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidProof):
        verify_list_proof(root, index, [bytes(one) for one in nodes])


@given(lists.filter(bool), st.data())
def test_nodes_left_out_added_or_moved_are_found(items: list[bytes], data: st.DataObject) -> None:
    root = list_root(items)
    index = data.draw(st.integers(0, len(items) - 1))
    nodes = list(list_proof(items, index))
    place = data.draw(st.integers(0, len(nodes) - 1))
    for changed in (nodes[:place] + nodes[place + 1 :], [*nodes, nodes[place]], [nodes[place], *nodes]):
        with pytest.raises(InvalidProof):
            verify_list_proof(root, index, changed)


@given(st.binary(min_size=32, max_size=32), st.integers(-5, 300), st.lists(st.binary(max_size=60), max_size=4))
def test_made_up_nodes_prove_nothing(root: bytes, index: int, nodes: list[bytes]) -> None:
    with pytest.raises(InvalidProof):
        verify_list_proof(root, index, nodes)


node_items = st.recursive(st.binary(max_size=34), lambda inner: st.lists(inner, max_size=17), max_leaves=40)


@given(st.integers(0, 300), st.one_of(st.binary(max_size=80), node_items.map(encode)))
def test_hostile_nodes_under_their_own_root_end_in_a_proof_or_a_refusal(index: int, node: bytes) -> None:
    """Whoever makes up the root too proves what he likes, but breaks nothing."""
    with suppress(InvalidProof):
        assert isinstance(verify_list_proof(keccak256(node), index, [node]), bytes)


@pytest.mark.parametrize("path", ["8", "81", "81c", "91c8", "81c80"])
def test_a_leaf_whose_path_is_not_the_whole_key_proves_nothing(path: str) -> None:
    compact = bytes.fromhex(("3" if len(path) % 2 else "20") + path)
    leaf = encode([compact, b"item"])
    with pytest.raises(InvalidProof, match="another item than 200"):
        verify_list_proof(keccak256(leaf), 200, [leaf])
    whole = encode([bytes.fromhex("2081c8"), b"item"])
    assert verify_list_proof(keccak256(whole), 200, [whole]) == b"item"


@pytest.mark.parametrize("index", [-1, 3, MAX_INDEX])
def test_an_index_that_is_not_there_is_refused(index: int) -> None:
    items = [b"a" * 40, b"b" * 40, b"c" * 40]
    with pytest.raises(InvalidProof):
        list_proof(items, index)
    with pytest.raises(InvalidProof):
        verify_list_proof(list_root(items), index, list_proof(items, 0))


@pytest.mark.parametrize("path", ["", "2180", "4080", "20", "0080"])
def test_a_leaf_whose_path_is_not_compact_proves_nothing(path: str) -> None:
    leaf = encode([bytes.fromhex(path), b"item" * 10])
    with pytest.raises(InvalidProof):
        verify_list_proof(keccak256(leaf), 0, [leaf])
    canonical = encode([bytes.fromhex("2080"), b"item" * 10])
    assert verify_list_proof(keccak256(canonical), 0, [canonical]) == b"item" * 10
