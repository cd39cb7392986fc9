"""``atlas-ledger rights decide``, ``conflicts`` and ``gap``: the rights engine on a file of facts."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from atlas.cli.console import output, shown
from atlas.cli.options import Json
from atlas.protocol.ids import checksum_address, format_aaid
from atlas.rights.decisions.conflicts import Conflict, ConflictBook, all_conflicts, effective_scope
from atlas.rights.decisions.decide import decide as decide_on
from atlas.rights.decisions.explaining import explain, write_missing
from atlas.rights.decisions.index import Rights, is_exclusive
from atlas.rights.decisions.missing import missing
from atlas.rights.decisions.state import At, Grant, as_known
from atlas.rights.decisions.uses import Use
from atlas.rights.documents import to_text
from atlas.rights.facts import Facts, parse_facts, parse_grant, parse_plan, parse_use
from atlas.rights.planning.covering import MOST_STEPS
from atlas.rights.planning.gaps import Gap, Lack, find_gap
from atlas.rights.planning.plans import Need, Plan
from atlas.rights.terms.extents import EVERYTHING
from atlas.rights.terms.moments import parse_moment, write_moment
from atlas.rights.terms.scopes import Scope, extent_of

_Facts = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Facts: owners, grants, offers and so on.")]
_At = Annotated[str | None, typer.Option(help="Instant, as RFC 3339 writes it; else now.")]
_Known = Annotated[int | None, typer.Option(min=0, help="Last position that was known; else all are.")]


def decide(
    facts: _Facts,
    use: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The use: asset, account, place and so on.")],
    at: _At = None,
    known: _Known = None,
    *,
    json: Json = False,
) -> None:
    """Say whether a use is permitted at an instant, as known at a position, with every reason, and what is missing."""
    record, asked = parse_facts(facts.read_bytes()), parse_use(use.read_bytes())
    when = At(_instant(at), _position(record, known))
    decision = decide_on(asked, Rights(record), when)
    if json:
        _print_json({**_object(decision), "missing": [to_text(each) for each in missing(decision)]})
        return
    output.out(f"{decision.outcome.upper()}: {_say_use(asked)}, on {_say_when(when)}", highlight=False)
    for line in explain(decision)[1:]:
        output.print(shown(line), soft_wrap=True)


def conflicts(
    facts: _Facts,
    grant: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A proposed grant; else those on record.")
    ] = None,
    at: _At = None,
    known: _Known = None,
    most: Annotated[int, typer.Option(min=1, help="How many conflicts of one grant to show.")] = 10,
    *,
    json: Json = False,
) -> None:
    """Find grants that an exclusive one keeps from standing beside it, each with a point that lies in both."""
    record = parse_facts(facts.read_bytes())
    position, instant = _position(record, known), _instant(at)
    grants = [as_known(each, position) for each in record.grants if each.position <= position]
    if grant is None:
        found = tuple(all_conflicts(grants, at=instant, most=most))
    else:
        found = ConflictBook(grants).conflicts(parse_grant(grant.read_bytes()), at=instant, most=most)
    if json:
        _print_json([to_text(each) for each in found])
        return
    output.out(f"Conflicts: {len(found)}, from {_say_when(At(instant, position))}", highlight=False)
    for each in found:
        _say_conflict(each)


def gap(
    facts: _Facts,
    plan: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The planned work: account, time, uses.")],
    known: _Known = None,
    steps: Annotated[
        int, typer.Option(min=1, help="How long to search; beyond, the best found is shown.")
    ] = MOST_STEPS,
    *,
    json: Json = False,
) -> None:
    """Find the cheapest licenses on offer that a planned work still lacks, and what no offer gives."""
    record, planned = parse_facts(facts.read_bytes()), parse_plan(plan.read_bytes())
    position = _position(record, known)
    found = find_gap(planned, record.offers, record, known_position=position, most_steps=steps)
    if json:
        _print_json(_object(found))
        return
    _say_gap(found, planned)


def _instant(text: str | None) -> int:
    return int(time.time()) if text is None else parse_moment(text)


def _position(record: Facts, known: int | None) -> int:
    return record.newest_position if known is None else known


def _object(value: msgspec.Struct) -> dict[str, object]:
    plain = to_text(value)
    return {**plain} if isinstance(plain, dict) else {}


def _print_json(value: object) -> None:
    output.out(msgspec.json.encode(value, order="sorted").decode(), highlight=False)


def _say_use(use: Use) -> str:
    stated = (use.channel, use.work, use.project, use.series, use.language, use.format, use.industry, use.modification)
    place = ", ".join((use.territory, use.media, *(each for each in stated if each is not None)))
    return f"{format_aaid(use.asset)} by {checksum_address(use.account)} in {place}"


def _say_when(at: At) -> str:
    return f"{write_moment(at.valid_time)}, as known at position {at.known_position}"


def _say_conflict(found: Conflict) -> None:
    output.print(shown(f"  {_say_grant(found.grant)} meets {_say_grant(found.other)}"), soft_wrap=True)
    output.print(shown(f"    both have {_say_witness(found)}"), soft_wrap=True)
    if not found.is_certain:
        output.out("    if their terms say so: not all of them are known", highlight=False)


def _say_grant(grant: Grant) -> str:
    kind = f"exclusive {grant.kind}" if is_exclusive(grant) else grant.kind
    return f"license {grant.license_id} of {checksum_address(grant.licensee)}, {kind} (position {grant.position})"


def _say_witness(conflict: Conflict) -> str:
    """The point in both, of the dimensions that either limits."""
    scopes = [effective_scope(grant) or Scope() for grant in (conflict.grant, conflict.other)]
    limited = (
        f"{key} {name}"
        for key, name in conflict.witness.names
        if any(extent_of(scope, key) != EVERYTHING for scope in scopes)
    )
    return ", ".join((*limited, f"at {write_moment(conflict.witness.instant)}"))


def _say_gap(found: Gap, plan: Plan) -> None:
    table = Table("take offer", "for asset", "planned uses", "wei", "of revenue")
    table.columns[3].justify = "right"
    for each in found.purchases:
        uses = ", ".join(str(use) for use in each.uses)
        share = f"{each.share_bps} basis points" if each.share_bps else ""
        offer = f"{each.offer_id}, position {each.position}"
        table.add_row(offer, f"{format_aaid(each.asset)[:17]}...", uses, str(each.price_wei), share)
    output.print(table)
    output.out(f"  price      {found.price_wei} wei, {_say_exactness(found)}", highlight=False)
    if found.held:
        held = ", ".join(str(position) for position in found.held)
        output.out(f"  held       licenses at positions {held} carry the rest", highlight=False)
    _say_lacks("No offer covers", found.uncovered, plan)
    _say_lacks("Forbidden, whatever is bought", found.forbidden, plan)
    _say_lacks("A license does not suffice", found.conditions, plan)


def _say_exactness(found: Gap) -> str:
    if found.is_exact:
        return "and no other choice costs less"
    return f"the best found; none costs less than {found.at_least_wei} wei"


def _say_lacks(title: str, lacks: Sequence[Lack], plan: Plan) -> None:
    if not lacks:
        return
    table = Table("use", "asset", "where and when", "missing", title=title, title_justify="left")
    for each in lacks:
        why = "\n".join(write_missing(lack) for lack in each.missing)
        asset = f"{format_aaid(each.need.asset)[:17]}..."
        table.add_row(str(each.need.use), asset, _say_need(each.need, plan), shown(why))
    output.print(table)


def _say_need(need: Need, plan: Plan) -> str:
    time_ = f"{write_moment(need.starts_at)} until before {write_moment(need.ends_at)}"
    if (need.starts_at, need.ends_at) == (plan.starts_at, plan.ends_at):
        time_ = "all the time"
    return f"{need.media} in {_say_places(need.territories)}, {time_}"


def _say_places(codes: Sequence[str]) -> str:
    first = ", ".join(codes[:8])
    return first if len(codes) <= 8 else f"{first} and {len(codes) - 8} more"
