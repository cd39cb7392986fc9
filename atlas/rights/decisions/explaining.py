"""A decision in words: the tree of its reasons as lines of text, and what it takes to change it."""

from collections.abc import Iterator

from atlas.rights.decisions.missing import missing
from atlas.rights.decisions.reasons import Decision, Duty, DutyState, Missing, Reason
from atlas.rights.terms.moments import write_moment


def explain(decision: Decision) -> tuple[str, ...]:
    """The decision as lines of text: the outcome, then each rule and grant and what it wanted, indented."""
    lines = [decision.outcome.value, *_lines(decision.owner, 1)]
    for finding in decision.grants:
        lines.append(f"  license {finding.license_id}, position {finding.position}: {finding.outcome.value}")
        lines.extend(line for constraint in finding.constraints for line in _lines(constraint, 2))
    lines.extend(line for reason in decision.rules for line in _lines(reason, 1))
    lines.extend(f"  duty {write_duty(duty)}" for duty in decision.duties)
    lines.extend(f"  missing {write_missing(each)}" for each in missing(decision))
    return tuple(lines)


def write_missing(each: Missing) -> str:
    """What is missing, and what would remedy it, in one line."""
    text = f"{' / '.join(each.path)} {each.state.value}: wanted {each.wanted}, saw {each.seen}"
    where = "" if each.position is None else f" (position {each.position})"
    return f"{text}{where}; remedy: {each.remedy.value}"


def write_duty(duty: Duty) -> str:
    """What is owed, when, and by which rule, in one line."""
    text = duty.action
    if duty.share_bps is not None:
        text += f" {duty.share_bps} basis points"
    if duty.amount_wei is not None:
        text += f" {duty.amount_wei} wei"
    if duty.outstanding_wei is not None and duty.outstanding_wei != duty.amount_wei:
        text += f", {duty.outstanding_wei} wei outstanding"
    due = "with every receipt" if duty.due_at is None else write_moment(duty.due_at)
    late = ", late" if duty.state is DutyState.LATE else ""
    return f"{text}, due {due}{late} ({duty.rule})"


def write_reason(reason: Reason) -> str:
    """What one rule or constraint wanted and saw, in one line."""
    text = f"{reason.name} {reason.state.value}: wanted {reason.wanted}, saw {reason.seen}"
    return text if reason.position is None else f"{text} (position {reason.position})"


def _lines(reason: Reason, depth: int) -> Iterator[str]:
    yield "  " * depth + write_reason(reason)
    for child in reason.children:
        yield from _lines(child, depth + 1)
