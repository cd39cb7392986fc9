import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decide import Decision, Grant, Outcome, State, Use, decide, explain
from atlas.rights.errors import InvalidUse
from atlas.rights.terms import Medium, Terms, make_terms

ASSET, OTHER_ASSET = b"\xaa" * 32, b"\xbb" * 32
OWNER, LICENSEE, STRANGER = b"\x01" * 20, b"\x02" * 20, b"\x03" * 20
TERMS = make_terms(
    LicenseKind.COMMERCIAL, territories=["DE", "FR"], media=["film", "series"], channels=["cinema", "festival"]
)
GRANT = Grant(
    position=41,
    license_id=7,
    asset=ASSET,
    licensee=LICENSEE,
    kind=LicenseKind.COMMERCIAL,
    terms=TERMS,
    starts_at=1_000,
    expires_at=2_000,
    revoked_at=None,
)
USE = Use(asset=ASSET, account=LICENSEE, territory="DE", media="film", at=1_500)


def grant(**changes: object) -> Grant:
    return msgspec.structs.replace(GRANT, **changes)


def use(**changes: object) -> Use:
    return msgspec.structs.replace(USE, **changes)


def violated(decision: Decision) -> list[list[str]]:
    """The names of the violated constraints, grant by grant."""
    return [[c.name for c in finding.constraints if c.state is State.VIOLATED] for finding in decision.grants]


def test_a_grant_that_covers_the_use_permits_it_by_its_position() -> None:
    decision = decide(USE, [GRANT], OWNER)
    assert decision.outcome is Outcome.PERMIT
    assert decision.permitted_by == (41,)
    assert all(constraint.state is State.SATISFIED for constraint in decision.grants[0].constraints)


def test_the_owner_needs_no_grant() -> None:
    decision = decide(use(account=OWNER), [], OWNER)
    assert decision.outcome is Outcome.PERMIT
    assert decision.permitted_by == ()


def test_without_a_grant_a_stranger_is_denied() -> None:
    decision = decide(use(account=STRANGER), [], OWNER)
    assert decision.outcome is Outcome.DENY
    assert (decision.owner.wanted, decision.owner.seen) == (f"0x{OWNER.hex()}", f"0x{STRANGER.hex()}")


@pytest.mark.parametrize(
    ("asked", "given_", "name"),
    [
        (use(), grant(asset=OTHER_ASSET), "asset"),
        (use(account=STRANGER), grant(), "licensee"),
        (use(at=999), grant(), "starts_at"),
        (use(at=2_000), grant(), "expires_at"),
        (use(), grant(revoked_at=1_500), "revoked_at"),
        (use(), grant(revoked_at=1_100), "revoked_at"),
        (use(territory="US"), grant(), "territory"),
        (use(territory="*"), grant(), "territory"),
        (use(media="game"), grant(), "media"),
        (use(channel="television"), grant(), "channel"),
        (use(channel="*"), grant(), "channel"),
        (use(kind=LicenseKind.DERIVATIVE), grant(), "kind"),
    ],
)
def test_one_violated_constraint_denies_and_is_named(asked: Use, given_: Grant, name: str) -> None:
    decision = decide(asked, [given_], OWNER)
    assert decision.outcome is Outcome.DENY
    assert violated(decision) == [[name]]


@pytest.mark.parametrize(
    ("asked", "given_"),
    [
        (use(at=1_000), grant()),
        (use(at=1_999), grant()),
        (use(at=10**12), grant(expires_at=None)),
        (use(), grant(revoked_at=1_501)),
        (use(kind=LicenseKind.COMMERCIAL), grant()),
        (use(channel="cinema"), grant()),
        (use(territory="US"), grant(terms=make_terms(LicenseKind.COMMERCIAL))),
        (use(territory="*", channel="*"), grant(terms=make_terms(LicenseKind.COMMERCIAL))),
    ],
)
def test_a_use_at_the_edge_of_the_grant_is_permitted(asked: Use, given_: Grant) -> None:
    assert decide(asked, [given_], OWNER).outcome is Outcome.PERMIT


def test_a_denial_gives_every_reason_of_every_grant() -> None:
    expired = grant(license_id=1, expires_at=1_200, revoked_at=1_100)
    elsewhere = grant(license_id=2, terms=make_terms(LicenseKind.COMMERCIAL, territories=["US"], media=["game"]))
    decision = decide(USE, [expired, elsewhere], OWNER)
    assert violated(decision) == [["expires_at", "revoked_at"], ["territory", "media"]]


def test_a_reason_says_what_was_wanted_and_what_was_seen() -> None:
    (finding,) = decide(use(territory="US"), [GRANT], OWNER).grants
    territory = next(constraint for constraint in finding.constraints if constraint.name == "territory")
    assert (territory.wanted, territory.seen) == ("US", "DE,FR")


