from collections.abc import Callable
from contextlib import suppress

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol import ids
from atlas.protocol.errors import MalformedId
from atlas.protocol.keccak import keccak256

ADDRESSES = st.binary(min_size=20, max_size=20)
CHAINS = st.integers(1, 10**32 - 1)
TOKENS = st.integers(0, 2**256 - 1)

# EIP-55, section "Test Cases"
CHECKSUMMED = [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0xde709f2102306220921060314715629080e2fb77",
]
ADDRESS = CHECKSUMMED[0]


@pytest.mark.parametrize("text", CHECKSUMMED)
def test_the_addresses_of_eip_55_are_written_as_it_writes_them(text: str) -> None:
    assert ids.checksum_address(ids.parse_address(text)) == text


@given(ADDRESSES)
def test_the_checksum_agrees_with_eth_utils(address: bytes) -> None:
    assert ids.checksum_address(address) == to_checksum_address(address)


@given(ADDRESSES)
def test_an_address_in_one_case_needs_no_checksum(address: bytes) -> None:
    assert ids.parse_address("0x" + address.hex()) == address
    assert ids.parse_address("0x" + address.hex().upper()) == address


@pytest.mark.parametrize("position", range(2, 42))
def test_a_letter_in_the_wrong_case_is_found(position: int) -> None:
    wrong = ADDRESS[:position] + ADDRESS[position].swapcase() + ADDRESS[position + 1 :]
    if wrong == ADDRESS:
        assert ids.parse_address(wrong)
        return
    with pytest.raises(MalformedId, match="checksum"):
        ids.parse_address(wrong)


@pytest.mark.parametrize(
    "text", ["", "0x", ADDRESS[2:], ADDRESS + "0", ADDRESS[:-1], ADDRESS + "\n", "0X" + ADDRESS[2:], " " + ADDRESS]
)
def test_what_is_not_an_address_is_refused(text: str) -> None:
    with pytest.raises(MalformedId):
        ids.parse_address(text)


@given(CHAINS)
def test_a_chain_name_reads_back(number: int) -> None:
    assert ids.parse_chain(ids.chain_name(number)) == number


@pytest.mark.parametrize(
    "text",
    ["", "1", "eip155", "eip155:", "eip155:0", "eip155:01", "eip155:+1", "eip155:1 ", "eip155:1\n", "EIP155:1"],
)
def test_a_chain_has_one_spelling(text: str) -> None:
    with pytest.raises(MalformedId):
        ids.parse_chain(text)
    with pytest.raises(MalformedId):
        ids.parse_account_id(f"{text}:{ADDRESS}")


@pytest.mark.parametrize(
    "text",
    ["eip155:0x1", "eip155:١", "solana:1", "eip155:1:2", "eip155:" + "1" * 33],
)
def test_what_is_no_decimal_chain_number_is_refused(text: str) -> None:
    with pytest.raises(MalformedId):
        ids.parse_chain(text)


@pytest.mark.parametrize("number", [0, -1, 10**32])
def test_a_number_that_no_chain_can_have_has_no_name(number: int) -> None:
    with pytest.raises(MalformedId):
        ids.chain_name(number)


def test_an_account_is_written_with_its_checksum() -> None:
    assert ids.account_id("eip155:1", ids.parse_address(ADDRESS.lower())) == f"eip155:1:{ADDRESS}"


@given(CHAINS, ADDRESSES)
def test_an_account_reads_back(number: int, address: bytes) -> None:
    chain = ids.chain_name(number)
    assert ids.parse_account_id(ids.account_id(chain, address)) == (chain, address)


@pytest.mark.parametrize("text", ["", ADDRESS, f"eip155:{ADDRESS}", f"eip155:1:{ADDRESS}:1", f"eip155:1/{ADDRESS}"])
def test_what_is_not_an_account_is_refused(text: str) -> None:
    with pytest.raises(MalformedId):
        ids.parse_account_id(text)


