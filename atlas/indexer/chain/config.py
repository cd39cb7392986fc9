"""What to index: one chain, one endpoint, a fixed list of contracts."""

import msgspec

from atlas.indexer.errors import InvalidChainConfig
from atlas.protocol.ids import parse_chain

ADDRESS_BYTES = 20


class Contract(msgspec.Struct, frozen=True):
    """Logs of ``address`` (20 bytes) are recorded from ``start_block`` on; readers use the ABI called ``abi``."""

    abi: str
    address: bytes
    start_block: int


class ChainConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How one chain is indexed. Raises InvalidChainConfig for settings that cannot work.

    ``confirmations``         a block this deep counts as final where the node knows no ``finalized`` tag
    ``window_blocks``         how deep a reorganisation can be followed; more than the chain's distance to finality
    ``max_range_blocks``      how many blocks one request for logs spans at most
    ``verify_every_header``   in history below the window too, fetch and link every header and hold each empty
                              answer against its bloom; without, only headers of blocks with logs are fetched
    """

    chain: str  # CAIP-2
    rpc_url: str
    contracts: tuple[Contract, ...]
    confirmations: int = 64
    poll_interval_s: float = 1.0
    max_range_blocks: int = 500
    window_blocks: int = 256
    verify_every_header: bool = True

    def __post_init__(self) -> None:
        parse_chain(self.chain)
        self._require(self.rpc_url.startswith(("http://", "https://")), "an endpoint is an http:// or https:// URL")
        self._require(bool(self.contracts), "there is no contract to watch")
        self._require(self.confirmations >= 0, "confirmations must not be negative")
        self._require(self.poll_interval_s > 0, "the poll interval must be positive")
        self._require(self.max_range_blocks >= 1, "max_range_blocks must be at least 1")
        self._require(self.window_blocks >= 1, "window_blocks must be at least 1")
        for contract in self.contracts:
            self._require(len(contract.address) == ADDRESS_BYTES, f"the address of {contract.abi} is not 20 bytes")
            self._require(contract.start_block >= 0, f"the start block of {contract.abi} is negative")
        addresses = {contract.address for contract in self.contracts}
        self._require(len(addresses) == len(self.contracts), "an address is listed twice")

    def _require(self, holds: bool, message: str) -> None:
        if not holds:
            raise InvalidChainConfig(f"{self.chain}: {message}", hint="Correct the settings of this chain.")
