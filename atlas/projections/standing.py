"""Small questions that other rooms ask of the views as they stand now."""

import msgspec

from atlas.ledger.database import Database
from atlas.protocol.vocabulary import StakeRole

_STAKED = b"select exists (select from view_supply.stakes where operator = %s and role = %s and balance > 0)"
_CHAINS = b"select chain, head_number, finalized_number from view_chains.chains where valid_to is null order by chain"


class ChainStatus(msgspec.Struct, frozen=True):
    """The newest recorded block of a chain and its newest final one, None while there is none."""

    chain: str
    head: int | None
    finalized: int | None


def is_staked(database: Database, operator: bytes, role: StakeRole) -> bool:
    """Whether ``operator`` (20 bytes) has a stake in ``role`` on any chain (W21). Raises DatabaseUnreachable."""
    with database.connection() as connection:
        return connection.execute(_STAKED, (operator, role.value)).fetchone() == (True,)


def chain_status(database: Database) -> list[ChainStatus]:
    """How far every chain is. Raises DatabaseUnreachable."""
    with database.connection() as connection:
        return [ChainStatus(*row) for row in connection.execute(_CHAINS).fetchall()]