def test_unknown_terms_leave_the_answer_open() -> None:
    decision = decide(USE, [grant(terms=None)], OWNER)
    assert decision.outcome is Outcome.UNDETERMINED
    assert violated(decision) == [[]]


def test_terms_of_another_kind_than_their_grant_leave_the_answer_open() -> None:
    contradiction = grant(terms=make_terms(LicenseKind.DERIVATIVE))
    assert decide(USE, [contradiction], OWNER).outcome is Outcome.UNDETERMINED


def test_unknown_terms_do_not_save_an_expired_grant() -> None:
    assert decide(use(at=2_000), [grant(terms=None)], OWNER).outcome is Outcome.DENY


def test_another_grant_answers_where_terms_are_unknown() -> None:
    decision = decide(USE, [grant(position=40, terms=None), GRANT], OWNER)
    assert decision.outcome is Outcome.PERMIT
    assert decision.permitted_by == (41,)


def test_the_explanation_is_the_tree_in_lines() -> None:
    lines = explain(decide(use(territory="US"), [GRANT], OWNER))
    assert lines[0] == "deny"
    assert "  license 7, position 41: deny" in lines
    assert "    territory violated: wanted US, saw DE,FR" in lines


@pytest.mark.parametrize(
    "changes",
    [
        {"territory": "XX"},
        {"territory": ""},
        {"territory": "de"},
        {"media": "opera"},
        {"media": "*"},
        {"channel": "Not A Channel"},
        {"channel": ""},
        {"asset": bytes(31)},
        {"account": bytes(32)},
    ],
    ids=str,
)
def test_a_use_outside_the_vocabulary_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidUse) as refused:
        decide(use(**changes), [GRANT], OWNER)
    assert refused.value.hint


TIMES = st.integers(0, 10)
TERMS_OR_NONE: st.SearchStrategy[Terms | None] = st.none() | st.builds(
    make_terms,
    st.sampled_from(LicenseKind),
    territories=st.sampled_from([["*"], ["DE"], ["FR", "US"]]),
    media=st.sampled_from([["*"], ["film"], ["game", "series"]]),
)
GRANTS = st.builds(
    Grant,
    position=st.integers(1, 99),
    license_id=st.integers(1, 9),
    asset=st.sampled_from([ASSET, OTHER_ASSET]),
    licensee=st.sampled_from([LICENSEE, STRANGER]),
    kind=st.sampled_from(LicenseKind),
    terms=TERMS_OR_NONE,
    starts_at=TIMES,
    expires_at=st.none() | TIMES,
    revoked_at=st.none() | TIMES,
)
USES = st.builds(
    Use,
    asset=st.just(ASSET),
    account=st.sampled_from([OWNER, LICENSEE]),
    territory=st.sampled_from(["DE", "US", "*"]),
    media=st.sampled_from([Medium.FILM.value, Medium.GAME.value]),
    at=TIMES,
    kind=st.none() | st.sampled_from(LicenseKind),
)
RANK = {Outcome.DENY: 0, Outcome.UNDETERMINED: 1, Outcome.PERMIT: 2}


@given(USES, st.lists(GRANTS, max_size=5), GRANTS)
def test_one_more_grant_never_takes_a_permission_away(asked: Use, grants: list[Grant], more: Grant) -> None:
    before, after = decide(asked, grants, OWNER), decide(asked, [*grants, more], OWNER)
    assert RANK[after.outcome] >= RANK[before.outcome]


@given(USES, st.lists(GRANTS, max_size=5), TIMES)
def test_a_revocation_never_gives_a_permission(asked: Use, grants: list[Grant], at: int) -> None:
    revoked = [
        msgspec.structs.replace(grant, revoked_at=at if grant.revoked_at is None else min(at, grant.revoked_at))
        for grant in grants
    ]
    assert RANK[decide(asked, revoked, OWNER).outcome] <= RANK[decide(asked, grants, OWNER).outcome]


@given(USES, st.lists(GRANTS, max_size=5))
def test_the_order_of_grants_does_not_matter(asked: Use, grants: list[Grant]) -> None:
    assert decide(asked, grants, OWNER).outcome is decide(asked, grants[::-1], OWNER).outcome


@given(USES, st.lists(GRANTS, max_size=5))
def test_every_denied_grant_has_a_reason(asked: Use, grants: list[Grant]) -> None:
    for finding in decide(asked, grants, OWNER).grants:
        states = {constraint.state for constraint in finding.constraints}
        assert (finding.outcome is Outcome.DENY) == (State.VIOLATED in states)
        assert (finding.outcome is Outcome.PERMIT) == (states == {State.SATISFIED})


@given(USES, st.lists(GRANTS, max_size=5))
def test_nobody_but_the_owner_is_permitted_without_a_permitting_grant(asked: Use, grants: list[Grant]) -> None:
    decision = decide(asked, grants, OWNER)
    permitted = decision.outcome is Outcome.PERMIT
    assert permitted == (asked.account == OWNER or bool(decision.permitted_by))
