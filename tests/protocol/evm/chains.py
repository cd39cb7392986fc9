"""Made-up receipts and headers, and a trie built the other way round: one insertion after the other."""

from collections.abc import Sequence

import rlp
from hypothesis import strategies as st

from atlas.protocol.evm.bloom import BLOOM_BYTES
from atlas.protocol.evm.families import ETHEREUM, Family
from atlas.protocol.evm.headers import FIELD_COUNTS, HEADER_FIELDS, Header, decode_header
from atlas.protocol.evm.receipts import FAILED, SUCCEEDED, Receipt, ReceiptLog, logs_bloom
from atlas.protocol.evm.rlp import encode_bytes, encode_integer, encode_list
from atlas.protocol.evm.roots import receipts_root
from atlas.protocol.keccak import keccak256

CHAIN = "eip155:1"

addresses = st.integers(0, 5).map(lambda number: number.to_bytes(20, "big"))
topics = st.integers(0, 5).map(lambda number: number.to_bytes(32, "big"))
logs = st.builds(ReceiptLog, addresses, st.lists(topics, max_size=4).map(tuple), st.binary(max_size=80))


@st.composite
def receipts(draw: st.DrawFn) -> Receipt:
    """A receipt of any of Ethereum's types, its bloom that of its logs."""
    receipt_type = draw(st.integers(0, 4))
    outcomes = [SUCCEEDED, FAILED, b"\x07" * 32] if receipt_type == 0 else [SUCCEEDED, FAILED]
    made = tuple(draw(st.lists(logs, max_size=4)))
    return Receipt(receipt_type, draw(st.sampled_from(outcomes)), draw(st.integers(0, 2**63)), logs_bloom(made), made)


def header_over(
    block: Sequence[Receipt], family: Family = ETHEREUM, *, transactions_root: bytes = bytes(32), fork: str = "Prague"
) -> Header:
    """A header of ``fork`` that commits to these receipts."""
    bloom = logs_bloom(log for receipt in block for log in receipt.logs)
    known = {
        "receipts_root": receipts_root(block, family),
        "transactions_root": transactions_root,
        "logs_bloom": bloom.to_bytes(BLOOM_BYTES, "big"),
    }
    count = {name: count for count, name in FIELD_COUNTS.items()}[fork]
    items: list[bytes] = []
    for name, length in list(HEADER_FIELDS.items())[:count]:
        if length is None:
            items.append(encode_integer(7))
        else:
            items.append(encode_bytes(known.get(name, bytes(max(length, 0)))))
    return decode_header(encode_list(items))


def naive_root(values: Sequence[bytes]) -> bytes:
    """The root by the Yellow Paper's definition (appendix D): maps of suffixes, split digit by digit, and ``rlp``."""
    paths = {encode_integer(index).hex(): value for index, value in enumerate(values)}
    return keccak256(rlp.encode(_structure(paths))) if paths else keccak256(b"\x80")


def _structure(paths: dict[str, bytes]) -> list[object]:
    if len(paths) == 1:
        ((path, value),) = paths.items()
        return [_hex_prefix(path, 2), value]
    digits = {path[0] for path in paths}
    if len(digits) == 1:
        shared = next(iter(paths))
        while not all(path.startswith(shared) for path in paths):
            shared = shared[:-1]
        return [_hex_prefix(shared, 0), _child({path[len(shared) :]: value for path, value in paths.items()})]
    branch = [
        _child({path[1:]: value for path, value in paths.items() if path[0] == digit}) for digit in "0123456789abcdef"
    ]
    return [*branch, b""]


def _child(paths: dict[str, bytes]) -> object:
    if not paths:
        return b""
    node = _structure(paths)
    encoded: bytes = rlp.encode(node)
    return node if len(encoded) < 32 else keccak256(encoded)


def _hex_prefix(path: str, flag: int) -> bytes:
    return bytes.fromhex(f"{flag + 1}{path}" if len(path) % 2 else f"{flag}0{path}")
