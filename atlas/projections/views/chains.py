"""View ``chains``: how far each chain is seen and final, and which contracts are read on it.

The head is the highest canonical block whose header is recorded: it falls back when its block is orphaned.
"""

from atlas.projections.fold import Fold
from atlas.projections.reading.facts import Header
from atlas.projections.tables.declarations import EntityTable, Value, bigint, binary, optional, text, time
from atlas.projections.view import View
from atlas.projections.views.values import moment
from atlas.protocol.facts import ChainFinalized, ChainReorged, WatchedContract

CHAINS = EntityTable(
    "chains",
    key=(text("chain"),),
    values=(
        bigint("head_number"),
        binary("head_hash"),
        optional(time("head_time")),  # null where a block is known as finalized and its header is not recorded
        optional(bigint("finalized_number")),
        optional(binary("finalized_hash")),
    ),
)
CONTRACTS = EntityTable(
    "contracts",
    key=(text("chain"), binary("address")),
    values=(text("abi"), bigint("start_block")),
)


def contract_watched(contract: WatchedContract, fold: Fold) -> None:
    """From here on, logs of this contract are read."""
    fold.put(CONTRACTS, contract.chain, contract.address, abi=contract.abi, start_block=contract.start_block)


def header_recorded(header: Header, fold: Fold) -> None:
    """A block is on the chain; the highest one is the head."""
    head = {"head_number": header.number, "head_hash": header.hash, "head_time": moment(header.time)}
    chain = fold.get(CHAINS, header.chain)
    if chain is None:
        fold.put(CHAINS, header.chain, **head, finalized_number=None, finalized_hash=None)
    elif header.number >= chain["head_number"]:
        fold.update(CHAINS, header.chain, **head)


def block_finalized(finalized: ChainFinalized, fold: Fold) -> None:
    """Blocks up to this one are final; the head cannot be below it."""
    block = finalized.block
    finality = {"finalized_number": block.number, "finalized_hash": block.hash}
    chain = fold.get(CHAINS, finalized.chain)
    if chain is None or block.number > chain["head_number"]:
        fold.put(CHAINS, finalized.chain, head_number=block.number, head_hash=block.hash, head_time=None, **finality)
    else:
        fold.update(CHAINS, finalized.chain, **finality)


def fork_chosen(reorged: ChainReorged, fold: Fold) -> None:
    """Above the fork nothing is final any longer: that is left only where the operator said so."""
    chain, ancestor = fold.get(CHAINS, reorged.chain), reorged.ancestor
    if chain is None:
        return
    changes: dict[str, Value] = {}
    if chain["finalized_number"] is not None and chain["finalized_number"] > ancestor.number:
        changes |= {"finalized_number": None, "finalized_hash": None}
    if chain["head_time"] is None and chain["head_hash"] in {block.hash for block in reorged.orphaned}:
        # It was the head only because it was final; a head whose header counts is no orphan, or has returned.
        changes |= {"head_number": ancestor.number, "head_hash": ancestor.hash, "head_time": None}
    if changes:
        fold.update(CHAINS, reorged.chain, **changes)


CHAINS_VIEW = View(
    name="chains",
    version=2,
    tables=(CHAINS, CONTRACTS),
    handlers={
        WatchedContract: contract_watched,
        Header: header_recorded,
        ChainFinalized: block_finalized,
        ChainReorged: fork_chosen,
    },
)
