"""What a finding of infringement reaches: the work, all that derives from it, and the revenue that is at risk (P8)."""

import msgspec

from atlas.protocol.ids import format_aaid
from atlas.rights.errors import InvalidRevenue
from atlas.rights.royalties.accruals import Accrual


class Finding(msgspec.Struct, frozen=True):
    """A work was found to infringe: revenue from position ``since`` on is in question."""

    position: int  # of the ruling: what is known by then counts
    asset: bytes
    since: int


class Marked(msgspec.Struct, frozen=True):
    """A work that the finding reaches, why, and what is at risk there.

    ``received_wei`` came in from ``since`` on; ``accrued_wei`` is what its payees accrued then, royalties of works that
    derive from it included; ``unpaid_wei`` is all that they are still owed, and can be held back.
    """

    asset: bytes
    path: tuple[bytes, ...]  # from the infringing work down to this one, a shortest
    received_wei: int
    accrued_wei: int
    unpaid_wei: int


class Closure(msgspec.Struct, frozen=True):
    """All marked works, the infringing one first, then the nearest."""

    finding: Finding
    marked: tuple[Marked, ...]

    @property
    def at_risk_wei(self) -> int:
        """What the marked works received since; each receipt counts once."""
        return sum(each.received_wei for each in self.marked)


def close(accrual: Accrual, finding: Finding) -> Closure:
    """What a finding reaches. Raises InvalidRevenue for a work that the books do not know, LineageTooLarge."""
    if finding.asset not in accrual.works:
        raise InvalidRevenue(f"{format_aaid(finding.asset)} has no shares", hint="State the work before the finding.")
    paths = {finding.asset: (finding.asset,), **accrual.lineage.descendants(finding.asset, upto=finding.position)}
    received, accrued, unpaid = (dict.fromkeys(paths, 0) for _ in range(3))
    for receipt in accrual.books.receipts:
        if receipt.asset in paths and finding.since <= receipt.position <= finding.position:
            received[receipt.asset] += receipt.amount_wei
    for flow in accrual.flows(upto=finding.position):
        if flow.asset in paths:
            accrued[flow.asset] += flow.amount_wei if flow.position >= finding.since else 0
            unpaid[flow.asset] += flow.amount_wei
    for payment in accrual.books.payments:
        if payment.asset in paths and payment.position <= finding.position:
            unpaid[payment.asset] -= payment.amount_wei
    marked = (Marked(asset, path, received[asset], accrued[asset], unpaid[asset]) for asset, path in paths.items())
    return Closure(finding, tuple(marked))
