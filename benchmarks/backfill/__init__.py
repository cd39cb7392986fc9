"""Historical sync of a deterministic chain: what is mined, a bare script that syncs it, and the indexer that does.

mining    the chain, on a fresh anvil: the same blocks every time
bare      the physical limit's stand-in: fetch, slice, COPY; no log, no proofs, no reorganisations, no history
indexed   the indexer and a view of two tables, in a process of its own
"""
