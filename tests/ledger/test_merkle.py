import base64
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.ledger.errors import InvalidProof, UnknownPosition
from atlas.ledger.merkle import rfc6962 as merkle
from atlas.ledger.merkle.rfc6962 import Node, leaf_hash, node_hash, verify_consistency, verify_inclusion

DATA = Path(os.environ.get("ATLAS_CONFORMANCE_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
VECTORS = DATA / "merkle-vectors" / "testdata"


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, section 2.1.1, word by word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


def naive_inclusion(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162, section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*naive_inclusion(index, leaves[:split]), naive_root(leaves[split:])]
    return [*naive_inclusion(index - split, leaves[split:]), naive_root(leaves[:split])]


def naive_consistency(old: int, leaves: list[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 9162, section 2.1.4.1."""
    if old == len(leaves):
        return [] if whole else [naive_root(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if old <= split:
        return [*naive_consistency(old, leaves[:split], whole=whole), naive_root(leaves[split:])]
    return [*naive_consistency(old - split, leaves[split:], whole=False), naive_root(leaves[:split])]


def tree(size: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(size)]


def hashes_of(leaves: list[bytes]) -> merkle.NodeHashes:
    return lambda node: naive_root(leaves[node.index << node.height : (node.index + 1) << node.height])


sizes = st.integers(1, 150)


def test_the_empty_tree_and_a_single_leaf_have_the_roots_of_the_rfc() -> None:
    assert merkle.EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@given(st.integers(0, 300))
def test_a_root_is_that_of_the_definition(size: int) -> None:
    leaves = tree(size)
    assert merkle.root(size, hashes_of(leaves)) == naive_root(leaves)


@given(st.integers(0, 2**40), st.integers(0, 2**20))
def test_perfect_nodes_cover_a_range_from_left_to_right(begin: int, length: int) -> None:
    place = begin
    for node in merkle.perfect_nodes(begin, begin + length):
        assert node.index << node.height == place
        place = (node.index + 1) << node.height
    assert place == begin + length


@given(sizes, st.data())
def test_an_inclusion_proof_is_that_of_the_definition_and_verifies(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = tree(size)
    proof = merkle.inclusion_proof(index, size, hashes_of(leaves))
    assert proof == naive_inclusion(index, leaves)
    verify_inclusion(leaves[index], index, size, naive_root(leaves), proof)


@given(sizes, st.data())
def test_a_consistency_proof_is_that_of_the_definition_and_verifies(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    leaves = tree(size)
    proof = merkle.consistency_proof(old, size, hashes_of(leaves))
    assert proof == naive_consistency(old, leaves)
    verify_consistency(old, size, naive_root(leaves[:old]), naive_root(leaves), proof)


@given(sizes, st.data())
def test_an_inclusion_proof_proves_no_other_claim(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = tree(size)
    root, proof = naive_root(leaves), naive_inclusion(index, leaves)
    other = data.draw(st.integers(0, size - 1).filter(lambda other: other != index)) if size > 1 else 1
    claims: list[tuple[bytes, int, int, bytes, list[bytes]]] = [
        (leaf_hash(b"other"), index, size, root, proof),
        (leaves[index], other, size, root, proof),
        (leaves[index], index, size, leaf_hash(b"root"), proof),
        (leaves[index], index, size, root, [*proof, bytes(32)]),
        (leaves[index], index, size, root, [bytes(31), *proof[1:]]),
    ]
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        claims += [
            (leaves[index], index, size, root, proof[:-1]),
            (leaves[index], index, size, root, [*proof[:place], bytes(32), *proof[place + 1 :]]),
        ]
    for claim in claims:
        with pytest.raises(InvalidProof):
            verify_inclusion(*claim)


@given(st.integers(2, 150), st.data())
def test_a_consistency_proof_proves_no_other_claim(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size - 1))
    leaves = tree(size)
    old_root, root, proof = naive_root(leaves[:old]), naive_root(leaves), naive_consistency(old, leaves)
    place = data.draw(st.integers(0, len(proof) - 1))
    for claim in [
        (old, size, leaf_hash(b"x"), root, proof),
        (old, size, old_root, leaf_hash(b"x"), proof),
        (old, size, root, old_root, proof),
        (size, old, old_root, root, proof),
        (0, size, old_root, root, proof),
        (size, size, root, root, proof),
        (old, size, old_root, root, proof[:-1]),
        (old, size, old_root, root, [*proof, bytes(32)]),
        (old, size, old_root, root, [*proof[:place], bytes(32), *proof[place + 1 :]]),
    ]:
        with pytest.raises(InvalidProof):
            verify_consistency(*claim)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_there_is_no_proof_of_a_leaf_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(UnknownPosition):
        merkle.inclusion_ranges(index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 3)])
def test_there_is_no_proof_of_consistency_with_nothing_or_with_the_future(old: int, new: int) -> None:
    with pytest.raises(UnknownPosition):
        merkle.consistency_ranges(old, new)


def test_proofs_are_logarithmic_in_a_tree_too_large_to_store() -> None:
    size = 2**60 + 12345

    def hashes(node: Node) -> bytes:
        return sha256(b"%d/%d" % (node.height, node.index)).digest()

    assert len(merkle.inclusion_proof(2**59, size, hashes)) == 61
    assert len(merkle.consistency_proof(2**59 + 1, size, hashes)) < 125


def vectors(kind: str) -> list[Any]:
    paths = sorted((VECTORS / kind).rglob("*.json"))
    skipped = pytest.mark.skip(reason=f"no conformance data at {VECTORS}: set ATLAS_CONFORMANCE_DATA")
    return [pytest.param(path, id=str(path.relative_to(VECTORS))) for path in paths] or [
        pytest.param(None, marks=skipped)
    ]


class InclusionCase(msgspec.Struct, rename="camel"):
    leaf_idx: int
    tree_size: int
    root: str
    leaf_hash: str
    proof: list[str] | None
    want_err: bool


class ConsistencyCase(msgspec.Struct, rename="camel"):
    size1: int
    size2: int
    root1: str | None
    root2: str | None
    proof: list[str] | None
    want_err: bool


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@pytest.mark.parametrize("path", vectors("inclusion"))
def test_inclusion_agrees_with_the_published_vectors(path: Path) -> None:
    case = msgspec.json.decode(path.read_bytes(), type=InclusionCase)
    proof = [decoded(text) for text in case.proof or []]
    claim = (decoded(case.leaf_hash), case.leaf_idx, case.tree_size, decoded(case.root), proof)
    if case.want_err:
        with pytest.raises(InvalidProof):
            verify_inclusion(*claim)
    else:
        verify_inclusion(*claim)


@pytest.mark.parametrize("path", vectors("consistency"))
def test_consistency_agrees_with_the_published_vectors(path: Path) -> None:
    case = msgspec.json.decode(path.read_bytes(), type=ConsistencyCase)
    proof = [decoded(text) for text in case.proof or []]
    claim = (case.size1, case.size2, decoded(case.root1), decoded(case.root2), proof)
    if case.want_err:
        with pytest.raises(InvalidProof):
            verify_consistency(*claim)
    else:
        verify_consistency(*claim)
