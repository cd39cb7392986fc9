import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.errors import InvalidEnvelope
from atlas.protocol.inclusion import MAX_BATCH_RECORDS, MAX_PATH_BYTES, paths_over, root_above


def ids(count: int) -> list[bytes]:
    return [hashlib.sha256(b"%d" % number).digest() for number in range(count)]


def root_by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + root_by_definition(leaves[:split]) + root_by_definition(leaves[split:])).digest()


@pytest.mark.parametrize("count", [*range(1, 34), 100, 1000])
def test_the_root_is_that_of_rfc_6962_and_every_path_leads_to_it(count: int) -> None:
    leaves = ids(count)
    root, paths = paths_over(leaves)
    assert root == root_by_definition(leaves)
    for index, (leaf, path) in enumerate(zip(leaves, paths, strict=True)):
        assert root_above(leaf, index=index, size=count, path=path) == root


def test_the_longest_path_is_384_bytes() -> None:
    _, paths = paths_over(ids(MAX_BATCH_RECORDS))
    assert max(map(len, paths)) == MAX_PATH_BYTES == 384


@given(st.integers(1, 40), st.data())
def test_a_path_fits_its_own_place_only(count: int, data: st.DataObject) -> None:
    leaves = ids(count)
    root, paths = paths_over(leaves)
    index = data.draw(st.integers(0, count - 1))
    other = data.draw(st.integers(-1, count + 2))
    path = data.draw(st.sampled_from([paths[index], paths[index][:-1], paths[index] + bytes(32), bytes(32)]))
    try:
        found = root_above(leaves[index], index=other, size=count, path=path)
    except InvalidEnvelope:
        found = None
    assert (found == root) == (other == index and path == paths[index])


def test_a_batch_has_a_largest_size() -> None:
    with pytest.raises(InvalidEnvelope):
        root_above(bytes(32), index=0, size=MAX_BATCH_RECORDS + 1, path=b"")
