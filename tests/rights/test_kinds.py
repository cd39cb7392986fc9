import msgspec
import pytest

from atlas.protocol.vocabulary import AssetType, LicenseKind
from atlas.rights.errors import InvalidTerms
from atlas.rights.terms.document import license_terms
from atlas.rights.terms.extents import EVERYTHING, NOTHING, extent
from atlas.rights.terms.kinds import KINDS, check_kind, is_usual
from atlas.rights.terms.prices import Price, check_price
from atlas.rights.terms.scopes import Period, Scope

GOOD: dict[LicenseKind, tuple[Scope, Price]] = {
    LicenseKind.CHARACTER: (
        Scope(works=extent("dark-harbour"), channels=extent("streaming"), duration_s=100),
        Price(share_bps=800, minimum_guarantee_wei=5),
    ),
    LicenseKind.SCENE: (Scope(projects=extent("night-market"), max_uses=3), Price(per_use_wei=7)),
    LicenseKind.WORLD: (Scope(series=extent("second-sun"), media=extent("series")), Price(share_bps=500)),
    LicenseKind.COMMERCIAL: (
        Scope(industries=extent("beauty"), territories=extent("DE"), period=Period(None, 100)),
        Price(buyout_wei=10),
    ),
    LicenseKind.DERIVATIVE: (Scope(modifications=extent("remix")), Price(share_bps=1_000)),
    LicenseKind.AD_INSERTION: (
        Scope(formats=extent("product_placement"), max_exposure_s=60),
        Price(flat_wei=1, performance_bps=250),
    ),
}


@pytest.mark.parametrize("kind", LicenseKind)
def test_w3_each_kind_has_terms_that_state_what_it_needs(kind: LicenseKind) -> None:
    scope, price = GOOD[kind]
    assert license_terms(kind, scope, price).price == price


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in KINDS for field in KINDS[kind].limited])
def test_w3_what_a_kind_limits_cannot_stay_open(kind: LicenseKind, field: str) -> None:
    scope, price = GOOD[kind]
    opened = NOTHING if field == "modifications" else None if field.startswith("max_") else EVERYTHING
    with pytest.raises(InvalidTerms, match=field) as refused:
        check_kind(kind, msgspec.structs.replace(scope, **{field: opened}), price)
    assert refused.value.hint


@pytest.mark.parametrize("kind", [LicenseKind.CHARACTER, LicenseKind.COMMERCIAL])
def test_w3_a_licence_for_a_duration_ends(kind: LicenseKind) -> None:
    scope, price = GOOD[kind]
    endless = msgspec.structs.replace(scope, duration_s=None, period=Period(5, None))
    with pytest.raises(InvalidTerms, match="ends"):
        check_kind(kind, endless, price)


@pytest.mark.parametrize("kind", [kind for kind in LicenseKind if kind is not LicenseKind.AD_INSERTION])
@pytest.mark.parametrize("change", [{"formats": extent("spot")}, {"max_exposure_s": 5}], ids=str)
def test_w3_exposure_belongs_to_insertions(kind: LicenseKind, change: dict[str, object]) -> None:
    scope, price = GOOD[kind]
    with pytest.raises(InvalidTerms, match=next(iter(change))):
        check_kind(kind, msgspec.structs.replace(scope, **change), price)


@pytest.mark.parametrize("kind", LicenseKind)
@pytest.mark.parametrize("priced_as", LicenseKind)
def test_w3_a_kind_is_priced_in_its_own_ways(kind: LicenseKind, priced_as: LicenseKind) -> None:
    price = GOOD[priced_as][1]
    own = {LicenseKind.WORLD, LicenseKind.DERIVATIVE}
    if kind is priced_as or {kind, priced_as} == own or (kind is LicenseKind.CHARACTER and priced_as in own):
        check_kind(kind, GOOD[kind][0], price)
    else:
        with pytest.raises(InvalidTerms, match="priced"):
            check_kind(kind, GOOD[kind][0], price)


def test_w3_subjects_are_those_of_the_table() -> None:
    assert KINDS[LicenseKind.AD_INSERTION].subjects == {AssetType.SCENE, AssetType.CHARACTER}
    assert [kind for kind, rule in KINDS.items() if rule.subjects is None] == [
        LicenseKind.COMMERCIAL,
        LicenseKind.DERIVATIVE,
    ]


@pytest.mark.parametrize(("share_bps", "usual"), [(299, False), (300, True), (1_000, True), (1_001, False)])
def test_w3_a_typical_share_is_told_from_another(share_bps: int, *, usual: bool) -> None:
    assert is_usual(LicenseKind.WORLD, Price(share_bps=share_bps)) is usual


@pytest.mark.parametrize(
    ("price", "field"),
    [
        (Price(flat_wei=-1), "flat_wei"),
        (Price(flat_wei=2**256), "flat_wei"),
        (Price(share_bps=10_001), "share_bps"),
        (Price(performance_bps=-1), "performance_bps"),
        (Price(minimum_guarantee_wei=5), "minimum_guarantee_wei"),
        (Price(flat_wei=5, ceiling_wei=9), "ceiling_wei"),
        (Price(share_bps=5, minimum_guarantee_wei=9, ceiling_wei=8), "ceiling_wei"),
    ],
    ids=str,
)
def test_a_price_that_cannot_be_is_refused_by_part(price: Price, field: str) -> None:
    with pytest.raises(InvalidTerms, match=field):
        check_price(price)
