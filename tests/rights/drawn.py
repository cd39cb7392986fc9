"""Terms that hypothesis draws: every kind, over all scopes, prices and obligations that the kind may have."""

from typing import Any

from hypothesis import strategies as st

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.terms import vocabularies
from atlas.rights.terms.document import Medium, Terms, license_terms, make_terms
from atlas.rights.terms.extents import EVERYTHING, NOTHING, Extent, extent
from atlas.rights.terms.kinds import KINDS
from atlas.rights.terms.obligations import DAY_S, MAX_GRACE_S, NO_OBLIGATIONS, YEAR_S, Effect, Obligations
from atlas.rights.terms.prices import GROWING, RATES, Price
from atlas.rights.terms.scopes import DIMENSIONS, MAX_SUBLICENSE_DEPTH, Period, Scope
from atlas.rights.terms.territories import GROUPS, TERRITORIES

_OPEN = st.from_regex(r"[a-z0-9]{1,6}(-[a-z0-9]{1,4})?(\.[a-z0-9]{1,4})?", fullmatch=True)
NAMES: dict[str, st.SearchStrategy[str]] = {
    "territories": st.sampled_from(sorted(TERRITORIES)) | st.sampled_from(sorted(GROUPS)),
    "media": st.sampled_from(vocabularies.MEDIA.names),
    "formats": st.sampled_from(vocabularies.FORMATS.names),
    "industries": st.sampled_from(vocabularies.INDUSTRIES.names),
    "modifications": st.sampled_from(vocabularies.MODIFICATIONS.names),
    "languages": st.sampled_from(["de", "de-AT", "en", "en-GB", "pt-BR", "zh-Hant", "zh-Hant-TW"]),
    "works": _OPEN | st.just(f"aaid:{'ab' * 32}"),
    "projects": _OPEN,
    "series": _OPEN,
    "channels": _OPEN,
}
AMOUNTS = st.integers(0, 2**256 - 1)
_SECONDS = st.integers(1, 2**63 - 1)


@st.composite
def extents(draw: st.DrawFn, key: str, *, limited: bool) -> Extent:
    """An extent that reaches something; a limited one not everything."""
    if not limited and draw(st.booleans()):
        return EVERYTHING
    names = NAMES[key]
    of = draw(st.sets(names, min_size=1, max_size=4) | st.just({"*"}))
    without = draw(st.sets(names, min_size=1 if of == {"*"} else 0, max_size=3)) - of
    found = extent(*of, without=tuple(without))
    return found if DIMENSIONS[key].witness(found, EVERYTHING) is not None else extent(*of - {"*"} or {draw(names)})


@st.composite
def periods(draw: st.DrawFn, *, ends: bool) -> Period:
    """Any, or one that ends."""
    start = draw(st.none() | st.integers(0, 2**62))
    end = draw(st.integers((start or 0) + 1, 2**63 - 1) if ends else st.none())
    return Period(start, end)


@st.composite
def scopes(draw: st.DrawFn, kind: LicenseKind) -> Scope:
    """A scope such as ``kind`` asks for."""
    rule = KINDS[kind]
    found: dict[str, Any] = {}
    for key in DIMENSIONS:
        if key in rule.foreign:
            continue
        found[key] = draw(extents(key, limited=key in rule.limited))
    if "modifications" not in rule.limited and draw(st.booleans()):
        found["modifications"] = NOTHING
    for key in ("duration_s", "max_uses", "max_exposure_s"):
        if key not in rule.foreign:
            found[key] = draw(_SECONDS if key in rule.limited else st.none() | _SECONDS)
    found["period"] = draw(periods(ends=(rule.timed and found["duration_s"] is None) or draw(st.booleans())))
    depth = draw(st.none() | st.integers(0, MAX_SUBLICENSE_DEPTH))
    return Scope(**found, sublicense_depth=depth, attribution=draw(st.booleans()), exclusive=draw(st.booleans()))


@st.composite
def prices(draw: st.DrawFn, kind: LicenseKind) -> Price:
    """A price such as ``kind`` may have, with a ceiling where one has a meaning."""
    parts = draw(st.sampled_from(sorted(KINDS[kind].prices, key=sorted)))
    found = {part: draw(st.integers(0, 10_000) if part in RATES else AMOUNTS) for part in sorted(parts)}
    if parts & set(GROWING) and draw(st.booleans()):
        found["ceiling_wei"] = draw(st.integers(found.get("minimum_guarantee_wei", 0), 2**256 - 1))
    return Price(**found)


OBLIGATIONS = st.just(NO_OBLIGATIONS) | st.builds(
    Obligations,
    report_every_s=st.none() | st.integers(DAY_S, 100 * YEAR_S),
    grace_s=st.integers(0, MAX_GRACE_S),
    late_fee_bps=st.integers(0, 10_000),
    when_late=st.sampled_from(Effect),
)


@st.composite
def _second(draw: st.DrawFn) -> Terms:
    kind = draw(st.sampled_from(LicenseKind))
    return license_terms(kind, draw(scopes(kind)), draw(prices(kind)), draw(OBLIGATIONS))


FIRST = st.builds(
    make_terms,
    st.sampled_from(LicenseKind),
    territories=st.just(["*"]) | st.lists(st.sampled_from(sorted(TERRITORIES)), min_size=1, max_size=6),
    media=st.just(["*"]) | st.lists(st.sampled_from(Medium), min_size=1, max_size=7),
    channels=st.just(["*"])
    | st.lists(st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True), min_size=1, max_size=4),
    sublicensing=st.booleans(),
    attribution=st.booleans(),
)
DRAWN = FIRST | _second()
"""Terms of both formats, over all scopes, prices and obligations."""
