"""What a decision may say, who may take it, and when: the rules that the door of the ledger holds it against.

    a dispute       filed before an arbitrator of this ledger; answered once, by the respondent; evidence while it is
                    pending, by either party or the arbitrator; ruled by the arbitrator it names; after an appeal, or
                    when that one is none of this ledger any more, by any arbitrator of this ledger; never by a party;
                    appealed by a party until before ``appeal_until`` of the ruling
    a takedown      by a reviewer of this ledger; lifted once
    a portrait      declared by a reviewer; authorized and withdrawn by its guardian
    a measure, a use, a duty fulfilled      by a reviewer
    an agreement    by licensor and licensee: what the licensor alone signs is an offer, and no grant (ODRL 2.2);
                    revoked once, by the licensor

Pure: the history of the matter, the authorities and the time are arguments.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec

from atlas.protocol.decisions import (
    AgreementRevoked,
    AgreementSigned,
    Decision,
    DisputeAnswered,
    DisputeAppealed,
    DisputeFiled,
    DisputeRuled,
    DutyFulfilled,
    EvidenceAttached,
    MeasureRecorded,
    PortraitAuthorized,
    PortraitDeclared,
    PortraitWithdrawn,
    Remedy,
    TakedownLifted,
    TakedownOrdered,
    UseRecorded,
    decision_id,
)
from atlas.protocol.ids import checksum_address, format_aaid, parse_account_id
from atlas.protocol.keccak import keccak256
from atlas.protocol.vocabulary import Ruling
from atlas.rights.decisions.jurisdictions import Measure
from atlas.rights.errors import InvalidDecision, NotEntitled, OutOfTurn, TermsMismatch
from atlas.rights.odrl.policies import PolicyType
from atlas.rights.odrl.reading import parse_policy
from atlas.rights.terms.document import Terms, parse_terms
from atlas.rights.terms.extents import extent
from atlas.rights.terms.scopes import DIMENSIONS

Kind = TypeVar("Kind", bound=Decision)

_POLICY_START: Final = b'{"@context"'
CLOCK_SLACK_S: Final = 300
"""How far the clock of who signs may be ahead of the ledger's."""


class Authorities(msgspec.Struct, frozen=True):
    """Whose word counts in this ledger, by address; the operator decides."""

    arbitrators: frozenset[bytes] = frozenset()
    reviewers: frozenset[bytes] = frozenset()


class Stage(StrEnum):
    """How far a dispute is; pending until it is ruled, and again when the ruling is appealed."""

    FILED = "filed"
    ANSWERED = "answered"
    RULED = "ruled"
    APPEALED = "appealed"


class Turn(msgspec.Struct, frozen=True):
    """What a decision is held against: the matter so far, oldest first, the authorities, and now (seconds)."""

    history: Sequence[Decision]
    authorities: Authorities
    now: int


def agreed_terms(agreement: AgreementSigned) -> Terms:
    """The terms that an agreement carries, as our document or as an ODRL Agreement (``atlas.rights.odrl``).

    Raises InvalidTerms, InvalidPolicy, TermsMismatch for another hash than it names, and InvalidDecision for a policy
    between others or with reservations, which an agreement cannot carry.
    """
    actual_hash = keccak256(agreement.document)
    if actual_hash != agreement.terms_hash:
        raise TermsMismatch(
            f"terms_hash is 0x{agreement.terms_hash.hex()}, the document has 0x{actual_hash.hex()}",
            hint="The parties signed another document than comes with their signatures.",
        )
    return _of_policy(agreement) if agreement.document.startswith(_POLICY_START) else parse_terms(agreement.document)


def _of_policy(agreement: AgreementSigned) -> Terms:
    policy = parse_policy(agreement.document)
    stated = {
        "@type": (policy.type, PolicyType.AGREEMENT),
        "target": (format_aaid(policy.asset), format_aaid(agreement.asset)),
        "assigner": (_address(policy.assigner), agreement.licensor),
        "assignee": (_address(policy.assignee), agreement.licensee),
        "prohibition": (policy.reservations, ()),
    }
    for key, (found, expected) in stated.items():
        if found != expected:
            raise InvalidDecision(
                f"document.{key}: the policy is not the agreement that is signed",
                hint="Type, target, assigner and assignee are those of the message, and there are no reservations.",
            )
    return policy.terms


def _address(account: str | None) -> bytes | None:
    return None if account is None else parse_account_id(account)[1]


