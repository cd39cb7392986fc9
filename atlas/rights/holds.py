"""What a dispute does to revenue (P8): while it is pending over a work, what accrues from it or to it is held.

The same facts leave decisions on the work open (``decisions.decide``). A dispute over one licence leaves that
licence open, and holds nothing: receipts are of works.
"""

from collections.abc import Iterable

from atlas.rights.decisions.state import Dispute
from atlas.rights.royalties.revenue import Hold


def holds_of(disputes: Iterable[Dispute]) -> tuple[Hold, ...]:
    """A hold for each dispute over a whole work: from its position until the one at which its end was known."""
    return tuple(
        Hold(dispute.position, dispute.ended_position, dispute.asset)
        for dispute in sorted(disputes, key=lambda each: (each.asset, each.position))
        if dispute.grant is None and (dispute.ended_at is None or dispute.ended_position is not None)
    )
