"""Group commit: small batches of several threads go into one transaction.

Every transaction holds the head's lock until it is on disk, so threads that append alone wait in line for as many
flushes. Here the first to come leads: while its transaction runs, the others leave their batches, and the first of
them leads the next, with all that have come by then. Nobody waits for company, so a lone thread loses nothing.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from atlas.ledger.batches import Batch, distinct, joined
from atlas.ledger.errors import AlteredKey, ConflictingFact

Record = Callable[[Batch], list[int]]


@dataclass(slots=True, eq=False)
class _Request:
    """A thread's batch, and in the end either its positions or the reason why it has none.

    ``turn`` is set when it is settled, and also when it is the thread's turn to lead.
    """

    batch: Batch
    positions: list[int] | None = None
    error: BaseException | None = None
    turn: threading.Event = field(default_factory=threading.Event)

    def is_settled(self) -> bool:
        return self.positions is not None or self.error is not None


class Group:
    """Joins the batches of threads that ``record`` would record one by one, each all or none."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._lock = threading.Lock()
        self._waiting: list[_Request] = []
        self._is_led = False

    def record(self, batch: Batch) -> list[int]:
        """The positions of the batch's facts. Raises what ``record`` raises for this batch alone."""
        request = _Request(batch)
        with self._lock:
            self._waiting.append(request)
            leads, self._is_led = not self._is_led, True
        if not leads:
            self._wait(request)
        if not request.is_settled():
            self._lead()
        if request.error is not None:
            raise request.error
        return request.positions or []

    def _wait(self, request: _Request) -> None:
        try:
            request.turn.wait()
        except BaseException:
            with self._lock:
                if request in self._waiting:
                    self._waiting.remove(request)
                    if request.turn.is_set():
                        self._pass_on()
            raise

    def _lead(self) -> None:
        """Settle all that have come, this thread's request among them, and pass the lead on."""
        with self._lock:
            requests, self._waiting = self._waiting, []
        try:
            self._settle(requests)
        except BaseException as error:
            for request in requests:
                if not request.is_settled():
                    request.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            with self._lock:
                self._pass_on()
            for request in requests:
                request.turn.set()

    def _pass_on(self) -> None:
        self._is_led = bool(self._waiting)
        if self._waiting:
            self._waiting[0].turn.set()

    def _settle(self, requests: list[_Request]) -> None:
        """Record the requests together; after a conflict apart, so that it concerns only those who conflict."""
        try:
            batch, places = distinct(joined([request.batch for request in requests]))
            positions = self._record(batch)
        except (ConflictingFact, AlteredKey) as error:
            if len(requests) == 1:
                requests[0].error = error
            else:
                for request in requests:
                    self._settle([request])
        else:
            remaining = iter(places)
            for request in requests:
                request.positions = [positions[next(remaining)] for _ in range(len(request.batch))]
