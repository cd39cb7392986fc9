"""Decisions and conflict checks of the rights engine, on one core.

decisions_per_s            an asset with ten ancestors and 1,000 grants to 500 accounts; every use differs
decisions_first_per_s      the first 5,000 of them, on facts that nothing was asked about yet
decision_reasons           how many reasons the tree of such a decision has
conflict_check_ms          a grant held against 100,000 live ones of its asset; 99th percentile
conflict_named_ms          an exclusive grant for one work held against 100,000 live ones for as many works, everywhere
conflict_add_us            one more grant put into such a book

and those of royalties (``figures/royalties.py``).
"""

import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.decisions.conflicts import ConflictBook
from atlas.rights.decisions.decide import decide
from atlas.rights.decisions.index import Rights
from atlas.rights.decisions.reasons import Outcome, Reason
from atlas.rights.decisions.state import At, Derivation, Grant, Ownership, RightsState
from atlas.rights.decisions.uses import Use
from atlas.rights.terms.document import license_terms
from atlas.rights.terms.extents import extent
from atlas.rights.terms.prices import Price
from atlas.rights.terms.scopes import Scope
from atlas.rights.terms.territories import TERRITORIES
from benchmarks.figures import royalties
from benchmarks.measuring import Figure, alone, best, options, report

GRANTS, ACCOUNTS, ANCESTORS, LIVE = 1_000, 500, 10, 100_000
YEAR_S = 365 * 24 * 3600
MEDIA = ("film", "series", "game", "social")
INDUSTRIES = ("beauty", "fashion", "travel", "technology")
PLACES = (*sorted(TERRITORIES), "EU@2020-02-01", "DACH@2026-01-01", "NORDICS@2026-01-01")


def account(number: int) -> bytes:
    """The address of an account."""
    return number.to_bytes(20, "big")


def asset(number: int) -> bytes:
    """The AAID of an asset."""
    return number.to_bytes(32, "big")


def commercial(draw: random.Random, position: int, *, exclusive: bool = False) -> Grant:
    """A commercial licence with five limited dimensions, for a year."""
    scope = Scope(
        territories=extent(*draw.sample(PLACES, 3)),
        media=extent(draw.choice(MEDIA)),
        industries=extent(draw.choice(INDUSTRIES)),
        channels=extent("tv", "web"),
        duration_s=YEAR_S,
        exclusive=exclusive,
    )
    terms = license_terms(LicenseKind.COMMERCIAL, scope, Price(annual_wei=10**18))
    start = draw.randrange(YEAR_S)
    licensee = account(position % ACCOUNTS)
    return Grant(position, position, asset(0), licensee, LicenseKind.COMMERCIAL, terms, start, start + YEAR_S)


def a_line(draw: random.Random) -> Rights:
    """An asset derived through ten ancestors, each under a licence with limits, and its grants."""
    derived = license_terms(
        LicenseKind.DERIVATIVE,
        Scope(
            territories=extent("*", without=("KP",)),
            media=extent("*", without=("education",)),
            modifications=extent("adapt", "edit"),
            sublicense_depth=2,
        ),
        Price(share_bps=800),
    )
    line = [
        Grant(90_000 + step, step, asset(step), account(9_000), LicenseKind.DERIVATIVE, derived, 0, None)
        for step in range(1, ANCESTORS + 1)
    ]
    return Rights(
        RightsState(
            ownerships=tuple(Ownership(asset(step), account(9_000), 0, 1) for step in range(ANCESTORS + 1)),
            grants=(*(commercial(draw, position) for position in range(1, GRANTS + 1)), *line),
            derivations=tuple(
                Derivation(asset(step - 1), asset(step), 90_100, 90_000 + step) for step in range(1, ANCESTORS + 1)
            ),
        )
    )


