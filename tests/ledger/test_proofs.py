import base64
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.ledger.checkpoints.checkpointer import Checkpoint
from atlas.ledger.checkpoints.keyring import KeyRing
from atlas.ledger.checkpoints.notes import SignedNote, Signer
from atlas.ledger.checkpoints.proofs import (
    ConsistencyProof,
    InclusionProof,
    parse_consistency_proof,
    parse_inclusion_proof,
)
from atlas.ledger.errors import (
    InvalidFact,
    InvalidProof,
    LedgerError,
    MalformedNote,
    MalformedProof,
    UnknownSigner,
)
from atlas.ledger.merkle import rfc6962 as merkle
from atlas.ledger.merkle.rfc6962 import Node, leaf_hash
from atlas.ledger.recording.entries import entry_of
from tests.ledger.examples import stream

ORIGIN = "log.example.org/ledger"
SIGNER = Signer(ORIGIN, bytes(range(32)))
RING = KeyRing(SIGNER.verifier)
ENTRIES = [entry_of(stream("proof"), version, "test.fact", b"%d" % version).encode() for version in range(40)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def node(wanted: Node) -> bytes:
    return merkle.perfect_root(b"".join(LEAVES[wanted.index << wanted.height : (wanted.index + 1) << wanted.height]))


def note(size: int) -> SignedNote:
    return SIGNER.sign(Checkpoint(ORIGIN, size, merkle.root(size, node)).text())


def inclusion(index: int, size: int) -> InclusionProof:
    return InclusionProof(ENTRIES[index], index, tuple(merkle.inclusion_proof(index, size, node)), note(size))


def consistency(old: int, new: int) -> ConsistencyProof:
    return ConsistencyProof(old, tuple(merkle.consistency_proof(old, new, node)), note(new))


pairs = st.integers(1, 40).flatmap(lambda new: st.tuples(st.integers(1, new), st.just(new)))


@given(pairs)
def test_a_proof_reads_back_and_proves(pair: tuple[int, int]) -> None:
    position, size = pair
    proof = parse_inclusion_proof(inclusion(position - 1, size).encode())
    assert proof == inclusion(position - 1, size)
    entry, checkpoint = proof.check(RING)
    assert (entry.version, checkpoint.tree_size) == (position - 1, size)
    entry.check_payload(b"%d" % (position - 1))


@given(pairs)
def test_a_consistency_proof_reads_back_and_proves(pair: tuple[int, int]) -> None:
    old, new = pair
    proof = parse_consistency_proof(consistency(old, new).encode())
    checkpoints = proof.check(note(old), RING)
    assert [one.tree_size for one in checkpoints] == [old, new]


def test_an_inclusion_proof_has_the_lines_of_the_specification() -> None:
    lines = inclusion(1, 3).encode().decode().split("\n")
    assert lines[:3] == [
        "c2sp.org/tlog-proof@v1",
        f"extra {base64.b64encode(ENTRIES[1]).decode()}",
        "index 1",
    ]
    assert [base64.b64decode(line) for line in lines[3:5]] == [LEAVES[0], LEAVES[2]]
    assert lines[5:8] == ["", ORIGIN, "3"]


@given(st.data())
def test_no_changed_byte_proves_anything(data: st.DataObject) -> None:
    encoded = bytearray(inclusion(5, 21).encode())
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(LedgerError):
        parse_inclusion_proof(bytes(encoded)).check(RING)


@given(st.data())
def test_no_changed_byte_proves_any_consistency(data: st.DataObject) -> None:
    encoded = bytearray(consistency(6, 21).encode())
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(LedgerError):
        parse_consistency_proof(bytes(encoded)).check(note(6), RING)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    for parse in (parse_inclusion_proof, parse_consistency_proof):
        with pytest.raises((MalformedProof, MalformedNote)):
            parse(data)


GOOD = inclusion(1, 3).encode().decode()


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("index 1", "index 01"),
        GOOD.replace("index 1", "index -1"),
        GOOD.replace("index 1\n", ""),
        GOOD.replace("extra", "Extra"),
        GOOD.replace("proof@v1", "proof@v2"),
        GOOD.replace("\n\n", "\n\n\n", 1),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("index 1\n", "index 1\n" + "AAAA\n"),
        GOOD.replace("index 1\n", "index 1\n" + (base64.b64encode(bytes(32)).decode() + "\n") * 64),
        GOOD + "x",
    ],
)
def test_what_is_not_exactly_a_proof_is_refused(text: str) -> None:
    with pytest.raises((MalformedProof, MalformedNote)):
        parse_inclusion_proof(text.encode())


def test_a_proof_of_another_log_is_refused() -> None:
    with pytest.raises(UnknownSigner):
        inclusion(1, 3).check(KeyRing(Signer.generate(ORIGIN).verifier))


def test_a_proof_for_a_position_beyond_the_tree_is_refused() -> None:
    with pytest.raises(InvalidProof, match="no leaf 3"):
        InclusionProof(ENTRIES[3], 3, (), note(3)).check(RING)


def test_a_leaf_that_is_no_entry_is_refused() -> None:
    root_hash = leaf_hash(b"something")
    signed = SIGNER.sign(Checkpoint(ORIGIN, 1, root_hash).text())
    with pytest.raises(InvalidFact):
        InclusionProof(b"something", 0, (), signed).check(RING)


def test_a_consistency_proof_from_another_size_than_the_checkpoint_held_is_refused() -> None:
    with pytest.raises(InvalidProof, match="covers 7"):
        consistency(6, 21).check(note(7), RING)


def test_another_payload_is_refused() -> None:
    entry, _ = inclusion(1, 3).check(RING)
    with pytest.raises(InvalidProof, match=sha256(b"other").hexdigest()):
        entry.check_payload(b"other")


@given(pairs, st.integers(0, 20))
def test_a_range_and_what_lies_around_it_give_the_root(pair: tuple[int, int], back: int) -> None:
    end, size = pair
    begin = max(0, end - 1 - back)
    ranges = merkle.ranges_around(begin, end, size)
    pieces = sorted([*ranges, (begin, end)])
    assert [piece[0] for piece in pieces] + [size] == [0] + [piece[1] for piece in pieces]
    around = {(low, high): merkle.range_hash(low, high, node) for low, high in ranges}
    assert merkle.root_around(begin, end, size, iter(LEAVES[begin:end]), around) == merkle.root(size, node)