def check_content(decision: Decision) -> None:
    """Return when what ``decision`` says makes sense by itself. Raises InvalidDecision, InvalidTerms, TermsMismatch."""
    for key in ("territories", "media"):
        names: tuple[str, ...] | None = getattr(decision, key, None)
        if names is not None:
            DIMENSIONS[key].check(key, extent(*names))
    match decision:
        case AgreementSigned():
            agreed_terms(decision)
            _require_interval("starts_at", decision.starts_at, "expires_at", decision.expires_at)
            _require_different("licensor", decision.licensor, "licensee", decision.licensee)
        case DisputeFiled():
            _require_different("author", decision.author, "respondent", decision.respondent)
            _require_different("arbitrator", decision.arbitrator, "author", decision.author)
            _require_different("arbitrator", decision.arbitrator, "respondent", decision.respondent)
        case DisputeRuled():
            if decision.remedy is not Remedy.NONE and decision.outcome is not Ruling.CLAIMANT:
                raise InvalidDecision(
                    f"remedy is {decision.remedy}, and the ruling is not for the claimant",
                    hint="Only a ruling of 1 orders something.",
                )
        case PortraitAuthorized():
            _require_interval("starts_at", decision.starts_at, "ends_at", decision.ends_at)
        case DutyFulfilled() if not int(decision.amount_wei) and decision.action == "pay":
            raise InvalidDecision("amount_wei is 0, and something was paid", hint="State it in wei, as decimal text.")
        case MeasureRecorded() if decision.measure not in frozenset(Measure):
            raise InvalidDecision(f"measure is {decision.measure!r}", hint=f"Measures are {', '.join(Measure)}.")
        case _:
            pass


def check_turn(decision: Decision, turn: Turn) -> None:
    """Return when it is for its author to take ``decision`` now.

    Raises NotEntitled when it is for somebody else, OutOfTurn when the matter does not stand so, InvalidDecision for a
    remedy that the dispute does not allow.
    """
    if decision.issued_at > turn.now + CLOCK_SLACK_S:
        raise InvalidDecision(
            f"issued_at is {decision.issued_at}, and it is {turn.now} now", hint="Check the clock of who signs."
        )
    begun = bool(turn.history)
    if begun != (decision.CONTINUES is not None):
        raise OutOfTurn(
            f"{decision.CONTINUES}: no such matter is on record" if not begun else "the matter has begun already",
            hint="Give the id that recording the first decision printed.",
        )
    if begun and decision.issued_at < turn.history[0].issued_at:
        raise InvalidDecision(
            f"issued_at is {decision.issued_at}, before the matter began at {turn.history[0].issued_at}",
            hint="Check the clock of who signs.",
        )
    rule = _TURNS.get(type(decision))
    if rule is not None:
        rule(decision, turn)


def require_author(author: bytes, entitled: Mapping[str, bytes]) -> None:
    """Return when ``author`` is one of those, by what they are, who may decide. Raises NotEntitled."""
    if author not in entitled.values():
        told = " or ".join(f"the {name} {checksum_address(address)}" for name, address in entitled.items())
        raise NotEntitled(f"author is {checksum_address(author)}: it is for {told}", hint="Let that key sign.")


def require_no_party(author: bytes, parties: Collection[bytes]) -> None:
    """Return when ``author``, who rules a dispute, is none of its parties. Raises NotEntitled."""
    if author in parties:
        raise NotEntitled("author is a party to the dispute", hint="Nobody rules a dispute of their own.")


def stage_of(history: Sequence[Decision]) -> Stage:
    """How far the dispute with this history is."""
    stages: dict[type[Decision], Stage] = {
        DisputeFiled: Stage.FILED,
        DisputeAnswered: Stage.ANSWERED,
        DisputeRuled: Stage.RULED,
        DisputeAppealed: Stage.APPEALED,
    }
    return next(stages[type(each)] for each in reversed(history) if type(each) in stages)


def _file(decision: DisputeFiled, turn: Turn) -> None:
    _require_one_of("arbitrator", decision.arbitrator, turn.authorities.arbitrators, "arbitrators")


def _answer(decision: DisputeAnswered, turn: Turn) -> None:
    filed = _begun(turn, DisputeFiled)
    require_author(decision.author, {"respondent": filed.respondent})
    if any(isinstance(each, DisputeAnswered | DisputeRuled) for each in turn.history):
        raise OutOfTurn("the dispute is answered, or ruled, already", hint="Attach evidence, or appeal the ruling.")


def _attach(decision: EvidenceAttached, turn: Turn) -> None:
    filed = _begun(turn, DisputeFiled)
    parties = {"claimant": filed.author, "respondent": filed.respondent, "arbitrator": filed.arbitrator}
    require_author(decision.author, parties)
    _require_pending(turn)