def a_use(draw: random.Random, grants: Sequence[Grant]) -> tuple[Use, At]:
    """A use as publishing software asks for it: mostly of what was licensed, at some time, of one kind."""
    grant = draw.choice(grants)
    licensed = grant.terms.scope if grant.terms is not None else Scope()
    use = Use(
        grant.asset,
        grant.licensee,
        draw.choice((*licensed.territories.of, draw.choice(PLACES))),
        draw.choice((*licensed.media.of, "trailer")),
        LicenseKind.COMMERCIAL,
        channel=draw.choice(("tv", "web", "tv.arte")),
        industry=licensed.industries.of[0],
    )
    return use, At(grant.starts_at + draw.randrange(YEAR_S), 100_000)


def decisions(count: int) -> list[Figure]:
    """How many a second, and how large their trees are."""
    draw = random.Random(1)
    rights = a_line(draw)
    asked = [a_use(draw, rights.state.grants[:GRANTS]) for _ in range(count)]
    first = asked[:5_000]
    fresh = best(3, lambda: _rate(first, Rights(rights.state)))
    rate = best(3, lambda: _rate(asked, rights))
    answers = [decide(use, rights, at) for use, at in asked[:1_000]]
    sizes = [
        sum(map(size, (answer.owner, *answer.rules, *(each for found in answer.grants for each in found.constraints))))
        for answer in answers
    ]
    permits = sum(answer.outcome is Outcome.PERMIT for answer in answers)
    return [
        alone("decisions_per_s", rate, "decisions/s (CPU)"),
        alone("decisions_first_per_s", fresh, "decisions/s (CPU)"),
        alone("decision_reasons", sum(sizes) / len(sizes), "reasons"),
        alone("decision_permits", permits / len(answers), "share"),
    ]


def _rate(asked: Sequence[tuple[Use, At]], rights: Rights) -> float:
    return len(asked) / cpu_s(lambda: [decide(use, rights, at) for use, at in asked])


def for_a_work(position: int, work: str, *, exclusive: bool = False) -> Grant:
    """A character licence for one work, everywhere, for a year."""
    scope = Scope(works=extent(work), channels=extent("streaming"), duration_s=YEAR_S, exclusive=exclusive)
    terms = license_terms(LicenseKind.CHARACTER, scope, Price(flat_wei=10**18))
    return Grant(position, position, asset(0), account(position % ACCOUNTS), LicenseKind.CHARACTER, terms, 0, YEAR_S)


def conflicts(live: int) -> list[Figure]:
    """How long a check and an addition take."""
    draw = random.Random(2)
    book = ConflictBook(commercial(draw, position, exclusive=position % 100 == 0) for position in range(1, live + 1))
    open_grants = [commercial(draw, live + number) for number in range(500)]
    keeping_out = [commercial(draw, live + number, exclusive=True) for number in range(500)]
    works = ConflictBook(for_a_work(position, f"work-{position}") for position in range(1, live + 1))
    named = [for_a_work(live + number, f"work-{number * 17}", exclusive=True) for number in range(500)]
    adding = cpu_s(lambda: [book.add(grant) for grant in open_grants])
    return [
        alone("conflict_check_ms", percentile(open_grants, book), "ms, p99 (CPU)"),
        alone("conflict_check_exclusive_ms", percentile(keeping_out, book), "ms, p99 (CPU)"),
        alone("conflict_named_ms", percentile(named, works), "ms, p99 (CPU)"),
        alone("conflict_add_us", adding / len(open_grants) * 1e6, "us (CPU)"),
    ]


def percentile(grants: list[Grant], book: ConflictBook) -> float:
    """The 99th percentile of the checks, in milliseconds."""
    times = sorted(cpu_s(lambda grant=grant: book.conflicts(grant)) for grant in grants)
    return times[len(times) * 99 // 100] * 1_000


def size(reason: Reason) -> int:
    """How many reasons a tree has."""
    return 1 + sum(map(size, reason.children))


def cpu_s(work: Callable[[], object]) -> float:
    """The processor time that ``work`` takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Measure and report."""
    chosen = options(__doc__)
    judged = [*decisions(5_000 if chosen.quick else 50_000), *conflicts(10_000 if chosen.quick else LIVE)]
    report("rights", [*judged, *royalties.figures(chosen.quick)], as_json=chosen.json)


if __name__ == "__main__":
    main()
