"""Group commit: small batches of several threads and tasks go into one transaction.

Every transaction holds the head's lock until it is on disk, so callers that append alone wait in line for as many
flushes. Here the first to come leads: while its transaction runs, the others leave their batches, and the first of
them leads the next, with all that have come by then. Nobody waits for company, so a lone thread loses nothing. A task
must not block its event loop: where it would lead, a thread of the group does, and the tasks of one loop are woken
together.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from atlas.ledger.batches import Batch, distinct, joined
from atlas.ledger.errors import AlteredKey, ConflictingFact

Record = Callable[[Batch], list[int]]


class _Request:
    """A batch, and in the end either its positions or the reason why it has none.

    ``leads`` says that it is its caller's turn to lead, who is woken for it, as for having been settled.
    """

    __slots__ = ("batch", "error", "leads", "positions")

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.positions: list[int] | None = None
        self.error: BaseException | None = None
        self.leads = False

    def is_settled(self) -> bool:
        return self.positions is not None or self.error is not None


class _ThreadRequest(_Request):
    """A thread's. It is woken once, for one or the other: a bare lock is all that it needs."""

    __slots__ = ("asleep",)

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self.asleep = threading.Lock()
        self.asleep.acquire()


class _TaskRequest(_Request):
    """A task's, which awaits ``future`` on ``loop``."""

    __slots__ = ("future", "loop")

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()


class Group:
    """Joins the batches of callers that ``record`` would record one by one, each all or none."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._lock = threading.Lock()
        self._waiting: list[_Request] = []
        self._is_led = False
        self._leader = ThreadPoolExecutor(1, thread_name_prefix="append")

    def record(self, batch: Batch) -> list[int]:
        """The positions of the batch's facts. Raises what ``record`` raises for this batch alone."""
        request = _ThreadRequest(batch)
        if not self._join(request):
            self._wait(request)
        if not request.is_settled():
            self._lead(request)
        return _outcome(request)

    async def record_async(self, batch: Batch) -> list[int]:
        """As ``record``, for a task. One that is cancelled withdraws its batch unless its transaction has begun."""
        request = _TaskRequest(batch)
        if self._join(request):
            self._leader.submit(self._lead)
        try:
            await request.future
        except asyncio.CancelledError:
            with self._lock, suppress(ValueError):
                self._waiting.remove(request)
            raise
        return _outcome(request)

    def _join(self, request: _Request) -> bool:
        """Whether nobody leads, so that it is this caller's turn."""
        with self._lock:
            self._waiting.append(request)
            leads, self._is_led = not self._is_led, True
        return leads

    def _wait(self, request: _ThreadRequest) -> None:
        try:
            request.asleep.acquire()
        except BaseException:
            with self._lock:
                if request in self._waiting:
                    self._waiting.remove(request)
                    if request.leads:
                        self._pass_on()
            raise

    def _lead(self, own: _Request | None = None) -> None:
        """Settle all that have come, this thread's ``own`` request among them, and pass the lead on."""
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
            _wake([request for request in requests if request is not own])

    def _pass_on(self) -> None:
        self._is_led = bool(self._waiting)
        if not self._waiting:
            return
        first = self._waiting[0]
        first.leads = True
        if isinstance(first, _ThreadRequest):
            first.asleep.release()
        else:
            self._leader.submit(self._lead)

    def _settle(self, requests: Sequence[_Request]) -> None:
        """Record the requests together; after a conflict apart, so that it concerns only those who conflict."""
        if not requests:
            return  # tasks were cancelled before a thread came to lead
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


def _outcome(request: _Request) -> list[int]:
    if request.error is not None:
        raise request.error
    return request.positions or []


def _wake(requests: Sequence[_Request]) -> None:
    tasks: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for request in requests:
        if isinstance(request, _ThreadRequest):
            request.asleep.release()
        elif isinstance(request, _TaskRequest):
            tasks.setdefault(request.loop, []).append(request.future)
    for loop, futures in tasks.items():
        with suppress(RuntimeError):  # of a loop that was closed meanwhile: nobody waits there
            loop.call_soon_threadsafe(_finish, futures)


def _finish(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
