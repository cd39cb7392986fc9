"""The watched contracts that a fold has met in the log: how it knows which ABI reads a log."""

from collections.abc import Iterable

from atlas.protocol.facts import ChainLog, WatchedContract


class Contracts:
    """Contracts by chain and address, in the order of the log."""

    def __init__(self, contracts: Iterable[WatchedContract] = ()) -> None:
        self._by_address: dict[tuple[str, bytes], WatchedContract] = {}
        for contract in contracts:
            self.add(contract)

    def add(self, contract: WatchedContract) -> None:
        """From here on in the log, this contract's logs are read; what was said of it first stands."""
        self._by_address.setdefault((contract.chain, contract.address), contract)

    def abi_of_log(self, log: ChainLog) -> str | None:
        """The ABI that reads ``log``, None when its contract is not watched at its block."""
        contract = self._by_address.get((log.chain, log.address))
        return None if contract is None or log.block_number < contract.start_block else contract.abi

    def first(self, chain: str, abi: str) -> bytes | None:
        """The address of the first contract on ``chain`` with this ABI."""
        for contract in self._by_address.values():
            if contract.chain == chain and contract.abi == abi:
                return contract.address
        return None
