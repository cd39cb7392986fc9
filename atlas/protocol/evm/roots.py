"""Receipts against the header of their block: all of them, in order, and nothing else. Pure."""

from collections.abc import Sequence

from atlas.protocol.evm.errors import ReceiptsDisagree
from atlas.protocol.evm.families import ETHEREUM, Family
from atlas.protocol.evm.headers import Header
from atlas.protocol.evm.receipts import Receipt, encode_receipt, logs_bloom
from atlas.protocol.evm.trie import list_root


def receipts_root(receipts: Sequence[Receipt], family: Family = ETHEREUM) -> bytes:
    """The root over ``receipts`` in the block's order. Raises UnknownReceiptType, MalformedReceipt."""
    return list_root([encode_receipt(receipt, family) for receipt in receipts])


def require_receipts(header: Header, receipts: Sequence[Receipt], family: Family = ETHEREUM) -> None:
    """``receipts`` are exactly those that ``header`` commits to, and its bloom is made of their logs.

    Raises ReceiptsDisagree, UnknownReceiptType, MalformedReceipt, MalformedHeader.
    """
    block_bloom = 0
    for index, receipt in enumerate(receipts):
        bloom = logs_bloom(receipt.logs)
        if bloom != receipt.logs_bloom:
            raise ReceiptsDisagree(f"the logs bloom of receipt {index} of block {header.number} is not of its logs")
        block_bloom |= bloom
    root, expected = receipts_root(receipts, family), header.receipts_root
    if root != expected:
        raise ReceiptsDisagree(
            f"the {len(receipts)} receipts of block {header.number} have the root 0x{root.hex()}, "
            f"but its header 0x{header.hash.hex()} commits to 0x{expected.hex()}",
            hint="Logs were changed, added or left out; or this chain is of another family than it is taken for.",
        )
    if block_bloom != header.logs_bloom:
        raise ReceiptsDisagree(
            f"the logs bloom of block {header.number} is not of its receipts' logs, though their root matches",
            hint="No client makes such a block: its header was made up.",
        )
