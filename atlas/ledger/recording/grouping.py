"""Group commit: small batches of several threads and tasks go into one transaction.

Every transaction holds the head's lock until it is on disk, so callers that append alone wait in line for as many
flushes. Here the first to come leads: while its transaction runs, the others leave their batches, and the first of
them leads the next, with all that have come by then. Nobody waits for company, so a lone thread loses nothing. A task
must not block its event loop: where it would lead, a thread of the group does, and the tasks of one loop are woken
together. What interrupts a leader, as Ctrl-C does, is its own: the others' batches go into the next transaction.
"""

import asyncio
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue

import psycopg

from atlas.ledger.errors import DatabaseFull, DatabaseUnreachable
from atlas.ledger.recording.batches import Batch, distinct, joined

Record = Callable[[Batch], list[int]]
# Whatever else goes wrong may be one caller's fault.
_CONCERNS_ALL = (psycopg.Error, DatabaseUnreachable, DatabaseFull)


class _Request:
    """A batch, and in the end either its positions or the reason why it has none.

    ``leads`` says that it is its thread's turn to lead, which is woken for it, as for having been settled;
    ``is_withdrawn`` that its caller has gone while its transaction ran.
    """

    __slots__ = ("batch", "error", "is_withdrawn", "leads", "positions")

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.positions: list[int] | None = None
        self.error: BaseException | None = None
        self.leads = False
        self.is_withdrawn = False

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


class _Leader:
    """A thread that leads for tasks, for as long as ``group`` is there.

    An executor takes no more work once the main thread has ended, while the loops of other threads go on. So this one
    is a daemon, which has its last transaction ended when the interpreter does.
    """

    def __init__(self, group: "Group") -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        thread = threading.Thread(target=_run, args=[self._calls], name="append", daemon=True)
        thread.start()
        weakref.finalize(group, _end, self._calls, thread)

    def call(self, lead: Callable[[], None]) -> None:
        """Let the thread do this next."""
        self._calls.put(lead)


def _run(calls: "SimpleQueue[Callable[[], None] | None]") -> None:
    while (call := calls.get()) is not None:
        with suppress(BaseException):  # those who wait have been told
            call()
        del call  # it holds the group


def _end(calls: "SimpleQueue[Callable[[], None] | None]", thread: threading.Thread) -> None:
    calls.put(None)
    if thread is not threading.current_thread():
        thread.join()


class Group:
    """Joins the batches of callers that ``record`` would record one by one, each all or none.

    ``record`` gives a batch that is recorded already its positions, so that it may be called for it again.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._lock = threading.Lock()
        self._waiting: list[_Request] = []
        self._is_led = False
        self._leader: _Leader | None = None

    def record(self, batch: Batch) -> list[int]:
        """The positions of the batch's facts. Raises what ``record`` raises for this batch alone."""
        request = _ThreadRequest(batch)
        try:
            if not self._join(request):
                request.asleep.acquire()
            if not request.is_settled():
                self._lead(request)
        except BaseException:
            self._withdraw(request)
            raise
        return _outcome(request)

    async def record_async(self, batch: Batch) -> list[int]:
        """As ``record``, for a task. One that is cancelled withdraws its batch unless its transaction has begun."""
        request = _TaskRequest(batch)
        leader = self._started_leader()
        if self._join(request):
            leader.call(self._lead)
        try:
            await request.future
        except asyncio.CancelledError:
            self._withdraw(request)
            raise
        return _outcome(request)

    def _started_leader(self) -> _Leader:
        if self._leader is None:
            with self._lock:
                self._leader = self._leader or _Leader(self)
        return self._leader

    def _join(self, request: _Request) -> bool:
        """Whether nobody leads, so that it is this caller's turn."""
        with self._lock:
            self._waiting.append(request)
            request.leads, self._is_led = not self._is_led, True
        return request.leads

    def _withdraw(self, request: _Request) -> None:
        with self._lock:
            request.is_withdrawn = True
            if request in self._waiting:
                self._waiting.remove(request)
                if request.leads and isinstance(request, _ThreadRequest):
                    self._pass_on()

    def _lead(self, own: _Request | None = None) -> None:
        """Settle all that have come, this thread's ``own`` request among them, and pass the lead on."""
        with self._lock:
            requests, self._waiting = self._waiting, []
        try:
            self._settle(requests)
        except BaseException as error:
            for request in requests:
                if not request.is_settled() and (isinstance(error, Exception) or own in (request, None)):
                    request.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            with self._lock:
                self._waiting[:0] = [one for one in requests if not one.is_settled() and not one.is_withdrawn]
                self._pass_on()
            _wake([request for request in requests if request is not own and request.is_settled()])

    def _pass_on(self) -> None:
        self._is_led = bool(self._waiting)
        if not self._waiting:
            return
        first = self._waiting[0]
        if isinstance(first, _ThreadRequest):
            first.leads = True
            first.asleep.release()
        elif self._leader is not None:
            self._leader.call(self._lead)

    def _settle(self, requests: Sequence[_Request]) -> None:
        """Record the requests together; apart when one may be at fault, so that it concerns only that one."""
        if not requests:
            return  # tasks were cancelled before a thread came to lead
        try:
            batch, places = distinct(joined([request.batch for request in requests]))
            positions = self._record(batch)
        except _CONCERNS_ALL:
            raise
        except Exception as error:
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
