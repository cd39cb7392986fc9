"""What a permit takes, as values: each path, with what would remedy it."""

import msgspec
import pytest

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decisions.decide import decide
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.jurisdictions import Measure
from atlas.rights.decisions.missing import missing, ways
from atlas.rights.decisions.reasons import Missing, Outcome, Remedy, State
from atlas.rights.decisions.state import (
    At,
    Authorization,
    Derivation,
    Dispute,
    Grant,
    MeasureTaken,
    Ownership,
    Portrait,
    Prohibition,
    RightsState,
)
from atlas.rights.decisions.uses import Use
from atlas.rights.terms.document import Terms
from atlas.rights.terms.extents import extent
from atlas.rights.terms.scopes import Scope

ASSET, PARENT, PERSON = b"\xaa" * 32, b"\xbb" * 32, b"\xcc" * 32
OWNER, LICENSEE, RIVAL = b"\x01" * 20, b"\x02" * 20, b"\x03" * 20
KIND = LicenseKind.COMMERCIAL
OWNED = (Ownership(ASSET, OWNER, 0, 1), Ownership(PARENT, OWNER, 0, 1))
AT = At(1_700_000_000, 100)
USE = Use(ASSET, LICENSEE, "CN", "film", KIND)


def grant(position: int, scope: Scope, **changes: object) -> Grant:
    made = Grant(position, position, ASSET, LICENSEE, KIND, Terms(2, KIND, scope), 0, None)
    return msgspec.structs.replace(made, **changes)


TROUBLED = RightsState(
    ownerships=OWNED,
    grants=(
        grant(10, Scope(territories=extent("DE"), channels=extent("tv"))),
        grant(11, Scope(territories=extent("DE"), media=extent("game"), max_uses=1)),
        grant(9, Scope(exclusive=True), licensee=RIVAL),
        grant(5, Scope(territories=extent("FR"), sublicense_depth=1), asset=PARENT),
    ),
    prohibitions=(Prohibition(ASSET, "takedown", 0, 20),),
    disputes=(Dispute(PARENT, 0, 21),),
    portraits=(Portrait(PARENT, PERSON, 22),),
    derivations=(Derivation(ASSET, PARENT, 6, 5),),
)


def listed(found: tuple[Missing, ...]) -> list[tuple[str, str, int | None, int | None]]:
    return [("/".join(each.path), each.remedy.value, each.position, each.grant) for each in found]


def test_every_rule_and_the_nearest_license_are_named_with_their_remedies() -> None:
    decision = decide(USE, Rights(TROUBLED), AT)
    rules = [
        ("prohibition", "lifting", 20, None),
        ("dispute", "ruling", 21, None),
        ("W26/portrait/1", "authorization", 22, None),
        ("lineage/territory", "license", 5, None),
        ("W27/cn/pre_distribution_review/1", "measure", None, None),
        ("W27/cn/filing/1", "measure", None, None),
    ]
    first = [("territory", "license", 10, 10), ("channel", "statement", 10, 10), ("exclusivity", "release", 9, 10)]
    second = [("media", "license", 11, 11), ("territory", "license", 11, 11), ("exclusivity", "release", 9, 11)]
    assert listed(missing(decision)) == rules + first
    assert [listed(way) for way in ways(decision)] == [rules + first, rules + second]


def test_who_does_all_that_is_missing_has_a_permit() -> None:
    """One after the other; the last step opens the use, and none before it does."""
    wider = grant(10, Scope(channels=extent("tv")))
    reviewed = tuple(
        MeasureTaken(ASSET, measure, extent("CN"), 0, 40)
        for measure in (Measure.PRE_DISTRIBUTION_REVIEW, Measure.FILING)
    )
    steps: list[dict[str, object]] = [
        {"prohibitions": (Prohibition(ASSET, "takedown", 0, 20, ended_at=1, ended_position=30),)},
        {"disputes": (Dispute(PARENT, 0, 21, ended_at=1, ended_position=31),)},
        {"authorizations": (Authorization(PARENT, PERSON, 0, 32),)},
        {"grants": (wider, TROUBLED.grants[2], grant(5, Scope(sublicense_depth=1), asset=PARENT))},
        {"grants": (wider, grant(5, Scope(sublicense_depth=1), asset=PARENT))},
        {"measures": reviewed},
    ]
    use, state = msgspec.structs.replace(USE, channel="tv"), TROUBLED
    left: list[int] = []
    for step in steps:
        decision = decide(use, Rights(state), AT)
        assert decision.outcome is not Outcome.PERMIT
        left.append(len(missing(decision)))
        state = msgspec.structs.replace(state, **step)
    assert left == sorted(left, reverse=True)
    assert decide(use, Rights(state), AT).outcome is Outcome.PERMIT


@pytest.mark.parametrize(
    ("state", "use", "path", "remedy"),
    [
        (RightsState(ownerships=OWNED), USE, ("license",), Remedy.LICENSE),
        (RightsState(grants=(grant(10, Scope()),)), USE, ("registered",), Remedy.RECORD),
        (RightsState(ownerships=OWNED, grants=(grant(10, Scope(), terms=None),)), USE, ("terms",), Remedy.RECORD),
        (
            RightsState(ownerships=OWNED, grants=(grant(10, Scope(exclusive=True), licensee=RIVAL),)),
            msgspec.structs.replace(USE, account=OWNER),
            ("owner", "exclusivity"),
            Remedy.RELEASE,
        ),
        (
            RightsState(ownerships=OWNED, grants=(grant(10, Scope(exclusive=True), licensee=RIVAL),)),
            msgspec.structs.replace(USE, account=OWNER, kind=None),
            ("owner", "exclusivity", "kind"),
            Remedy.STATEMENT,
        ),
        (
            RightsState(ownerships=OWNED, grants=(grant(10, Scope(), licensor=LICENSEE, under=3),)),
            USE,
            ("held_under",),
            Remedy.RECORD,
        ),
        (
            RightsState(ownerships=OWNED, grants=(grant(10, Scope(), licensor=RIVAL),)),
            USE,
            ("licensor",),
            Remedy.LICENSE,
        ),
    ],
)
def test_each_kind_of_lack_has_its_remedy(state: RightsState, use: Use, path: tuple[str, ...], remedy: Remedy) -> None:
    rehearsed = msgspec.structs.replace(use, distributed=False)
    [lack] = missing(decide(rehearsed, Rights(state), AT))
    assert (lack.path, lack.remedy) == (path, remedy)
    assert lack.state is not State.SATISFIED