@given(CHAINS, ADDRESSES, TOKENS)
def test_anyone_can_compute_an_aaid_with_an_abi_encoder(number: int, registry: bytes, token_id: int) -> None:
    expected = keccak256(encode(["uint256", "address", "uint256"], [number, registry, token_id]))
    assert ids.derive_aaid(ids.chain_name(number), registry, token_id) == expected


def test_the_contracts_derive_the_same_aaid() -> None:
    """The vector of contracts/test/libraries/AssetIds.t.sol."""
    registry = ids.parse_address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
    aaid = ids.derive_aaid("eip155:31337", registry, 1)
    assert aaid.hex() == "795f3e80a60304670fd0be61bdaf557730f112756726a2dbb6613750fc782bdd"


@given(st.binary(min_size=32, max_size=32))
def test_an_aaid_reads_back(aaid: bytes) -> None:
    assert ids.parse_aaid(ids.format_aaid(aaid)) == aaid


@pytest.mark.parametrize(
    "text", ["", "aaid:", "aaid:" + "0" * 63, "aaid:" + "A" * 64, "AAID:" + "0" * 64, "0x" + "0" * 64]
)
def test_an_aaid_has_one_spelling(text: str) -> None:
    with pytest.raises(MalformedId):
        ids.parse_aaid(text)


@pytest.mark.parametrize("token_id", [-1, 2**256])
def test_a_token_number_outside_uint256_is_refused(token_id: int) -> None:
    with pytest.raises(MalformedId):
        ids.derive_aaid("eip155:1", bytes(20), token_id)
    with pytest.raises(MalformedId):
        ids.format_locator("eip155:1", bytes(20), token_id)


@pytest.mark.parametrize("length", [0, 19, 21, 32])
def test_bytes_of_another_length_are_no_address(length: int) -> None:
    with pytest.raises(MalformedId):
        ids.checksum_address(bytes(length))
    with pytest.raises(MalformedId):
        ids.derive_aaid("eip155:1", bytes(length), 1)


def test_bytes_of_another_length_are_no_aaid() -> None:
    with pytest.raises(MalformedId):
        ids.format_aaid(bytes(31))


def test_a_locator_says_where_the_token_is() -> None:
    assert ids.format_locator("eip155:1", ids.parse_address(ADDRESS), 7) == f"eip155:1/erc721:{ADDRESS}/7"


@given(CHAINS, ADDRESSES, TOKENS)
def test_a_locator_reads_back(number: int, registry: bytes, token_id: int) -> None:
    chain = ids.chain_name(number)
    assert ids.parse_locator(ids.format_locator(chain, registry, token_id)) == (chain, registry, token_id)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "eip155:1",
        f"eip155:1/erc721:{ADDRESS}",
        f"eip155:1/erc721:{ADDRESS}/",
        f"eip155:1/erc721:{ADDRESS}/07",
        f"eip155:1/erc20:{ADDRESS}/7",
        f"eip155:0/erc721:{ADDRESS}/7",
        f"eip155:1/erc721:{ADDRESS}/{2**256}",
    ],
)
def test_what_is_not_a_locator_is_refused(text: str) -> None:
    with pytest.raises(MalformedId):
        ids.parse_locator(text)


PARSERS: list[Callable[[str], object]] = [
    ids.parse_chain,
    ids.parse_address,
    ids.parse_account_id,
    ids.parse_aaid,
    ids.parse_locator,
]
NEARLY = st.from_regex(r"(eip155:|aaid:|0x)?[0-9a-fA-Fx]*(:|/erc721:)?[0-9a-fA-Fx]*/?[0-9]*", fullmatch=True)


@pytest.mark.parametrize("parse", PARSERS)
@given(text=st.text() | NEARLY)
def test_no_text_raises_anything_else(parse: Callable[[str], object], text: str) -> None:
    with suppress(MalformedId):
        parse(text)
