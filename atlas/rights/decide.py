"""May this account use this asset, here, in this medium, at this moment? An answer with its reasons.

    PERMIT         the account owns the asset, or a grant satisfies every constraint
    DENY           no grant does, and each one violates a constraint that is named
    UNDETERMINED   no grant permits, and at least one could: its terms are not known, or contradict its grant

The answer depends on its arguments alone. Grants are given as of some ledger position, and a finding
names its grant's position, so that anyone can look up the fact and decide again. What a licence of
one kind may be used for is not inferred: a use that names a kind (W3) counts only grants of it.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeVar

import msgspec

from atlas.protocol.ids import AAID_BYTES, ADDRESS_BYTES, format_aaid
from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.errors import InvalidUse
from atlas.rights.terms import ANY, Medium, Terms, is_channel
from atlas.rights.territories import TERRITORIES

Value = TypeVar("Value")


class Outcome(StrEnum):
    """The answer to a use."""

    PERMIT = "permit"
    DENY = "deny"
    UNDETERMINED = "undetermined"


class State(StrEnum):
    """How one constraint stands."""

    SATISFIED = "satisfied"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


class Use(msgspec.Struct, frozen=True):
    """A use to decide on; ``*`` as territory or channel is everywhere, None as kind or channel asks for nothing."""

    asset: bytes  # AAID
    account: bytes  # address
    territory: str  # ISO 3166-1 alpha-2
    media: str  # a Medium
    at: int  # seconds since 1970
    kind: LicenseKind | None = None
    channel: str | None = None


class Grant(msgspec.Struct, frozen=True):
    """A granted licence, as a fold of the ledger knows it."""

    position: int  # of the fact that granted it
    license_id: int
    asset: bytes
    licensee: bytes
    kind: LicenseKind
    terms: Terms | None  # None when only their hash is known
    starts_at: int  # seconds since 1970
    expires_at: int | None  # None is perpetual
    revoked_at: int | None


class Constraint(msgspec.Struct, frozen=True):
    """One condition: what it wanted, what it saw."""

    name: str
    wanted: str
    seen: str
    state: State


class GrantFinding(msgspec.Struct, frozen=True):
    """What became of one grant, constraint by constraint."""

    position: int
    license_id: int
    outcome: Outcome
    constraints: tuple[Constraint, ...]


class Decision(msgspec.Struct, frozen=True):
    """The answer and the tree of its reasons."""

    outcome: Outcome
    owner: Constraint
    grants: tuple[GrantFinding, ...]

    @property
    def permitted_by(self) -> tuple[int, ...]:
        """The ledger positions of the grants that permit the use; empty for the owner, who needs none."""
        return tuple(finding.position for finding in self.grants if finding.outcome is Outcome.PERMIT)


def decide(use: Use, grants: Sequence[Grant], owner: bytes) -> Decision:
    """Whether ``use`` is permitted, given the grants on record and who owned the asset at ``use.at``.

    Raises InvalidUse.
    """
    _check(use)
    ownership = _compare("owner", owner, use.account, _address)
    findings = tuple(_judge(use, grant) for grant in grants)
    outcomes = {finding.outcome for finding in findings}
    if ownership.state is State.SATISFIED or Outcome.PERMIT in outcomes:
        outcome = Outcome.PERMIT
    else:
        outcome = Outcome.UNDETERMINED if Outcome.UNDETERMINED in outcomes else Outcome.DENY
    return Decision(outcome, ownership, findings)


def explain(decision: Decision) -> tuple[str, ...]:
    """The decision as lines of text: the outcome, then each grant and what it wanted, indented."""
    lines = [decision.outcome.value, f"  {_describe(decision.owner)}"]
    for finding in decision.grants:
        lines.append(f"  license {finding.license_id}, position {finding.position}: {finding.outcome.value}")
        lines.extend(f"    {_describe(constraint)}" for constraint in finding.constraints)
    return tuple(lines)


def _describe(constraint: Constraint) -> str:
    return f"{constraint.name} {constraint.state.value}: wanted {constraint.wanted}, saw {constraint.seen}"


def _check(use: Use) -> None:
    lengths = len(use.asset), len(use.account)
    if lengths != (AAID_BYTES, ADDRESS_BYTES):
        raise InvalidUse(
            f"an AAID and an address have {AAID_BYTES} and {ADDRESS_BYTES} bytes, got {lengths[0]} and {lengths[1]}",
            hint="Pass the raw bytes, not text.",
        )
    if use.territory != ANY and use.territory not in TERRITORIES:
        raise InvalidUse(
            f"{use.territory!r} is not an ISO 3166-1 alpha-2 code", hint="Write it like DE, or * for everywhere."
        )
    if use.media not in frozenset(Medium):
        raise InvalidUse(f"{use.media!r} is not a medium", hint=f"Media are {', '.join(Medium)}.")
    if use.channel not in (None, ANY) and not is_channel(use.channel or ""):
        raise InvalidUse(f"{use.channel!r} is not a channel's name", hint="Write it like festival-screening.")


def _judge(use: Use, grant: Grant) -> GrantFinding:
    constraints = (*_identity(use, grant), *_period(use, grant), *_scope(use, grant))
    states = {constraint.state for constraint in constraints}
    if State.VIOLATED in states:
        outcome = Outcome.DENY
    else:
        outcome = Outcome.UNDETERMINED if State.UNKNOWN in states else Outcome.PERMIT
    return GrantFinding(grant.position, grant.license_id, outcome, constraints)


def _identity(use: Use, grant: Grant) -> tuple[Constraint, ...]:
    """The grant is about this asset, for this account and, when the use names one, of this kind."""
    asset = _compare("asset", use.asset, grant.asset, format_aaid)
    licensee = _compare("licensee", use.account, grant.licensee, _address)
    if use.kind is None:
        return asset, licensee
    return asset, licensee, _compare("kind", use.kind, grant.kind, str)


def _period(use: Use, grant: Grant) -> tuple[Constraint, ...]:
    """In force from its start until before its expiry and its revocation."""
    at = f"at {use.at}"
    started = Constraint("starts_at", f"from {grant.starts_at}", at, _state(use.at >= grant.starts_at))
    return started, *(
        Constraint(name, "never" if end is None else f"before {end}", at, _state(end is None or use.at < end))
        for name, end in (("expires_at", grant.expires_at), ("revoked_at", grant.revoked_at))
    )


def _scope(use: Use, grant: Grant) -> tuple[Constraint, ...]:
    """The terms cover what the use names, and are those of the grant's own kind."""
    wanted = [("territory", use.territory), ("media", use.media)]
    if use.channel is not None:
        wanted.append(("channel", use.channel))
    if grant.terms is None:
        return tuple(Constraint(name, value, "terms not known", State.UNKNOWN) for name, value in wanted)
    licensed = {"territory": grant.terms.territories, "media": grant.terms.media, "channel": grant.terms.channels}
    covered = tuple(
        Constraint(name, value, ",".join(licensed[name]), _state(bool({value, ANY} & set(licensed[name]))))
        for name, value in wanted
    )
    agrees = grant.terms.kind is grant.kind
    kind = Constraint("terms_kind", grant.kind, grant.terms.kind, State.SATISFIED if agrees else State.UNKNOWN)
    return *covered, kind


def _compare(name: str, wanted: Value, seen: Value, write: Callable[[Value], str]) -> Constraint:
    return Constraint(name, write(wanted), write(seen), _state(wanted == seen))


def _state(satisfied: bool) -> State:
    return State.SATISFIED if satisfied else State.VIOLATED


def _address(value: bytes) -> str:
    return f"0x{value.hex()}"
