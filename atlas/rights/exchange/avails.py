"""A license as rows of MovieLabs/EMA Avails (the column names of spreadsheet 1.7.3), a documented subset.

    Avail       DisplayName     the assigner           Licensee         the assignee
                ALID            the asset's AAID       ContractID       the policy's uid
    AvailAsset  ContentID       the asset's AAID       WorkType         by medium: Movie, Short, Promotion, Series
    AvailTrans  Territory       ISO 3166-1, one a row  Start, End       XML instants; End is the first moment after
                LicenseType, FormatProfile   as the caller says: terms do not know them
                LicenseRightsDescription     the kind of license
                AllowedLanguages, HoldbackLanguage   languages included, languages excepted
                OtherTerms      what terms say and no column does, in words, with the hash of the terms

One row a country and medium: readers of Avails take no groups and no "worldwide". An open start is Immediate, an
open end Open. Media that are no film, series or short drama have no row; prices in wei have no PriceType. Both are
reported, with all else that is left out; ``OtherTerms`` repeats what limits a row, so that no row says more.
"""

import csv
import io
from collections.abc import Iterator
from typing import Final

import msgspec

from atlas.protocol.ids import format_aaid
from atlas.rights.errors import InvalidPolicy
from atlas.rights.odrl.policies import LicensePolicy
from atlas.rights.odrl.times import write_instant
from atlas.rights.terms.document import terms_hash
from atlas.rights.terms.extents import EVERYTHING, NOTHING, Extent, countries
from atlas.rights.terms.scopes import DIMENSIONS, Scope, extent_of
from atlas.rights.terms.vocabularies import ANY, MEDIA

_WORK_TYPES: Final = {
    "film": "Movie",
    "short_film": "Short",
    "trailer": "Promotion",
    "series": "Series",
    "short_drama": "Series",
}
_GROUPS: Final = {
    "DisplayName": "Avail",
    "Licensee": "Avail",
    "ALID": "Avail",
    "ContractID": "Avail",
    "Territory": "AvailTrans",
    "WorkType": "AvailAsset",
    "EntryType": "Disposition",
    "TitleInternalAlias": "AvailMetadata",
    "LicenseType": "AvailTrans",
    "LicenseRightsDescription": "AvailTrans",
    "FormatProfile": "AvailTrans",
    "Start": "AvailTrans",
    "End": "AvailTrans",
    "AllowedLanguages": "AvailTrans",
    "HoldbackLanguage": "AvailTrans",
    "OtherTerms": "AvailTrans",
    "ContentID": "AvailAsset",
}
COLUMNS: Final = tuple(_GROUPS)
"""The columns that are written, in their order."""
_IN_COLUMNS: Final = frozenset({"territories", "languages"})


class Title(msgspec.Struct, frozen=True):
    """What Avails ask for and no license says."""

    name: str
    license_type: str  # EST, VOD, SVOD, ...
    format_profile: str = ""  # SD, HD, UHD, ...


class Avails(msgspec.Struct, frozen=True):
    """Rows, each with a value for every column, and what they do not say."""

    rows: tuple[tuple[str, ...], ...]
    left_out: tuple[tuple[str, str], ...]  # the field of the terms, the reason


def avails(policy: LicensePolicy, title: Title) -> Avails:
    """The rows of a license. Raises InvalidPolicy where its end depends on a start that it does not state."""
    scope = policy.terms.scope
    start, end = _window(policy)
    fixed = {
        "DisplayName": policy.assigner,
        "Licensee": policy.assignee or "",
        "ALID": format_aaid(policy.asset),
        "ContractID": policy.uid,
        "EntryType": "Full Extract",
        "TitleInternalAlias": title.name,
        "LicenseType": title.license_type,
        "LicenseRightsDescription": policy.terms.kind.value,
        "FormatProfile": title.format_profile,
        "Start": start,
        "End": end,
        "AllowedLanguages": "" if scope.languages.of == (ANY,) else ",".join(scope.languages.of),
        "HoldbackLanguage": ",".join(scope.languages.without),
        "OtherTerms": "; ".join(_other_terms(policy)),
        "ContentID": format_aaid(policy.asset),
    }
    rows = [
        {**fixed, "Territory": territory, "WorkType": work_type}
        for territory in sorted(countries(scope.territories))
        for work_type in _work_types(scope.media)
    ]
    values: list[tuple[str, ...]] = [tuple(row[name] for name in COLUMNS) for row in rows]
    return Avails(tuple(values), tuple(_left_out(policy)))


