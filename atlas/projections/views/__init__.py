"""The views, one module each: their tables, and beside them the handlers that fill them."""

from collections.abc import Mapping

from atlas.projections.view import View
from atlas.projections.views.chains import CHAINS_VIEW
from atlas.projections.views.events import EVENTS_VIEW
from atlas.projections.views.licensing import LICENSING
from atlas.projections.views.provenance import PROVENANCE
from atlas.projections.views.revenue import REVENUE
from atlas.projections.views.supply import SUPPLY

VIEWS: Mapping[str, View] = {
    view.name: view for view in (CHAINS_VIEW, PROVENANCE, LICENSING, REVENUE, SUPPLY, EVENTS_VIEW)
}
"""Every view of this program, by name."""
