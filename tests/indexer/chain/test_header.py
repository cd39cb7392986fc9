"""Headers: the RLP that is hashed, on recorded blocks of every fork and on a fresh node's."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.chain.header import HeaderAnswer, verified_header
from atlas.indexer.errors import LyingEndpoint, MalformedResponse
from atlas.protocol.keccak import keccak256
from tests.anvil import Anvil

DATA = Path(os.environ.get("ATLAS_CONFORMANCE_DATA", Path(__file__).parents[4] / "shared" / "data"))
RECORDED = DATA / "execution-apis" / "tests"

needs_recorded = pytest.mark.skipif(
    not RECORDED.is_dir(), reason=f"no recorded blocks at {RECORDED}: set ATLAS_CONFORMANCE_DATA"
)

# A header of the Cancun fork, with all fields up to parentBeaconBlockRoot.
EXAMPLE: dict[str, str] = {
    "parentHash": "0x" + "11" * 32,
    "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    "miner": "0x" + "22" * 20,
    "stateRoot": "0x" + "33" * 32,
    "transactionsRoot": "0x" + "44" * 32,
    "receiptsRoot": "0x" + "55" * 32,
    "logsBloom": "0x" + "00" * 256,
    "difficulty": "0x0",
    "number": "0x10",
    "gasLimit": "0x1c9c380",
    "gasUsed": "0x0",
    "timestamp": "0x6553f100",
    "extraData": "0x",
    "mixHash": "0x" + "66" * 32,
    "nonce": "0x0000000000000000",
    "baseFeePerGas": "0x7",
    "withdrawalsRoot": "0x" + "77" * 32,
    "blobGasUsed": "0x0",
    "excessBlobGas": "0x0",
    "parentBeaconBlockRoot": "0x" + "88" * 32,
}


QUANTITIES = frozenset(
    ["difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas"]
)


def answer(fields: dict[str, Any]) -> HeaderAnswer:
    """The answer with these fields."""
    return msgspec.convert(fields, HeaderAnswer)


def hashed(fields: dict[str, str]) -> dict[str, str]:
    """The fields with their true hash, encoded by hand."""

    def item(name: str, text: str) -> bytes:
        is_quantity = name in QUANTITIES
        value = bytes.fromhex(text[2:] if len(text) % 2 == 0 else "0" + text[2:])
        return value.lstrip(b"\x00") if is_quantity else value

    encoded: bytes = rlp.encode([item(name, text) for name, text in fields.items()])
    return {**fields, "hash": "0x" + keccak256(encoded).hex()}


def recorded_answers() -> list[dict[str, Any]]:
    """The blocks in every recorded exchange."""
    lines = [line for file in sorted(RECORDED.glob("eth_getBlockBy*/*.io")) for line in file.read_text().splitlines()]
    results = [json.loads(line[3:]).get("result") for line in lines if line.startswith("<< ")]
    return [result for result in results if result]


@needs_recorded
def test_recorded_headers_of_every_fork_hash_to_their_hash() -> None:
    answers = recorded_answers()
    assert len(answers) >= 10
    for fields in answers:
        header = verified_header(answer(fields))
        assert header.hash.hex() == fields["hash"][2:]
        assert header.number == int(fields["number"], 16)
        assert header.time_s == int(fields["timestamp"], 16)


@needs_recorded
def test_the_rlp_is_the_one_that_a_node_gives_as_raw_header() -> None:
    raw: dict[int, bytes] = {}
    for file in RECORDED.glob("debug_getRawHeader/*.io"):
        lines = file.read_text().splitlines()
        result = json.loads(lines[-1][3:]).get("result")
        if result:
            raw[int(json.loads(lines[-2][3:])["params"][0], 16)] = bytes.fromhex(result[2:])
    headers = {header.number: header for header in (verified_header(answer(fields)) for fields in recorded_answers())}
    common = raw.keys() & headers.keys()
    assert common
    for number in common:
        assert headers[number].rlp == raw[number]


def test_headers_of_a_fresh_node_hash_to_their_hash(anvil: Anvil) -> None:
    anvil.deploy()
    for number in range(anvil.head() + 1):
        verified_header(answer(anvil.rpc("eth_getBlockByNumber", hex(number), False)))


def test_optional_fields_may_end_at_any_fork() -> None:
    names = list(EXAMPLE)
    for end in range(names.index("nonce") + 1, len(names) + 1):
        verified_header(answer(hashed({name: EXAMPLE[name] for name in names[:end]})))


@given(
    field=st.sampled_from(sorted(EXAMPLE)), digit=st.integers(0, 1_000), replacement=st.sampled_from("0123456789abcdef")
)
def test_any_changed_digit_is_found(field: str, digit: int, replacement: str) -> None:
    fields = hashed(EXAMPLE)
    text = fields[field]
    if len(text) == 2:
        return
    place = 2 + digit % (len(text) - 2)
    changed = text[:place] + replacement + text[place + 1 :]
    if changed == text:
        verified_header(answer(fields))
    else:
        with pytest.raises(LyingEndpoint, match="hashes to"):
            verified_header(answer({**fields, field: changed}))


@pytest.mark.parametrize(
    ("field", "text"),
    [("parentHash", "0x00"), ("miner", "0x"), ("number", "sixteen"), ("logsBloom", "0x00"), ("hash", "0x12")],
)
def test_fields_out_of_form_are_refused_by_name(field: str, text: str) -> None:
    with pytest.raises(MalformedResponse):
        verified_header(answer({**hashed(EXAMPLE), field: text}))
