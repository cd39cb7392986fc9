"""How one chain is indexed."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from atlas.indexer.chain.watching.rules import ADDRESS_BYTES, MAX_PLACES, Contract, Factory, Rule, subject
from atlas.indexer.errors import InvalidChainConfig
from atlas.protocol.ids import checksum_address, parse_chain
from atlas.protocol.outside import OutsideAbi


class ChainConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How one chain is indexed. Raises InvalidChainConfig for settings that cannot work.

    ``contracts``             what is indexed, see ``rules``
    ``find_start``            keys of those whose start is the block that created their contract, found by asking
    ``abis``                  the ABIs that are recorded in the log, those that rules name by their hash
    ``finality``              the tag that names final blocks; ``depth`` asks for none
    ``confirmations``         a block this deep counts as final where the node does not know the tag
    ``window_blocks``         how deep a reorganisation is followed without asking; more than the distance to finality
    ``deep_reorg``            what to do about a deeper one: ``wait`` for the operator, or ``follow`` it by itself, as
                              long as nothing finalized is contradicted and no other endpoint has the stored chain
    ``max_range_blocks``      how many blocks one request for logs spans at most
    ``prefetch_ranges``       how many ranges are fetched ahead while the one before is committed
    ``verify``                ``bloom``: in history below the window too, fetch and link every header and hold each
                              empty answer against its bloom; ``off``: there only headers of blocks with logs are
                              fetched; ``receipts``: as ``bloom``, and every indexed block against its receipts
    """

    chain: str  # CAIP-2
    rpc_url: str
    contracts: tuple[Rule, ...]
    find_start: frozenset[bytes] = frozenset()
    abis: tuple[OutsideAbi, ...] = ()
    finality: Literal["finalized", "safe", "depth"] = "finalized"
    confirmations: int = 64
    poll_interval_s: float = 1.0
    max_range_blocks: int = 500
    prefetch_ranges: int = 1
    window_blocks: int = 256
    deep_reorg: Literal["wait", "follow"] = "wait"
    verify: Literal["off", "bloom", "receipts"] = "bloom"

    def __post_init__(self) -> None:
        parse_chain(self.chain)
        self._require(self.rpc_url.startswith(("http://", "https://")), "an endpoint is an http:// or https:// URL")
        self._require(bool(self.contracts), "there is no contract to watch")
        self._require(self.confirmations >= 0, "confirmations must not be negative")
        self._require(self.poll_interval_s > 0, "the poll interval must be positive")
        self._require(self.max_range_blocks >= 1, "max_range_blocks must be at least 1")
        self._require(self.prefetch_ranges >= 0, "prefetch_ranges must not be negative")
        self._require(self.window_blocks >= 1, "window_blocks must be at least 1")
        for rule in self.contracts:
            self._require_rule(rule)
        self._require(len({rule.key for rule in self.contracts}) == len(self.contracts), "an address is listed twice")
        conflict = first_conflict(self.contracts)
        self._require(conflict is None, conflict or "")

    def _require_rule(self, rule: Rule) -> None:
        self._require(rule.start_block >= 0, f"the start block of {rule.abi} is negative")
        if isinstance(rule, (Contract, Factory)):
            self._require(len(rule.address) == ADDRESS_BYTES, f"the address of {rule.abi} is not 20 bytes")
        else:
            ascending = list(rule.topics) == sorted(set(rule.topics))
            self._require(bool(rule.topics) and ascending, f"the topics of {rule.abi} are none, or not in order")
        if isinstance(rule, Factory):
            self._require(0 <= rule.place < MAX_PLACES, f"the child of {rule.abi} is in no place that a log has")

    def _require(self, holds: bool, message: str) -> None:
        if not holds:
            raise InvalidChainConfig(f"{self.chain}: {message}", hint="Correct the settings of this chain.")


def first_conflict(rules: Iterable[Rule]) -> str | None:
    """What two rules say differently about one address; None when they agree."""
    said: dict[bytes, Contract] = {}
    for rule in rules:
        contract = subject(rule)
        if isinstance(contract, Contract) and said.setdefault(contract.address, contract) != contract:
            return (
                f"{checksum_address(contract.address)} is {contract.abi} from block {contract.start_block} "
                f"and {said[contract.address].abi} from block {said[contract.address].start_block}"
            )
    return None
