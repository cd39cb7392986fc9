"""Which block has become final, held against the stored chain: what is recorded as final is on it."""

from atlas.indexer.chain.header import Header
from atlas.indexer.chain.reading import headers_beside
from atlas.indexer.chain.source import Source
from atlas.indexer.chain.state import ChainState
from atlas.indexer.chain.verification.checks import require_same
from atlas.indexer.chain.watching.config import ChainConfig
from atlas.indexer.errors import FinalityUnknown


def newly_final(source: Source, config: ChainConfig, stored: ChainState, head: Header) -> Header | None:
    """The final block that is to be recorded: new, at or below the tip, and not the genesis; None when there is none.

    Far below the head nobody is asked. Raises EndpointError, InconsistentAnswers for a block of another chain.
    """
    oldest, tip = stored.window[0], stored.tip
    if tip.number < head.number - config.window_blocks:
        return None
    header = _final_block(source, config, head)
    recorded = 0 if stored.finalized is None else stored.finalized.number
    if header is None or not recorded < header.number <= tip.number:
        return None
    if header.number >= oldest.number:
        require_same(source.name, header, stored.window[header.number - oldest.number])
    else:  # who has the oldest stored block has the stored chain below it
        require_same(source.name, headers_beside(source, [header.number], oldest)[0], header)
    return header


def _final_block(source: Source, config: ChainConfig, head: Header) -> Header | None:
    """What the node calls final, or what is deep enough where it knows no finality."""
    if config.finality != "depth":
        try:
            return source.finalized(config.finality)
        except FinalityUnknown:
            pass
    number = head.number - config.confirmations
    return source.headers([number])[0] if number > 0 else None
