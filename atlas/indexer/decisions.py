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
    Decision,
    checked,
    decision_id,
    decision_stream,
    open_decision,
    require_signed,
)
from atlas.rights.errors import InvalidDecision
from atlas.rights.proceedings import Authorities, Turn, check_content, check_turn

_POSITIONS: Final = ("grant", "under", "use")


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
        """What a decision names by its position is there already: nobody speaks of what may come to stand there."""
        head = self._ledger.head()
        for name in _POSITIONS:
            position: int = getattr(decision, name, 0)
            if position > head:
                raise InvalidDecision(
                    f"{name} is {position}, and the ledger ends at {head}",
                    hint="Give the position at which the license, the agreement or the use stands in this ledger.",
                )
