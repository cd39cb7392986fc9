from Crypto.Hash import keccak as pycryptodome
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.keccak import keccak256


def test_the_empty_input_has_ethereums_well_known_digest() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@given(st.binary(max_size=500))
def test_another_implementation_agrees(data: bytes) -> None:
    assert keccak256(data) == pycryptodome.new(digest_bits=256, data=data).digest()