def write_avails(found: Avails) -> str:
    """The rows as CSV, under the two header lines of the spreadsheet: the column's group, and its name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_GROUPS.values())
    writer.writerow(COLUMNS)
    writer.writerows(map(_inert, found.rows))
    return text.getvalue()


def _inert(row: tuple[str, ...]) -> list[str]:
    """Text that a spreadsheet would compute with is written as text."""
    return [f"'{value}" if value[:1] in tuple("=+-@\t\r") else value for value in row]


def _window(policy: LicensePolicy) -> tuple[str, str]:
    scope, issued = policy.terms.scope, policy.issued_at
    starts = [each for each in (scope.period.starts_at, issued) if each is not None]
    ends = [scope.period.ends_at] if scope.period.ends_at is not None else []
    if scope.duration_s is not None:
        if issued is None:
            raise InvalidPolicy(
                "issued_at is not stated, and the license's duration runs from it", hint="State dct:issued."
            )
        ends.append(issued + scope.duration_s)
    start = write_instant(max(starts)) if starts else "Immediate"
    return start, write_instant(min(ends)) if ends else "Open"


def _work_types(media: Extent) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_WORK_TYPES[_kind_of(name)] for name in _shown(media)))


def _shown(media: Extent) -> Iterator[str]:
    """The media included that have rows; of everything, the broadest ones."""
    names = MEDIA.tops or () if media.of == (ANY,) else media.of
    for name in names:
        if _kind_of(name) and not set(MEDIA.broader(name)) & set(media.without):
            yield name


def _kind_of(name: str) -> str:
    return next((each for each in MEDIA.broader(name) if each in _WORK_TYPES), "")


def _other_terms(policy: LicensePolicy) -> Iterator[str]:
    """What limits the license beside the columns, in words."""
    scope = policy.terms.scope
    for key in DIMENSIONS:
        extent = extent_of(scope, key)
        if key not in _IN_COLUMNS and extent not in (EVERYTHING, NOTHING):
            yield f"{key}: {extent}"
    for key in ("max_uses", "max_exposure_s", "sublicense_depth"):
        limit: int | None = getattr(scope, key)
        if limit is not None:
            yield f"{key}: {limit}"
    yield from _answers(scope)
    for key, value in msgspec.to_builtins(policy.terms.obligations).items():
        yield f"{key}: {value}"
    yield f"terms 0x{terms_hash(policy.terms).hex()}"


def _answers(scope: Scope) -> Iterator[str]:
    if scope.modifications == NOTHING:
        yield "no modification"
    if scope.attribution:
        yield "credit is owed"
    if scope.exclusive:
        yield "exclusive"


def _left_out(policy: LicensePolicy) -> Iterator[tuple[str, str]]:
    media = policy.terms.scope.media
    if policy.terms.price is not None:
        yield "price", "Avails price what consumers pay; a license's price is in wei and between its parties"
    unshown = [name for name in (MEDIA.tops or () if media.of == (ANY,) else media.of) if not _kind_of(name)]
    if unshown:
        yield "media", f"no film, series or short drama: {', '.join(unshown)}"
    if media.without:
        yield "media.except", f"in OtherTerms alone: {', '.join(media.without)}"
    for reservation in policy.reservations:
        yield "reservations", f"Avails have no prohibitions: {reservation.territories}, {reservation.media}"
