"""How the indexers of chains fare, for Prometheus."""

from collections.abc import Iterable

import psycopg
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from atlas.indexer.chain.standing import STATES, standings
from atlas.ledger.database import Database
from atlas.ledger.errors import LedgerError


class StandingCollector(Collector):
    """Tells Prometheus how chains stand; from the database, so that any process knows.

    atlas_chain_state{chain,state}      1 for the state that it is in
    atlas_chain_tip, _head, _finalized  heights
    atlas_chain_blocks_left             still to be read
    atlas_chain_blocks_per_second       over the last seconds
    atlas_chain_seconds_left            at this rate; absent when it cannot be told
    atlas_chain_standing_age_seconds    since the indexer said so: it grows when none runs
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: to register must not need the database."""
        return []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges above; none while the database is away."""
        try:
            found = standings(self._database)
        except (LedgerError, psycopg.Error):
            return
        states = GaugeMetricFamily("atlas_chain_state", "1 for the state the indexer is in.", labels=["chain", "state"])
        for one in found:
            for state in STATES:
                states.add_metric([one.chain, state], float(one.state == state))
        yield states
        for name, help_text, values in (
            ("tip", "The last block read.", [one.tip for one in found]),
            ("head", "The endpoint's newest block.", [one.head for one in found]),
            ("finalized", "The newest final block.", [one.finalized for one in found]),
            ("blocks_left", "Blocks still to be read.", [one.blocks_left for one in found]),
            ("blocks_per_second", "Blocks read a second.", [one.blocks_per_s for one in found]),
            ("seconds_left", "Seconds until all is read.", [one.seconds_left for one in found]),
            ("standing_age_seconds", "Since the indexer said so.", [one.age_s for one in found]),
        ):
            gauge = GaugeMetricFamily(f"atlas_chain_{name}", help_text, labels=["chain"])
            for one, value in zip(found, values, strict=True):
                if value is not None:
                    gauge.add_metric([one.chain], value)
            yield gauge
