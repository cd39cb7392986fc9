"""Recorded ``eth_getLogs`` answers, cut and joined to answer for other ranges than were asked for. Pure."""

from typing import Any

import msgspec
from msgspec.json import Decoder

from atlas.indexer.chain.hexadecimal import parse_count

Range = tuple[int, int]  # first and last block, both included


class _Place(msgspec.Struct, frozen=True, gc=False):
    blockNumber: str  # noqa: N815 - as the answer has it
    blockHash: str  # noqa: N815 - as the answer has it
    logIndex: str  # noqa: N815 - as the answer has it


class _Answer(msgspec.Struct, frozen=True):
    first: int
    last: int
    result: msgspec.Raw


_parameters: Decoder[list[dict[str, Any]]] = Decoder(list[dict[str, Any]])
_logs: Decoder[list[msgspec.Raw]] = Decoder(list[msgspec.Raw])
_place: Decoder[_Place] = Decoder(_Place)


class LogRanges:
    """Answers by range, for each filter; later ones stand over earlier ones."""

    def __init__(self) -> None:
        self._answers: dict[bytes, list[_Answer]] = {}
        self._numbers: dict[str, int] = {}

    def learn_block(self, block_hash: str, number: str) -> None:
        """The block ``block_hash`` has this number (quantity). Raises MalformedResponse."""
        self._numbers[block_hash] = parse_count(number, "number")

    def learn(self, parameters: msgspec.Raw, result: msgspec.Raw) -> None:
        """A call by range had this result; one by block hash is passed over. Raises MalformedResponse."""
        asked = _range_of(_parameters.decode(parameters))
        if asked is not None:
            first, last, key = asked
            self._answers.setdefault(key, []).append(_Answer(first, last, result))

    def find(self, parameters: msgspec.Raw) -> msgspec.Raw | None:
        """The result of a call as it follows from other calls with the same filter, or None."""
        wanted = _parameters.decode(parameters)
        asked = _range_of(wanted)
        logs = self._between(*asked) if asked is not None else self._of_block(wanted)
        return None if logs is None else msgspec.Raw(msgspec.json.encode(logs))

    def _of_block(self, wanted: list[dict[str, Any]]) -> list[msgspec.Raw] | None:
        block_hash = wanted[0].get("blockHash") if len(wanted) == 1 else None
        number = self._numbers.get(block_hash) if isinstance(block_hash, str) else None
        if number is None:
            return None
        logs = self._between(number, number, _filter_key(wanted[0]))
        if logs is None or any(_place.decode(log).blockHash != block_hash for log in logs):
            return None
        return logs

    def _between(self, first: int, last: int, key: bytes) -> list[msgspec.Raw] | None:
        found: list[tuple[int, int, msgspec.Raw]] = []
        missing: list[Range] = [(first, last)]
        for answer in reversed(self._answers.get(key, [])):
            taken = [_common(part, (answer.first, answer.last)) for part in missing]
            if any(part is not None for part in taken):
                found.extend(_within(answer.result, [part for part in taken if part is not None]))
                missing = [left for part in missing for left in _less(part, (answer.first, answer.last))]
        if missing:
            return None
        return [log for *_, log in sorted(found, key=lambda item: item[:2])]


def _range_of(parameters: list[dict[str, Any]]) -> tuple[int, int, bytes] | None:
    """First and last block, and the filter, of a call by range."""
    if len(parameters) != 1:
        return None
    first, last = parameters[0].get("fromBlock"), parameters[0].get("toBlock")
    if not (isinstance(first, str) and isinstance(last, str) and first.startswith("0x") and last.startswith("0x")):
        return None
    return parse_count(first, "fromBlock"), parse_count(last, "toBlock"), _filter_key(parameters[0])


def _filter_key(wanted: dict[str, Any]) -> bytes:
    rest = {name: value for name, value in wanted.items() if name not in ("fromBlock", "toBlock", "blockHash")}
    return msgspec.json.encode(rest, order="deterministic")


def _within(result: msgspec.Raw, parts: list[Range]) -> list[tuple[int, int, msgspec.Raw]]:
    logs: list[tuple[int, int, msgspec.Raw]] = []
    for log in _logs.decode(result):
        place = _place.decode(log)
        number = parse_count(place.blockNumber, "blockNumber")
        if any(first <= number <= last for first, last in parts):
            logs.append((number, parse_count(place.logIndex, "logIndex"), log))
    return logs


def _common(one: Range, other: Range) -> Range | None:
    first, last = max(one[0], other[0]), min(one[1], other[1])
    return (first, last) if first <= last else None


def _less(one: Range, other: Range) -> list[Range]:
    """What ``other`` leaves of ``one``."""
    before, after = (one[0], min(one[1], other[0] - 1)), (max(one[0], other[1] + 1), one[1])
    return [part for part in (before, after) if part[0] <= part[1]]
