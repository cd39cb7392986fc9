"""Where a contract begins, found by its code."""

from atlas.indexer.chain.source import Source
from atlas.indexer.errors import NoContractCode
from atlas.protocol.ids import checksum_address


def creation_block(source: Source, address: bytes, head: int) -> int:
    """The first block, up to ``head``, after which ``address`` has code: a binary search, about log2(head) requests.

    A contract that destroyed itself and came back is found at one of its beginnings. Raises NoContractCode,
    StateUnavailable when a pruned node is asked about a block that is too old, EndpointError.
    """
    if source.code_size(address, head) == 0:
        raise NoContractCode(
            f"{checksum_address(address)} has no code at block {head} of {source.name}",
            hint="Is the address right, is the contract deployed, and is the node synchronised?",
        )
    low, high = 0, head
    while low < high:
        middle = (low + high) // 2
        if source.code_size(address, middle) == 0:
            low = middle + 1
        else:
            high = middle
    return low
