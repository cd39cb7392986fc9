import csv
from typing import Any

import msgspec
import pytest

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.errors import InvalidPolicy
from atlas.rights.exchange.avails import COLUMNS, Title, avails, write_avails
from atlas.rights.odrl.policies import LicensePolicy
from atlas.rights.terms.document import Terms, license_terms, terms_hash
from atlas.rights.terms.extents import EVERYTHING, Extent, extent
from atlas.rights.terms.obligations import Effect, Obligations
from atlas.rights.terms.prices import Price
from atlas.rights.terms.scopes import Period, Scope
from atlas.rights.terms.territories import TERRITORIES
from tests.rights.odrl.policies import AGREEMENT

TITLE = Title("Glow", "SVOD", "HD")


REMIX = license_terms(LicenseKind.DERIVATIVE, Scope(modifications=extent("remix")), Price(share_bps=500))


def scoped(base: Terms = AGREEMENT.terms, **changes: Any) -> LicensePolicy:
    scope = msgspec.structs.replace(base.scope, **changes)
    return msgspec.structs.replace(AGREEMENT, terms=msgspec.structs.replace(base, scope=scope))


def column(policy: LicensePolicy, name: str) -> list[str]:
    return [row[COLUMNS.index(name)] for row in avails(policy, TITLE).rows]


def test_a_row_is_a_country_and_a_work_type() -> None:
    policy = scoped(territories=extent("DACH@2026-01-01", without=("CH",)), media=extent("film", "miniseries"))
    assert list(zip(column(policy, "Territory"), column(policy, "WorkType"), strict=True)) == [
        ("AT", "Movie"),
        ("AT", "Series"),
        ("DE", "Movie"),
        ("DE", "Series"),
    ]


def test_the_world_is_all_its_countries() -> None:
    assert set(column(scoped(REMIX, media=extent("film")), "Territory")) == TERRITORIES


@pytest.mark.parametrize(
    ("media", "types"),
    [
        (extent("short_film"), ["Short"]),
        (extent("documentary", "feature_film"), ["Movie"]),
        (extent("trailer"), ["Promotion"]),
        (extent("game", "vertical_drama"), ["Series"]),
        (extent("game"), []),
        (EVERYTHING, ["Movie", "Series"]),
        (Extent(("*",), ("series", "short_drama")), ["Movie"]),
    ],
    ids=str,
)
def test_media_have_work_types_or_no_row(media: Extent, types: list[str]) -> None:
    assert column(scoped(territories=extent("DE"), media=media), "WorkType") == types


def test_what_has_no_column_is_said_in_words_or_left_out_with_the_reason() -> None:
    policy = scoped(territories=extent("DE"), media=extent("film", "game", without=("trailer",)), max_uses=3)
    (words,) = column(policy, "OtherTerms")
    assert words.split("; ") == [
        "media: film,game except trailer",
        "industries: beauty",
        "max_uses: 3",
        "sublicense_depth: 0",
        "no modification",
        "credit is owed",
        "exclusive",
        f"terms 0x{terms_hash(policy.terms).hex()}",
    ]
    fields = [field for field, _ in avails(policy, TITLE).left_out]
    assert fields == ["price", "media", "media.except", "reservations"]


@pytest.mark.parametrize(
    ("changes", "start", "end"),
    [
        ({}, "2026-03-01T00:00:00Z", "2027-03-01T00:00:00Z"),
        ({"base": REMIX}, "2026-03-01T00:00:00Z", "Open"),
        ({"period": Period(1_774_915_200, 1_775_001_600)}, "2026-03-31T00:00:00Z", "2026-04-01T00:00:00Z"),
        ({"period": Period(0, None), "duration_s": 60}, "2026-03-01T00:00:00Z", "2026-03-01T00:01:00Z"),
    ],
    ids=str,
)
def test_the_window_is_what_period_and_duration_leave(changes: dict[str, Any], start: str, end: str) -> None:
    policy = scoped(territories=extent("DE"), media=extent("film"), **changes)
    assert (column(policy, "Start"), column(policy, "End")) == ([start], [end])


def test_an_offer_without_a_start_has_no_end_to_state() -> None:
    offer = msgspec.structs.replace(AGREEMENT, issued_at=None)
    with pytest.raises(InvalidPolicy, match="issued_at"):
        avails(offer, TITLE)
    timeless = scoped(REMIX, territories=extent("DE"), media=extent("film"))
    unissued = msgspec.structs.replace(timeless, issued_at=None)
    assert (column(unissued, "Start"), column(unissued, "End")) == (["Immediate"], ["Open"])


def test_languages_are_allowed_or_held_back() -> None:
    policy = scoped(territories=extent("DE"), media=extent("film"), languages=extent("de", "en", without=("de-AT",)))
    assert (column(policy, "AllowedLanguages"), column(policy, "HoldbackLanguage")) == (["de,en"], ["de-AT"])
    open_ = scoped(territories=extent("DE"), media=extent("film"))
    assert column(open_, "AllowedLanguages") == [""]


def test_the_file_has_two_header_lines_and_computes_nothing() -> None:
    policy = scoped(territories=extent("DE"), media=extent("film"))
    made = write_avails(avails(policy, Title('=HYPERLINK("x")', "SVOD")))
    groups, names, row = csv.reader(made.splitlines())
    assert (len(groups), tuple(names), len(row)) == (len(COLUMNS), COLUMNS, len(COLUMNS))
    assert row[COLUMNS.index("TitleInternalAlias")] == '\'=HYPERLINK("x")'


def test_obligations_are_said_in_words() -> None:
    obligations = Obligations(grace_s=60, when_late=Effect.SUSPEND)
    terms = msgspec.structs.replace(AGREEMENT.terms, obligations=obligations)
    (words,) = set(column(scoped(terms, territories=extent("DE"), media=extent("film")), "OtherTerms"))
    assert words.split("; ")[-3:-1] == ["grace_s: 60", "when_late: suspend"]
