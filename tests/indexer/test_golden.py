"""A small benchmark chain through reorganisations of every depth, at its expected balances."""

from atlas.indexer.chain.schema import MIGRATIONS
from atlas.ledger import schema
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.migrations import migrate
from tests.anvil import Anvil
from tests.indexer.chain.workbench import Workbench
from tests.indexer.golden import DEPTHS, OPTIONS, GoldenChain, play


def test_balances_are_those_of_the_final_chain_after_reorganisations(database_url: str) -> None:
    with Database(database_url) as database, Anvil(*OPTIONS) as anvil:
        migrate(database, [*schema.MIGRATIONS, *MIGRATIONS])
        chain = GoldenChain(anvil, 5, 50)
        with Workbench(anvil, Ledger(database), database, emitter=chain.contract) as bench:
            play(bench, chain, blocks=110, events=5, pool=50, depths=DEPTHS)
