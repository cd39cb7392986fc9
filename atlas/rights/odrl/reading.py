"""A policy of anybody's as license terms, with a report of all that terms cannot say.

Nothing is dropped in silence. A part that limits the policy and cannot be read (a constraint, a prohibition, a
duty, a property that nothing is known of) means that no terms are read at all: what is not understood permits
nothing. Parties and assets without a name here leave the terms, and nobody who is granted them.
"""

from fractions import Fraction

import msgspec

from atlas.protocol.errors import AtlasError
from atlas.protocol.ids import parse_aaid, parse_account_id
from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.errors import CurrencyMismatch, InvalidPolicy, InvalidTerms, TermsMismatch
from atlas.rights.odrl.delays import is_obligation, read_obligations
from atlas.rights.odrl.jsonld import Literal
from atlas.rights.odrl.losses import Loss, Losses, Weight
from atlas.rights.odrl.names import ATLAS, DCT, KIND_ACTIONS, ODRL, PROFILE, short
from atlas.rights.odrl.payments import is_payment, read_price
from atlas.rights.odrl.policies import LicensePolicy, PolicyType, Reservation, encode_policy
from atlas.rights.odrl.scoping import OPEN, read_scope
from atlas.rights.odrl.syntax import Action, Policy, Rule, Thing, named, parse
from atlas.rights.odrl.times import read_instant
from atlas.rights.terms.document import FORMAT, Terms, encode_terms, terms_hash
from atlas.rights.terms.extents import EVERYTHING, NOTHING
from atlas.rights.terms.scopes import Scope

_KIND_OF = {action: kind for kind, action in KIND_ACTIONS.items()}
_CURRENCY, _HASH, _FORMAT, _ISSUED = f"{ATLAS}currency", f"{ATLAS}termsHash", f"{ATLAS}termsFormat", f"{DCT}issued"
_GRANTING = frozenset({"Set", "Policy", "Offer", "Agreement"})


class Reading(msgspec.Struct, frozen=True):
    """What became of a policy."""

    terms: Terms | None  # None where something that limits them was lost
    policy: LicensePolicy | None  # None where the terms are, or a party or the asset has no name here
    losses: tuple[Loss, ...]

    def require(self) -> LicensePolicy:
        """The policy. Raises the error of the first loss that keeps it from being read."""
        if self.policy is not None:
            return self.policy
        loss = next(each for each in self.losses if each.weight is not Weight.NOTE)
        raise loss.error(f"{loss.path}: {loss.reason}", hint=loss.hint)


def parse_policy(data: bytes) -> LicensePolicy:
    """The policy in a canonical document. Raises InvalidPolicy, or the error of what cannot be read."""
    policy = read_policy(data).require()
    if encode_policy(policy) != data:
        raise InvalidPolicy(
            "the policy is not in canonical form", hint="Write it with `rights odrl export`: sorted keys, no spaces."
        )
    return policy


def read_policy(data: bytes, *, kind: LicenseKind | None = None, currency: str | None = None) -> Reading:
    """A policy in JSON-LD as terms, with what is lost.

    ``kind`` is what a permission to ``use`` is read as, where the policy names no kind of license; ``currency``
    is the one that the policy has to be in. Raises InvalidPolicy for what is no policy, CurrencyMismatch.
    """
    return _Reader(parse(data), kind, currency).read()


