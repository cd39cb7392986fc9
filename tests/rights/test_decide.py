import msgspec
import pytest

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decisions.decide import decide
from atlas.rights.decisions.explaining import explain
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.missing import missing
from atlas.rights.decisions.reasons import Decision, Outcome, Remedy, State
from atlas.rights.decisions.state import (
    At,
    Derivation,
    Grant,
    Ownership,
    RightsState,
)
from atlas.rights.decisions.uses import Use
from atlas.rights.errors import InvalidUse
from atlas.rights.terms.document import make_terms

ASSET, PARENT = b"\xaa" * 32, b"\xbb" * 32
OWNER, LICENSEE, STRANGER = b"\x01" * 20, b"\x02" * 20, b"\x03" * 20
TERMS = make_terms(LicenseKind.COMMERCIAL, territories=["DE", "FR"], media=["film", "series"])
GRANT = Grant(
    position=41,
    license_id=7,
    asset=ASSET,
    licensee=LICENSEE,
    kind=LicenseKind.COMMERCIAL,
    terms=TERMS,
    starts_at=1_000,
    expires_at=2_000,
)
USE = Use(asset=ASSET, account=LICENSEE, territory="DE", media="film")
OWNED = Ownership(ASSET, OWNER, 0, 1)
AT = At(1_500, 100)


def grant(**changes: object) -> Grant:
    return msgspec.structs.replace(GRANT, **changes)


def use(**changes: object) -> Use:
    return msgspec.structs.replace(USE, **changes)


def ask(asked: Use, *grants: Grant, at: At = AT, **facts: object) -> Decision:
    state = msgspec.structs.replace(RightsState(ownerships=(OWNED,), grants=grants), **facts)
    return decide(asked, Rights(state), at)


def violated(decision: Decision) -> list[list[str]]:
    """The names of the violated constraints, grant by grant."""
    return [[c.name for c in finding.constraints if c.state is State.VIOLATED] for finding in decision.grants]


def test_a_grant_that_covers_the_use_permits_it_by_its_position() -> None:
    decision = ask(USE, GRANT)
    assert decision.outcome is Outcome.PERMIT
    assert decision.permitted_by == decision.relied_on == (41,)
    assert missing(decision) == ()


def test_the_owner_needs_no_grant() -> None:
    decision = ask(use(account=OWNER))
    assert decision.outcome is Outcome.PERMIT
    assert (decision.permitted_by, decision.relied_on) == ((), (1,))


def test_without_a_grant_a_stranger_is_denied_and_told_what_is_missing() -> None:
    decision = ask(use(account=STRANGER), GRANT)
    assert decision.outcome is Outcome.DENY
    [lack] = missing(decision)
    assert (lack.name, lack.remedy, lack.grant) == ("license", Remedy.LICENSE, None)


@pytest.mark.parametrize(
    ("asked", "given_", "valid_time", "name"),
    [
        (use(), grant(), 999, "starts_at"),
        (use(), grant(), 2_000, "expires_at"),
        (use(), grant(revoked_at=1_500), 1_500, "revoked_at"),
        (use(territory="US"), grant(), 1_500, "territory"),
        (use(territory="*"), grant(), 1_500, "territory"),
        (use(territory="EU@2020-02-01"), grant(), 1_500, "territory"),
        (use(media="game"), grant(), 1_500, "media"),
        (use(modification="trim"), grant(), 1_500, "modification"),
        (use(kind=LicenseKind.DERIVATIVE), grant(), 1_500, "kind"),
    ],
)
def test_one_violated_constraint_denies_and_is_named(asked: Use, given_: Grant, valid_time: int, name: str) -> None:
    decision = ask(asked, given_, at=At(valid_time, 100))
    assert decision.outcome is Outcome.DENY
    assert violated(decision) == [[name]]
    assert [each.name for each in missing(decision)] == [name]


@pytest.mark.parametrize("valid_time", [1_000, 1_999])
def test_a_grant_holds_from_its_start_until_before_its_end(valid_time: int) -> None:
    assert ask(USE, GRANT, at=At(valid_time, 100)).outcome is Outcome.PERMIT


def test_what_is_not_known_at_the_position_does_not_count() -> None:
    revoked = grant(revoked_at=1_100, revoked_position=60)
    assert ask(USE, GRANT, at=At(1_500, 40)).outcome is Outcome.DENY
    assert ask(USE, revoked, at=At(1_500, 59)).outcome is Outcome.PERMIT
    assert ask(USE, revoked, at=At(1_500, 60)).outcome is Outcome.DENY


