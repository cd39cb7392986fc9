"""What the rights engine refuses.

AtlasError
└── RightsError           a value that no rule applies to
    ├── InvalidAmount     a negative amount, or a rate outside 0 to 10,000 basis points
    ├── InvalidShares     shares that do not make a whole
    │   └── SharesOverWhole   royalties of more than the whole revenue
    ├── InvalidLineage    a derivation that cannot be: repeated, of itself, or without its work
    │   ├── CyclicLineage     works that derive from each other; the cycle is named
    │   └── LineageTooLarge   more parents, ancestors or depth than the bounds allow
    ├── InvalidRevenue    receipts, payments, rules or holds that contradict each other
    │   └── CurrencyMismatch  an amount in another currency than the statement's
    ├── UnknownRule       a rule, or a version of one, that this program does not know
    ├── StatementMismatch a statement that is not what its inputs give (exit code 1)
    ├── InvalidDecision   a decision about rights that makes no sense; the field is named
    │   ├── NotEntitled       ... that is for somebody else to take
    │   └── OutOfTurn         ... that the matter does not stand for
    ├── InvalidUse        a use, or a plan of uses, that is not stated in the engine's vocabulary
    │   └── PlanTooLarge      a plan that falls into more needs than are decided at once
    ├── InvalidFacts      facts for a decision that are malformed or contradict each other
    ├── InvalidPolicy     bytes that are not an ODRL policy as it is read here
    │   └── UnsupportedPolicy a policy that says more than license terms can (exit code 1)
    └── InvalidTerms      bytes that are not a license terms document
        └── TermsMismatch     a document that is not the one its hash promised
"""

from typing import ClassVar

from atlas.protocol.errors import AtlasError


class RightsError(AtlasError):
    """A value that no rule applies to."""

    exit_code: ClassVar[int] = 4


class InvalidAmount(RightsError):
    """A negative amount, or a rate outside 0 to 10,000 basis points."""


class InvalidShares(RightsError):
    """Shares that do not make a whole."""


class SharesOverWhole(InvalidShares):
    """Royalties of more than the whole revenue of a work."""


class InvalidLineage(RightsError):
    """A derivation that cannot be: repeated, of itself, or without its work."""


class CyclicLineage(InvalidLineage):
    """Works that derive from each other; ``cycle`` is each from its successor, and the first again."""

    def __init__(self, message: str, cycle: tuple[bytes, ...]) -> None:
        super().__init__(message, hint="A work derives from works that were there before it.")
        self.cycle = cycle


class LineageTooLarge(InvalidLineage):
    """More parents, ancestors or generations than the bounds allow."""


class InvalidRevenue(RightsError):
    """Receipts, payments, rules or holds that are malformed or contradict each other."""


class CurrencyMismatch(InvalidRevenue):
    """An amount in another currency than the one that is accounted in."""


class UnknownRule(RightsError):
    """A rule, or a version of one, that this program does not know."""


class StatementMismatch(RightsError):
    """A statement, or a line of one, that is not what its inputs or its root give."""

    exit_code: ClassVar[int] = 1


class InvalidDecision(RightsError):
    """A decision about rights that makes no sense; the message begins with the field."""


class NotEntitled(InvalidDecision):
    """A decision that is for somebody else to take."""


class OutOfTurn(InvalidDecision):
    """A decision that the matter does not stand for: it has not begun, is at another stage, or is over."""


class InvalidUse(RightsError):
    """A use, or a plan of uses, that is not stated in the engine's vocabulary."""


class PlanTooLarge(InvalidUse):
    """A plan that falls into more needs, each to be held against every offer, than are decided at once."""


class InvalidFacts(RightsError):
    """Facts for a decision that are malformed or contradict each other."""


class InvalidPolicy(RightsError):
    """Bytes that are not an ODRL policy, request or state of the world in JSON-LD; the JSON path is named."""


class UnsupportedPolicy(InvalidPolicy):
    """A policy with a constraint, a prohibition or a duty that license terms cannot express."""

    exit_code: ClassVar[int] = 1


class InvalidTerms(RightsError):
    """Bytes that are not a license terms document in canonical form."""


class TermsMismatch(InvalidTerms):
    """A document whose hash is not the one that the offer or grant recorded on chain."""
