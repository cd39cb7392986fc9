"""The port to a chain: what the indexer asks, and what it can rely on in the answers.

An adapter verifies what one answer can prove: headers hash to their hash, logs have the form of logs.
Whether answers fit together is decided above it, in ``checks`` and ``forkchoice``.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from atlas.indexer.chain.header import Header


class Log(msgspec.Struct, frozen=True, gc=False):
    """A log as an endpoint gave it: 20-byte address, 32-byte hashes and topics."""

    block_number: int
    block_hash: bytes
    tx_hash: bytes
    tx_index: int
    log_index: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


class Source(Protocol):
    """Answers about one chain. Every method raises EndpointError."""

    @property
    def name(self) -> str:
        """The endpoint, fit for logs."""
        ...

    def chain_number(self) -> int:
        """The EIP-155 number of the chain that is served."""
        ...

    def code_size(self, address: bytes) -> int:
        """How many bytes of code ``address`` has at the head."""
        ...

    def head(self) -> Header:
        """The newest block."""
        ...

    def finalized(self) -> Header | None:
        """The newest final block, None when there is none yet; FinalityUnknown where there is no such tag."""
        ...

    def headers(self, numbers: Sequence[int]) -> list[Header]:
        """Canonical headers by number, in that order; InconsistentAnswers when one is not there."""
        ...

    def header(self, block_hash: bytes) -> Header | None:
        """The header with this hash, canonical or not; None when the endpoint does not have it."""
        ...

    def logs_in_range(self, first: int, last: int, addresses: Sequence[bytes]) -> list[Log]:
        """Logs of ``addresses`` in canonical blocks ``first`` to ``last``, both included."""
        ...

    def logs_of_blocks(self, hashes: Sequence[bytes], addresses: Sequence[bytes]) -> list[list[Log]]:
        """Logs of ``addresses`` in each block, by its hash; InconsistentAnswers when a block is not there."""
        ...
