"""A file of facts, for decisions without a ledger at hand (docs/reference/rights.md shows one).

The keys are those of ``RightsState``, and ``offers``. A file is refused as a whole where anything in it is not what
it seems to be: a name that no vocabulary knows would make a prohibition reach nothing, and an end before a start
would make a licence void.
"""

from collections import Counter
from collections.abc import Iterator

from atlas.rights.decisions.state import Authorization, Grant, MeasureTaken, Prohibition, RightsState
from atlas.rights.decisions.uses import Use
from atlas.rights.documents import parse
from atlas.rights.errors import InvalidFacts, InvalidTerms
from atlas.rights.planning.plans import Offer, Plan
from atlas.rights.terms.extents import Extent
from atlas.rights.terms.moments import write_moment
from atlas.rights.terms.scopes import DIMENSIONS

_LIMIT = 2**62


class Facts(RightsState, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All facts that decisions may rest on, and the licences on offer."""

    offers: tuple[Offer, ...] = ()

    @property
    def newest_position(self) -> int:
        """The position of the youngest fact; an end that became known later has one of its own."""
        positions = (
            value
            for _, fact in _facts(self)
            for name in ("position", "revoked_position", "ended_position", "withdrawn_position")
            if isinstance(value := getattr(fact, name, None), int)
        )
        return max(positions, default=0)


def parse_facts(data: bytes) -> Facts:
    """The facts in a file. Raises InvalidFacts."""
    facts = parse(data, Facts, InvalidFacts)
    for name, fact in _facts(facts):
        _check_numbers(name, fact)
        if isinstance(fact, Prohibition | Authorization):
            _check_extent(name, "media", fact.media)
        if isinstance(fact, Prohibition | Authorization | MeasureTaken):
            _check_extent(name, "territories", fact.territories)
    _check_positions(facts)
    return facts


def parse_use(data: bytes) -> Use:
    """The use in a file; ``decide`` checks what it says. Raises InvalidFacts."""
    return parse(data, Use, InvalidFacts)


def parse_grant(data: bytes) -> Grant:
    """A proposed grant in a file. Raises InvalidFacts."""
    grant = parse(data, Grant, InvalidFacts)
    _check_numbers("grant", grant)
    return grant


def parse_plan(data: bytes) -> Plan:
    """The plan in a file; ``find_gap`` checks what it says. Raises InvalidFacts."""
    return parse(data, Plan, InvalidFacts)


def _facts(facts: Facts) -> Iterator[tuple[str, object]]:
    for name in facts.__struct_fields__:
        for fact in getattr(facts, name):
            yield name, fact


def _check_numbers(name: str, fact: object) -> None:
    """Times and positions are in their range, and an end is not before its start."""
    for field in getattr(fact, "__struct_fields__", ()):
        value = getattr(fact, field)
        if type(value) is int and not 0 <= value < _LIMIT and not field.endswith("_wei"):
            raise InvalidFacts(f"{name}: {field} is {value}", hint="Positions, times and counts are not negative.")
    start: int | None = getattr(fact, "starts_at", None)
    for field in ("expires_at", "ended_at"):
        end: int | None = getattr(fact, field, None)
        if start is not None and end is not None and end <= start:
            raise InvalidFacts(
                f"{name}: {field} is {write_moment(end)}, not after its start at {write_moment(start)}",
                hint="A fact holds from its start until before its end.",
            )


def _check_extent(name: str, key: str, value: Extent) -> None:
    try:
        DIMENSIONS[key].check(key, value)
    except InvalidTerms as error:
        raise InvalidFacts(f"{name}: {error.message}", hint=error.hint) from error
    if DIMENSIONS[key].witness(value, Extent(("*",))) is None:
        raise InvalidFacts(f"{name}: {key} names nothing", hint="Leave it out for everywhere.")


def _check_positions(facts: Facts) -> None:
    for name in ("grants", "offers"):
        counted = Counter(each.position for each in getattr(facts, name))
        twice = next((position for position, times in counted.items() if times > 1), None)
        if twice is not None:
            raise InvalidFacts(f"{name}: two have the position {twice}", hint="Each grant and offer is one fact.")