def test_the_owner_is_the_one_of_the_time_and_of_the_position() -> None:
    sold = (OWNED, Ownership(ASSET, STRANGER, 1_400, 50))
    mine = use(account=OWNER)
    assert ask(mine, ownerships=sold).outcome is Outcome.DENY
    assert ask(mine, ownerships=sold, at=At(1_399, 100)).outcome is Outcome.PERMIT
    assert ask(mine, ownerships=sold, at=At(1_500, 49)).outcome is Outcome.PERMIT


def test_unknown_terms_leave_the_answer_open_but_do_not_save_an_expired_grant() -> None:
    assert ask(USE, grant(terms=None)).outcome is Outcome.UNDETERMINED
    assert ask(USE, grant(terms=None), at=At(2_000, 100)).outcome is Outcome.DENY


def test_what_the_terms_limit_and_the_use_does_not_state_leaves_the_answer_open() -> None:
    limited = grant(terms=make_terms(LicenseKind.COMMERCIAL, channels=["cinema"]))
    assert ask(USE, limited).outcome is Outcome.UNDETERMINED
    assert ask(use(channel="cinema"), limited).outcome is Outcome.PERMIT


def test_terms_of_another_kind_than_their_grant_leave_the_answer_open() -> None:
    assert ask(USE, grant(terms=make_terms(LicenseKind.DERIVATIVE))).outcome is Outcome.UNDETERMINED


def test_a_grant_under_another_carries_no_more_than_that_one() -> None:
    head = grant(position=10, licensee=STRANGER, terms=make_terms(LicenseKind.COMMERCIAL, sublicensing=True))
    held = grant(licensor=STRANGER, under=10)
    assert ask(USE, head, held).relied_on == (41, 10)
    narrow = msgspec.structs.replace(
        head, terms=make_terms(LicenseKind.COMMERCIAL, territories=["FR"], sublicensing=True)
    )
    assert ask(USE, narrow, held).outcome is Outcome.DENY
    forbidden = msgspec.structs.replace(head, terms=make_terms(LicenseKind.COMMERCIAL))
    assert "sublicensing" in {each.name for each in missing(ask(USE, forbidden, held))}
    assert ask(USE, held).outcome is Outcome.UNDETERMINED


def test_who_did_not_own_the_asset_gave_nothing() -> None:
    assert ask(USE, grant(licensor=OWNER)).outcome is Outcome.PERMIT
    assert violated(ask(USE, grant(licensor=STRANGER))) == [["licensor"]]


def test_a_former_owner_gives_nothing_by_an_earlier_date() -> None:
    """The grant, at position 41, is from 1000 on; the sale of 1200 was on record before it, or not."""
    backdated, (before, after) = grant(licensor=OWNER), (Ownership(ASSET, STRANGER, 1_200, at) for at in (30, 50))
    assert violated(ask(USE, backdated, ownerships=(OWNED, before))) == [["licensor"]]
    assert ask(USE, backdated, ownerships=(OWNED, after)).outcome is Outcome.PERMIT
    again = Ownership(ASSET, OWNER, 1_300, 31)
    assert ask(USE, backdated, ownerships=(OWNED, before, again)).outcome is Outcome.PERMIT


def test_a_cycle_of_grants_permits_nothing() -> None:
    one = grant(position=10, licensor=STRANGER, under=11)
    other = grant(position=11, licensee=STRANGER, licensor=LICENSEE, under=10)
    assert ask(USE, one, other).outcome is Outcome.DENY


def test_a_decision_is_the_same_for_a_cycle_of_derivations() -> None:
    cycle = (Derivation(ASSET, PARENT, 5), Derivation(PARENT, ASSET, 6))
    assert ask(USE, GRANT, derivations=cycle).outcome is Outcome.UNDETERMINED


def test_the_explanation_is_the_tree_in_lines() -> None:
    lines = explain(ask(use(territory="US"), GRANT))
    assert lines[0] == "deny"
    assert "  license 7, position 41: deny" in lines
    assert "    territory violated: wanted US, saw DE,FR" in lines
    assert lines[-1] == "  missing territory violated: wanted US, saw DE,FR (position 41); remedy: license"


@pytest.mark.parametrize(
    "changes",
    [
        {"territory": "XX"},
        {"territory": ""},
        {"territory": "EU"},
        {"media": "opera"},
        {"channel": "Not A Channel"},
        {"channel": ""},
        {"language": "german"},
        {"industry": "alchemy"},
        {"modification": "delete"},
        {"count": 0},
        {"exposure_s": -1},
        {"asset": bytes(31)},
        {"account": bytes(32)},
    ],
    ids=str,
)
def test_a_use_outside_the_vocabulary_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidUse):
        ask(use(**changes), GRANT)
