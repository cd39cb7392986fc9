"""The territories that a licence can name: ISO 3166-1 alpha-2, the 249 officially assigned codes (2024), and groups.

A group is named with the day from which its list holds, ``EU@2020-02-01``: who signed for the Union of
2019 did not sign for that of 2021. A list is never edited; a change of members is a new list.
"""

from typing import Final

_CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW
BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI
FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN
IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME
MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF
PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV
SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE
YT ZA ZM ZW
"""
_EU_2020 = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"

_GROUPS = {
    "EU@2013-07-01": f"{_EU_2020} GB",  # with Croatia, before the United Kingdom left
    "EU@2020-02-01": _EU_2020,
    "EEA@2020-02-01": f"{_EU_2020} IS LI NO",
    "SCHENGEN@2025-01-01": "AT BE BG CH CZ DE DK EE ES FI FR GR HR HU IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK",
    "DACH@2026-01-01": "AT CH DE",
    "BENELUX@2026-01-01": "BE LU NL",
    "NORDICS@2026-01-01": "AX DK FI FO GL IS NO SE",
    "BALTICS@2026-01-01": "EE LT LV",
    "UK_AND_IRELAND@2026-01-01": "GB IE",
    "USMCA@2020-07-01": "CA MX US",
    "ANZ@2026-01-01": "AU NZ",
    "GREATER_CHINA@2026-01-01": "CN HK MO TW",
    "GCC@2026-01-01": "AE BH KW OM QA SA",
    "ASEAN@2025-10-26": "BN ID KH LA MM MY PH SG TH TL VN",  # with Timor-Leste
    "MERCOSUR@2024-07-08": "AR BO BR PY UY",  # with Bolivia
}

TERRITORIES: Final[frozenset[str]] = frozenset(_CODES.split())
GROUPS: Final[dict[str, frozenset[str]]] = {name: frozenset(codes.split()) for name, codes in _GROUPS.items()}
EU: Final = "EU@2020-02-01"
"""The Union that the jurisdiction rules mean."""
