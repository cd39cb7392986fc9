"""The catalog of the API: every GraphQL type over the views, and every root field that SQL answers."""

from collections.abc import Mapping

from atlas.graphql.catalog.assets import ASSET_ENTITIES, ASSET_ROOTS
from atlas.graphql.catalog.chains import CHAIN_ENTITIES, CHAIN_ROOTS
from atlas.graphql.catalog.events import EVENT_ENTITIES, EVENT_ROOTS
from atlas.graphql.catalog.ledger import LEDGER_ENTITIES, LEDGER_ROOTS
from atlas.graphql.catalog.licensing import LICENSING_ENTITIES, LICENSING_ROOTS
from atlas.graphql.catalog.records import RECORD_ENTITIES, RECORD_ROOTS
from atlas.graphql.catalog.revenue import REVENUE_ENTITIES, REVENUE_ROOTS
from atlas.graphql.catalog.rights import RIGHTS_ENTITIES, RIGHTS_ROOTS
from atlas.graphql.catalog.supply import SUPPLY_ENTITIES, SUPPLY_ROOTS
from atlas.graphql.entities import Entity, Root

ENTITIES: Mapping[str, Entity] = {
    entity.name: entity
    for entity in (
        *ASSET_ENTITIES,
        *RECORD_ENTITIES,
        *LICENSING_ENTITIES,
        *RIGHTS_ENTITIES,
        *REVENUE_ENTITIES,
        *SUPPLY_ENTITIES,
        *CHAIN_ENTITIES,
        *EVENT_ENTITIES,
        *LEDGER_ENTITIES,
    )
}
ROOTS: Mapping[str, Root] = {
    root.graphql_name: root
    for root in (
        *ASSET_ROOTS,
        *RECORD_ROOTS,
        *LICENSING_ROOTS,
        *RIGHTS_ROOTS,
        *REVENUE_ROOTS,
        *SUPPLY_ROOTS,
        *CHAIN_ROOTS,
        *EVENT_ROOTS,
        *LEDGER_ROOTS,
    )
}