def _rule(decision: DisputeRuled, turn: Turn) -> None:
    filed = _begun(turn, DisputeFiled)
    _require_pending(turn)
    arbitrators = turn.authorities.arbitrators
    _require_one_of("author", decision.author, arbitrators, "arbitrators")
    require_no_party(decision.author, {filed.author, filed.respondent})
    if stage_of(turn.history) is not Stage.APPEALED and filed.arbitrator in arbitrators:
        require_author(decision.author, {"arbitrator": filed.arbitrator})
    if decision.remedy is Remedy.REVOKE and not filed.grant:
        raise InvalidDecision(
            "remedy is revoke, and the dispute is over no grant", hint="Order prohibit, or file over the grant."
        )


def _appeal(decision: DisputeAppealed, turn: Turn) -> None:
    filed = _begun(turn, DisputeFiled)
    require_author(decision.author, {"claimant": filed.author, "respondent": filed.respondent})
    last = next((each for each in reversed(turn.history) if not isinstance(each, EvidenceAttached)), None)
    if not isinstance(last, DisputeRuled):
        raise OutOfTurn("the dispute has no ruling to appeal", hint="An appeal follows a ruling.")
    if turn.now >= last.appeal_until:
        raise OutOfTurn(
            f"the ruling could be appealed until before {last.appeal_until}, now is {turn.now}",
            hint="The ruling is final; file a dispute of your own where there is something new.",
        )


def _review(decision: Any, turn: Turn) -> None:  # noqa: ANN401 (any decision of a reviewer)
    _require_one_of("author", decision.author, turn.authorities.reviewers, "reviewers")


def _lift(decision: TakedownLifted, turn: Turn) -> None:
    _begun(turn, TakedownOrdered)
    _review(decision, turn)
    _require_none(turn, TakedownLifted, "the takedown is lifted already")


def _authorize(decision: PortraitAuthorized, turn: Turn) -> None:
    require_author(decision.author, {"guardian": _begun(turn, PortraitDeclared).guardian})


def _withdraw(decision: PortraitWithdrawn, turn: Turn) -> None:
    require_author(decision.author, {"guardian": _begun(turn, PortraitDeclared).guardian})
    given = {decision_id(each) for each in turn.history if isinstance(each, PortraitAuthorized)}
    gone = {each.authorization for each in turn.history if isinstance(each, PortraitWithdrawn)}
    if decision.authorization not in given - gone:
        raise OutOfTurn(
            f"authorization: 0x{decision.authorization.hex()} is not in force for this portrait",
            hint="Give the id that recording the authorization printed.",
        )


def _revoke(decision: AgreementRevoked, turn: Turn) -> None:
    require_author(decision.author, {"licensor": _begun(turn, AgreementSigned).licensor})
    _require_none(turn, AgreementRevoked, "the agreement is revoked already")


_TURNS: Final[Mapping[type[Decision], Callable[[Any, Turn], None]]] = {
    DisputeFiled: _file,
    DisputeAnswered: _answer,
    EvidenceAttached: _attach,
    DisputeRuled: _rule,
    DisputeAppealed: _appeal,
    TakedownOrdered: _review,
    TakedownLifted: _lift,
    PortraitDeclared: _review,
    PortraitAuthorized: _authorize,
    PortraitWithdrawn: _withdraw,
    MeasureRecorded: _review,
    UseRecorded: _review,
    DutyFulfilled: _review,
    AgreementRevoked: _revoke,
}


def _begun(turn: Turn, kind: type[Kind]) -> Kind:
    """The decision that began the matter, which is of this kind."""
    first = turn.history[0]
    if not isinstance(first, kind):
        raise OutOfTurn(
            f"the matter began as {type(first).TOPIC}, not as {kind.TOPIC}", hint="Give the id of another matter."
        )
    return first


def _require_pending(turn: Turn) -> None:
    if stage_of(turn.history) is Stage.RULED:
        raise OutOfTurn("the dispute is ruled", hint="A ruling is appealed before more is said.")


def _require_none(turn: Turn, kind: type[Decision], message: str) -> None:
    if any(isinstance(each, kind) for each in turn.history):
        raise OutOfTurn(message, hint="It happens once.")


def _require_one_of(field: str, address: bytes, entitled: frozenset[bytes], name: str) -> None:
    if address not in entitled:
        raise NotEntitled(
            f"{field}: {checksum_address(address)} is none of the {name} of this ledger",
            hint=f"The operator names them in the configuration, as rights.{name}.",
        )


def _require_interval(start_name: str, start: int, end_name: str, end: int) -> None:
    if end and end <= start:
        raise InvalidDecision(
            f"{end_name} is {end}, not after {start_name}, {start}",
            hint="It holds from its start until before its end; 0 is no end.",
        )


def _require_different(one_name: str, one: bytes, other_name: str, other: bytes) -> None:
    if one == other:
        raise InvalidDecision(
            f"{one_name} is {checksum_address(one)}, and so is {other_name}", hint="Name two accounts."
        )
