"""Delivery: the thread that brings spooled records to the intake, in order, each at least once.

Sending the same envelope twice stores it once, so that after any crash on either side everything that may
not have arrived is simply sent again. Disturbances are waited out with exponential back-off and full jitter;
a refusal for good stops delivery, because no later record can be stored before the refused one.
"""

import random
import threading
import time
from collections.abc import Callable
from enum import StrEnum

import msgspec
import structlog

from atlas.indexer.workers.errors import (
    DeliveryError,
    DeliveryTimeout,
    IntakeUnavailable,
    RecordRejected,
    SequenceConflict,
    SequenceGap,
    SpoolBusy,
    WorkerError,
)
from atlas.indexer.workers.sdk.client import IntakeClient, Verdict
from atlas.indexer.workers.sdk.spool import Rejection, Spool, Spooled
from atlas.indexer.workers.wire import Problem

_BATCH_RECORDS = 256
_BATCH_BYTES = 1 << 20
_FLUSH_RETRY_S = 1.0
_log = structlog.get_logger(__name__)


class DeliveryState(StrEnum):
    """What delivery is doing."""

    IDLE = "idle"  # everything spooled is stored
    SENDING = "sending"
    WAITING = "waiting"  # the server cannot be reached, or says "later"
    STOPPED = "stopped"  # a person has to look
    CLOSED = "closed"


class DeliveryStatus(msgspec.Struct, frozen=True):
    """How delivery stands; ``reason`` says why it waits or has stopped."""

    state: DeliveryState
    pending: int
    next_sequence: int
    reason: str


class Backoff:
    """Waiting times that double from ``base_s`` to ``cap_s``, each drawn evenly from zero to there (full jitter)."""

    def __init__(self, base_s: float = 0.5, cap_s: float = 60.0, draw: Callable[[], float] = random.random) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._draw = draw
        self._failures = 0

    def reset(self) -> None:
        """The last try went on."""
        self._failures = 0

    def next_s(self, retry_after_s: float | None = None) -> float:
        """How long to wait after another failure: never less than the server asked for."""
        ceiling_s = min(self._cap_s, self._base_s * 2 ** min(self._failures, 32))
        self._failures += 1
        return (retry_after_s or 0.0) + self._draw() * (self._base_s if retry_after_s else ceiling_s)


