"""The rules of a configuration against those that are stored: what is new, what lags, what was changed. Pure."""

from collections.abc import Iterable, Sequence

import msgspec

from atlas.indexer.chain.state import ChainState, Watch
from atlas.indexer.chain.watching.config import ChainConfig, first_conflict
from atlas.indexer.chain.watching.rules import Rule
from atlas.indexer.errors import ContractChanged
from atlas.protocol.ids import checksum_address


class Lagging(msgspec.Struct, frozen=True):
    """Rules that are read together in blocks ``first`` to ``last``, below the tip."""

    rules: tuple[Rule, ...]
    first: int
    last: int


def resolved(rule: Rule, config: ChainConfig, stored: ChainState) -> Rule:
    """``rule`` with the start block that was found for it earlier, if it is one to be found."""
    if rule.key not in config.find_start:
        return rule
    known = {watch.rule.key: watch.rule.start_block for watch in stored.watches}
    return msgspec.structs.replace(rule, start_block=known.get(rule.key, rule.start_block))


def followers(rules: Iterable[Rule], stored: ChainState) -> list[Rule]:
    """The configured ``rules`` that are read up to the tip."""
    behind = {watch.rule.key for watch in stored.watches if watch.backfill_from is not None}
    return [rule for rule in rules if rule.key not in behind]


def lagging(rules: Iterable[Rule], stored: ChainState) -> Lagging | None:
    """The configured ``rules`` furthest behind, and how far they can be read before others lag as far."""
    keys = {rule.key for rule in rules}
    behind = {
        watch.rule: watch.backfill_from
        for watch in stored.watches
        if watch.backfill_from is not None and watch.backfill_from <= stored.tip.number and watch.rule.key in keys
    }
    if not behind:
        return None
    first = min(behind.values())
    later = [number - 1 for number in behind.values() if number > first]
    together = tuple(rule for rule, number in behind.items() if number == first)
    return Lagging(together, first, min([stored.tip.number, *later]))


def watch_changes(stored: ChainState, rules: Sequence[Rule]) -> list[Watch]:
    """What to store so that new rules are read from their start, and dropped ones from here on when they return."""
    next_block = stored.tip.number + 1
    known = {watch.rule.key for watch in stored.watches}
    starts = [(rule, max(1, rule.start_block)) for rule in rules if rule.key not in known]
    changes = [Watch(rule, start if start < next_block else None) for rule, start in starts]
    for watch in stored.watches:
        if watch.rule not in rules and watch.backfill_from is None:
            changes.append(Watch(watch.rule, next_block))
        elif watch.rule in rules and watch.backfill_from == next_block:
            changes.append(Watch(watch.rule, None))
    return changes


def require_unchanged(stored: ChainState, rules: Sequence[Rule]) -> None:
    """What was recorded under a key is what is configured. Raises ContractChanged."""
    known = {watch.rule.key: watch.rule for watch in stored.watches}
    for rule in rules:
        before = known.get(rule.key, rule)
        if before != rule:
            raise _changed(f"{_name(rule)} is recorded as {_said(before)}, not as {_said(rule)}")
    conflict = first_conflict([*known.values(), *rules])
    if conflict is not None:
        raise _changed(f"it cannot be that {conflict}: one of them is recorded")


def _changed(message: str) -> ContractChanged:
    return ContractChanged(message, hint="What is recorded stays: restore the setting, or index into a new database.")


def _name(rule: Rule) -> str:
    address = getattr(rule, "address", None)
    return checksum_address(address) if address else f"the rule for events of {rule.abi}"


def _said(rule: Rule) -> str:
    return f"{rule.abi} from block {rule.start_block}" + (
        "" if rule.abi_sha256 is None else f" with the ABI 0x{rule.abi_sha256.hex()}"
    )
