"""The door for decisions about rights: what people have signed becomes facts, each once and in the order of its matter.

What a decision says, its signatures and whose turn it is are checked before it is recorded
(``atlas.rights.proceedings``); the ledger's unique key of stream and version has the last word when two come at once.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from atlas.ledger.errors import ConflictingFact
from atlas.ledger.log import Fact, Ledger
from atlas.protocol import facts
from atlas.protocol.decisions import (
    DECISIONS,
    AgreementSigned,
    Decision,
    UseRecorded,
    checked,
    decision_id,
    decision_stream,
    open_decision,
    require_signed,
)
from atlas.protocol.facts import ChainFinalized, ChainLog
from atlas.rights.errors import InvalidDecision
from atlas.rights.proceedings import Authorities, Turn, check_content, check_turn

_GRANTS: Final = frozenset({facts.LOG_TOPIC, AgreementSigned.TOPIC})
_NAMED: Final = {"grant": _GRANTS, "under": _GRANTS, "use": frozenset({UseRecorded.TOPIC})}
"""The fields that name a fact by its position, and the topics that it may have; 0 names none."""


class Admitted(msgspec.Struct, frozen=True):
    """Where a decision stands in the ledger; ``matter`` is the id of the one that began its matter."""

    position: int
    decision: bytes
    matter: bytes
    is_known: bool  # it was there before


class DecisionDoor:
    """Records decisions in ``ledger``; ``clock`` says what second since 1970 it is. Safe to share between threads."""

    def __init__(self, ledger: Ledger, authorities: Authorities, clock: Callable[[], int]) -> None:
        self._ledger = ledger
        self._authorities = authorities
        self._clock = clock

    def admit(self, decision: Decision) -> Admitted:
        """Record ``decision``; one that is recorded already keeps its position.

        Raises MalformedFact, InvalidSignature, UnsignedDecision, InvalidTerms, TermsMismatch, InvalidDecision,
        NotEntitled, OutOfTurn, each naming the field, and DatabaseUnreachable.
        """
        decision = checked(decision)
        check_content(decision)
        require_signed(decision)
        while True:
            try:
                return self._admit(decision)
            except ConflictingFact:  # somebody else continued the matter just now
                continue

    def _admit(self, decision: Decision) -> Admitted:
        identity, matter = decision_id(decision), decision.matter
        stream = decision_stream(matter)
        recorded = self._ledger.stream(stream)
        history: Sequence[Decision] = [open_decision(fact.payload, DECISIONS[fact.topic]) for fact in recorded]
        for fact, earlier in zip(recorded, history, strict=True):
            if decision_id(earlier) == identity:
                return Admitted(fact.position, identity, matter, is_known=True)
        self._require_on_record(decision)
        now = max(self._clock(), *(earlier.recorded_at for earlier in history), 0)
        check_turn(decision, Turn(history, self._authorities, now))
        dated = msgspec.structs.replace(decision, recorded_at=now)
        fact = Fact(stream, len(history), decision.TOPIC, facts.encode(dated))
        (position,) = self._ledger.append([fact])
        return Admitted(position, identity, matter, is_known=False)

    def _require_on_record(self, decision: Decision) -> None:
        """What a decision names by its position is there already, and stays."""
        for name, topics in _NAMED.items():
            position: int = getattr(decision, name, 0)
            if position:
                self._require_lasting(name, position, topics)

    def _require_lasting(self, name: str, position: int, topics: frozenset[str]) -> None:
        fact = next(self._ledger.facts(after=position - 1, limit=1), None)
        if fact is None or fact.position != position or fact.topic not in topics:
            seen = "nothing" if fact is None or fact.position != position else fact.topic
            raise InvalidDecision(
                f"{name} is {position}, and there the ledger has {seen}",
                hint="Give the position at which the license, the agreement or the use stands in this ledger.",
            )
        if fact.topic == facts.LOG_TOPIC:
            log = facts.decode(fact.payload, ChainLog)
            if log.block_number > self._final_block(log.chain):
                raise InvalidDecision(
                    f"{name} is {position}, and block {log.block_number} of {log.chain} is not final",
                    hint="Wait until it is: after a reorganisation the license would stand at another position.",
                )

    def _final_block(self, chain: str) -> int:
        """The number of the last final block; -1 before there is one."""
        stream = facts.finality_stream(chain)
        last = self._ledger.last_version(stream)
        if last is None:
            return -1
        (fact,) = self._ledger.stream(stream, after_version=last - 1)
        return facts.decode(fact.payload, ChainFinalized).block.number