class Delivery:
    """Brings the records of a spool to the intake at ``endpoint``, in a thread of its own."""

    def __init__(self, spool: Spool, worker: bytes, endpoint: str, *, timeout_s: float, backoff: Backoff) -> None:
        self._spool = spool
        self._worker = worker
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._backoff = backoff
        self._changed = threading.Condition()
        self._state = DeliveryState.SENDING
        self._reason = ""
        self._failure: WorkerError | None = None
        self._closing = self._hurry = self._contacted = self._synchronized = False
        self._thread = threading.Thread(target=self._run, name="atlas-delivery", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Stop after the exchange under way, waiting for it at most ``timeout_s``; what is left stays spooled."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)

    def wake(self) -> None:
        """There is a new record."""
        with self._changed:
            self._changed.notify_all()

    def wait_for_contact(self, timeout_s: float) -> None:
        """Return once the intake was asked where it is, with or without success, or after ``timeout_s``."""
        with self._changed:
            self._changed.wait_for(lambda: self._contacted, timeout_s)

    def require_running(self) -> None:
        """Return unless delivery has stopped. Raises what stopped it: RecordRejected, HistoryMissing."""
        with self._changed:
            if self._failure is not None:
                raise self._failure

    def status(self) -> DeliveryStatus:
        """How delivery stands now."""
        with self._changed:
            return DeliveryStatus(self._state, self._spool.pending_count, self._spool.next_sequence, self._reason)

    def flush(self, timeout_s: float) -> None:
        """Return once every spooled record is stored. Raises DeliveryTimeout, or what stopped delivery."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._ended() and (remaining_s := deadline - time.monotonic()) > 0:
                self._hurry = True
                self._changed.notify_all()
                self._changed.wait_for(self._ended, min(remaining_s, _FLUSH_RETRY_S))
            if self._failure is not None:
                raise self._failure
            if not self._settled():
                raise DeliveryTimeout(
                    f"{self._spool.pending_count} records are not delivered after {timeout_s} s"
                    + (f"; {self._reason}" if self._reason else ""),
                    hint="They are kept in the spool and delivered when the server takes them.",
                )

    def _ended(self) -> bool:
        return self._settled() or self._failure is not None or self._closing

    def _settled(self) -> bool:
        """Nothing waits, and the server was asked whether it still has what was delivered earlier."""
        return self._spool.pending_count == 0 and (self._synchronized or self._spool.is_fresh)

    def _run(self) -> None:
        try:
            with IntakeClient(self._endpoint, timeout_s=self._timeout_s) as intake:
                self._deliver(intake)
        except SpoolBusy:  # closed while a record was on its way: it is sent again next time
            self._become(DeliveryState.CLOSED)
        except WorkerError as error:
            self._stop(error)
        except Exception as error:
            _log.exception("delivery stopped", worker=self._worker.hex())
            self._stop(DeliveryError(f"delivery stopped: {error}", hint="Restart the worker; the records are kept."))
        else:
            self._become(DeliveryState.CLOSED)

    def _deliver(self, intake: IntakeClient) -> None:
        while not self._closing:
            try:
                if not self._synchronized:
                    self._synchronize(intake)
                self._send_or_rest(intake)
            except IntakeUnavailable as error:
                self._pause(error)

    def _synchronize(self, intake: IntakeClient) -> None:
        rejection = self._spool.rejection()
        if rejection is not None:
            raise _rejected(rejection)
        self._spool.reconcile(intake.next_sequence(self._worker))
        self._synchronized = True
        self._touch()

    def _send_or_rest(self, intake: IntakeClient) -> None:
        batch = self._spool.pending(limit=_BATCH_RECORDS, limit_bytes=_BATCH_BYTES)
        if not batch:
            self._rest()
            return
        if self._state is DeliveryState.IDLE:
            self._become(DeliveryState.SENDING)
        verdict = intake.submit([record.envelope for record in batch])
        self._apply(batch, verdict)
        self._backoff.reset()
        self._touch()

    def _apply(self, batch: list[Spooled], verdict: Verdict) -> None:
        self._spool.acknowledge(verdict.stored)
        problem = verdict.problem
        if problem is None:
            return
        refused = batch[verdict.stored]
        if problem.code == SequenceGap.code:
            self._close_gap(refused.sequence, problem.expected)
            return
        rejection = Rejection(refused.sequence, problem.code, _explain(problem))
        self._spool.reject(rejection)
        raise _rejected(rejection)

    def _close_gap(self, sequence: int, expected: int | None) -> None:
        if expected is None or expected >= sequence:
            raise IntakeUnavailable(f"the intake refused record {sequence} because it expects record {expected}")
        self._spool.reconcile(expected)

    def _rest(self) -> None:
        with self._changed:
            if self._settled():
                self._state, self._reason = DeliveryState.IDLE, ""
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._closing or not self._settled())

    def _pause(self, error: IntakeUnavailable) -> None:
        """Wait before the next try; a flush cuts the wait short, unless the server wished for it."""
        delay_s = self._backoff.next_s(error.retry_after_s)
        with self._changed:
            self._contacted = True
            self._state, self._reason = DeliveryState.WAITING, error.message
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closing or (self._hurry and not error.retry_after_s), delay_s)
            self._hurry = False

    def _become(self, state: DeliveryState) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def _touch(self) -> None:
        with self._changed:
            self._contacted, self._state, self._reason = True, DeliveryState.SENDING, ""
            self._changed.notify_all()

    def _stop(self, error: WorkerError) -> None:
        with self._changed:
            self._contacted = True
            self._state, self._reason, self._failure = DeliveryState.STOPPED, error.message, error
            self._changed.notify_all()


def _explain(problem: Problem) -> str:
    return f"{problem.detail} {problem.hint}".strip()


def _rejected(rejection: Rejection) -> RecordRejected:
    if rejection.code == SequenceConflict.code:
        hint = "Two spools have signed with this key: give every worker its own, and start here with an empty spool."
    else:
        hint = "Fix the cause, move the file from rejected/ back to pending/, and start the worker again."
    return RecordRejected(
        f"record {rejection.sequence} was refused ({rejection.code}): {rejection.reason}",
        sequence=rejection.sequence,
        code=rejection.code,
        hint=hint,
    )