class _Reader:
    """One reading of one policy."""

    def __init__(self, policy: Policy, kind: LicenseKind | None, currency: str | None) -> None:
        self._policy = policy
        self._kind = kind
        self._losses = Losses()
        self._is_ours = PROFILE in policy.profiles
        self._currency = self._text(_CURRENCY)
        if currency is not None and self._currency not in (None, currency):
            raise CurrencyMismatch(f"$.atlas:currency: expected {currency}, the policy is in {self._currency}")
        self._currency = self._currency or currency

    def read(self) -> Reading:
        """Everything, in the order of the document's parts."""
        self._read_head()
        terms = self._read_terms()
        reservations = tuple(each for rule in self._policy.prohibitions for each in self._reservation(rule))
        policy = None
        if terms is not None:
            policy = self._read_policy(terms, reservations)
        if self._losses.weigh(Weight.LIMIT):
            terms = policy = None
        return Reading(terms, policy, self._losses.found)

    def _read_head(self) -> None:
        policy, losses = self._policy, self._losses
        known = {_CURRENCY, _HASH, _FORMAT, _ISSUED}
        losses.others({key: values for key, values in policy.others.items() if key not in known})
        if policy.type not in _GRANTING:
            losses.limit(policy.path, f"a policy of the type {policy.type} grants nothing")
        for profile in policy.profiles:
            if profile != PROFILE:
                losses.limit(f"{policy.path}.profile", f"the profile {profile[:200]} is not known here")
        for parent in policy.inherits:
            losses.limit(f"{policy.path}.inheritFrom", f"what it inherits from {parent[:200]} is not known here")
        if policy.prohibitions and policy.permissions and policy.conflicts != ("prohibit",):
            strategy = ", ".join(policy.conflicts) or "none, which is invalid"
            losses.limit(f"{policy.path}.conflict", f"a prohibition wins here; the policy's strategy is {strategy}")

    def _read_terms(self) -> Terms | None:
        policy, losses = self._policy, self._losses
        if len(policy.permissions) != 1:
            losses.limit(f"{policy.path}.permission", f"one permission is one license, got {len(policy.permissions)}")
            return None
        (rule,) = policy.permissions
        losses.others(rule.others)
        kind = self._read_kind(rule)
        scope = self._read_scope(rule)
        duties = tuple(duty for duty in rule.duties if self._is_plain(duty, rule))
        price = read_price(tuple(duty for duty in duties if is_payment(duty.actions[0])), losses)
        obligations = read_obligations(tuple(duty for duty in duties if is_obligation(duty.actions[0])), losses)
        attribution = any(_does(duty, "attribute") for duty in rule.duties)
        changed = {"attribution": attribution, "exclusive": self._read_exclusive(rule)}
        if kind is None or losses.weigh(Weight.LIMIT):
            return None
        known = 1 if price is None else FORMAT
        scope = msgspec.structs.replace(scope, **changed)
        return self._checked(Terms(known, kind, scope, price, obligations), rule)

    def _read_scope(self, rule: Rule) -> Scope:
        """Of a permission without this profile, what ODRL's ``use`` may include beside use is not read."""
        scope = read_scope(rule.constraints, self._losses, is_tree=self._is_ours)
        if self._is_ours:
            return scope
        self._losses.note(rule.path, "read as leave to use the work as it is, without sub-licensing")
        return msgspec.structs.replace(scope, modifications=NOTHING, sublicense_depth=0)

    def _checked(self, terms: Terms, rule: Rule) -> Terms | None:
        try:
            encode_terms(terms)
        except InvalidTerms as error:
            self._losses.limit(rule.path, error.message, InvalidTerms, error.hint)
            return None
        stated = self._text(_FORMAT)
        if stated not in (None, str(terms.format)):
            self._losses.limit(f"{self._policy.path}.atlas:termsFormat", f"the terms are of format {terms.format}")
        expected, actual = self._text(_HASH), f"0x{terms_hash(terms).hex()}"
        if expected not in (None, actual):
            reason = f"expected terms with the hash {expected}, the policy states terms with {actual}"
            self._losses.limit(f"{self._policy.path}.atlas:termsHash", reason, TermsMismatch)
        return terms

    def _read_kind(self, rule: Rule) -> LicenseKind | None:
        if len(rule.actions) != 1:
            self._losses.limit(f"{rule.path}.action", f"one action is one license, got {len(rule.actions)}")
            return None
        (action,) = rule.actions
        self._losses.others(action.others)
        if action.refinements:
            self._losses.limit(action.refinements[0].path, "terms do not narrow what is permitted by refinements")
        if action.iri in _KIND_OF:
            return _KIND_OF[action.iri]
        if action.iri == f"{ODRL}use" and self._kind is not None:
            self._losses.note(action.path, f"use is read as {self._kind} alone")
            return self._kind
        hint = "Say which kind of license it is (--kind)." if action.iri == f"{ODRL}use" else ""
        self._losses.limit(action.path, f"the action {short(action.iri)[:200]} is no kind of license", hint=hint)
        return None

    def _is_plain(self, duty: Rule, rule: Rule) -> bool:
        """Whether a duty is one of terms, and says nothing else that limits the license."""
        losses = self._losses
        losses.others(duty.others)
        names = [short(action.iri) for action in duty.actions]
        if len(duty.actions) != 1 or not (names == ["attribute"] or _is_known(duty.actions[0])):
            losses.limit(duty.path, f"the duty {', '.join(names)[:200]} has no place in terms")
            return False
        (action,) = duty.actions
        losses.others(action.others)
        if names == ["attribute"] and action.refinements:
            losses.limit(action.refinements[0].path, "how credit is given has no place in terms")
        for each in (*duty.constraints, *duty.duties):
            losses.limit(each.path, f"what the duty {names[0]} depends on has no place in terms")
        for things, permitted in ((duty.assignees, rule.assignees), (duty.targets, rule.targets)):
            for each in things:
                if each.id not in _ids(permitted):
                    losses.limit(each.path, "a duty of somebody else, or for another asset, has no place in terms")
        return True

    def _read_exclusive(self, rule: Rule) -> bool:
        exclusive = False
        for duty in self._policy.obligations:
            assigners, targets = _ids(rule.assigners), _ids(rule.targets)
            bound = _ids(duty.assignees) == assigners and _ids(duty.targets) in ((), targets)
            if _does(duty, "ensureExclusivity") and bound and not duty.constraints and not duty.duties:
                self._losses.others(duty.others)
                exclusive = True
            else:
                self._losses.limit(duty.path, "of obligations, terms know the assigner's to ensure exclusivity")
        return exclusive

    def _reservation(self, rule: Rule) -> tuple[Reservation, ...]:
        """A prohibition of all use, where and in media that can be named."""
        losses = self._losses
        losses.others(rule.others)
        permitted = self._policy.permissions[0] if self._policy.permissions else rule
        scope = read_scope(rule.constraints, losses, is_tree=self._is_ours)
        beside = msgspec.structs.replace(scope, territories=EVERYTHING, media=EVERYTHING)
        parties = _ids(rule.assignees)
        if not _does(rule, "use") or beside != OPEN or rule.duties:
            losses.limit(rule.path, "of prohibitions, that of all use is known, by territory and media")
        elif _ids(rule.targets) not in ((), _ids(permitted.targets)) or parties not in ((), _ids(permitted.assignees)):
            losses.limit(rule.path, "a prohibition for other parties or of other assets than the permission's")
        else:
            return (Reservation(territories=scope.territories, media=scope.media, is_for_all=not parties),)
        return ()

    def _read_policy(self, terms: Terms, reservations: tuple[Reservation, ...]) -> LicensePolicy | None:
        policy, (rule,) = self._policy, self._policy.permissions
        assigner = self._account("assigner", rule.assigners, rule.path)
        assignee = self._account("assignee", rule.assignees, rule.path) if rule.assignees else None
        asset = self._asset(rule)
        if policy.type not in (PolicyType.OFFER, PolicyType.AGREEMENT):
            self._losses.name(policy.path, f"a {policy.type} is neither an offer nor an agreement")
        elif policy.type == PolicyType.AGREEMENT and not rule.assignees:
            self._losses.name(rule.path, "an agreement names its assignee")
        if policy.uid.startswith("_:"):
            self._losses.name(policy.path, "a policy has a uid")
        if assigner is None or asset is None or self._losses.weigh(Weight.NAME, Weight.LIMIT):
            return None
        return LicensePolicy(
            type=PolicyType(policy.type),
            uid=policy.uid,
            assigner=assigner,
            assignee=assignee,
            asset=asset,
            terms=terms,
            currency=self._currency,
            issued_at=self._issued_at(),
            reservations=reservations,
        )

    def _account(self, role: str, parties: tuple[Thing, ...], path: str) -> str | None:
        party = self._single(role, parties, path)
        if party is None:
            return None
        try:
            parse_account_id(party.id)
        except AtlasError as error:
            self._losses.name(party.path, error.message, error.hint)
            return None
        return party.id

    def _asset(self, rule: Rule) -> bytes | None:
        target = self._single("target", rule.targets, rule.path)
        if target is None:
            return None
        try:
            return parse_aaid(target.id)
        except AtlasError as error:
            self._losses.name(target.path, error.message, error.hint)
            return None

    def _single(self, role: str, things: tuple[Thing, ...], path: str) -> Thing | None:
        for each in things:
            if each.refinements or each.sources:
                self._losses.limit(each.path, f"a collection as {role}, or a part of one, has no name here")
        if len(things) != 1:
            self._losses.name(path, f"a license has one {role}, got {len(things)}")
            return None
        return things[0]

    def _issued_at(self) -> int | None:
        values = self._policy.others.get(_ISSUED, ())
        if not values:
            return None
        instant = read_instant(named(values[0])) if len(values) == 1 else None
        if instant is None or instant.denominator != 1 or instant < 0:
            self._losses.note(values[0].path, "not one instant in whole seconds since 1970")
            return None
        return int(Fraction(instant))

    def _text(self, key: str) -> str | None:
        values = self._policy.others.get(key, ())
        for value in values:
            if len(values) > 1 or not isinstance(value, Literal):
                self._losses.limit(value.path, f"{short(key)} is one text")
        return named(values[0]) if values else None


def _is_known(action: Action) -> bool:
    return is_payment(action) or is_obligation(action)


def _does(rule: Rule, action: str) -> bool:
    return [(each.iri, each.refinements) for each in rule.actions] == [(f"{ODRL}{action}", ())]


def _ids(things: tuple[Thing, ...]) -> tuple[str, ...]:
    return tuple(thing.id for thing in things)
