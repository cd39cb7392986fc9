"""How fast records are taken: token buckets, one for everybody together and one a worker.

A bucket holds ``burst_s`` seconds' worth and refills evenly. The worker's bucket is charged after its signature was
verified, so that nobody uses up another's share; the common one before anything is decoded.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from atlas.indexer.workers.errors import RateLimited
from atlas.protocol.ids import checksum_address

_WORKERS_REMEMBERED = 10_000  # one forgotten has a full bucket again


class Rate(msgspec.Struct, frozen=True):
    """Records and bytes a second; 0 is no limit."""

    records_per_s: float = 0
    bytes_per_s: float = 0


class Throttle:
    """Counts what comes; safe to share between threads. ``clock`` tells seconds and never goes back."""

    def __init__(
        self,
        overall: Rate,
        per_worker: Rate,
        *,
        burst_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._burst_s = burst_s
        self._per_worker = per_worker
        self._overall = _Buckets(overall, burst_s, clock())
        self._workers: OrderedDict[bytes, _Buckets] = OrderedDict()

    def charge(self, size_bytes: int) -> None:
        """A submission of ``size_bytes`` comes. Raises RateLimited."""
        with self._guard:
            wait_s = self._overall.take(0, size_bytes, self._clock())
        if wait_s > 0:
            raise _limited("the intake takes no more bytes now", wait_s)

    def charge_worker(self, worker: bytes, records: int, size_bytes: int) -> None:
        """It holds so many records of ``worker``. Raises RateLimited; then nothing is charged."""
        with self._guard:
            now_s = self._clock()
            buckets = self._workers.setdefault(worker, _Buckets(self._per_worker, self._burst_s, now_s))
            self._workers.move_to_end(worker)
            if len(self._workers) > _WORKERS_REMEMBERED:
                self._workers.popitem(last=False)
            wait_s = buckets.wait_s(records, size_bytes, now_s) or self._overall.take(records, 0, now_s)
            if not wait_s:
                buckets.take(records, size_bytes, now_s)
        if wait_s > 0:
            raise _limited(f"worker {checksum_address(worker)} sends more than is taken now", wait_s)


class _Buckets:
    """What may still come: records, and bytes."""

    def __init__(self, rate: Rate, burst_s: float, now_s: float) -> None:
        self._rates = (rate.records_per_s, rate.bytes_per_s)
        self._most = (rate.records_per_s * burst_s, rate.bytes_per_s * burst_s)
        self._left = list(self._most)
        self._filled_at_s = now_s

    def wait_s(self, records: int, size_bytes: int, now_s: float) -> float:
        """How long until there is room, 0 when there is. More than a full bucket needs a full one, and empties it."""
        elapsed_s, self._filled_at_s = now_s - self._filled_at_s, now_s
        wait_s = 0.0
        for place, amount in enumerate((records, size_bytes)):
            rate, most = self._rates[place], self._most[place]
            self._left[place] = min(most, self._left[place] + rate * elapsed_s)
            if rate and amount and self._left[place] < min(amount, most):
                wait_s = max(wait_s, (min(amount, most) - self._left[place]) / rate)
        return wait_s

    def take(self, records: int, size_bytes: int, now_s: float) -> float:
        """As ``wait_s``, and what there is room for is taken."""
        wait_s = self.wait_s(records, size_bytes, now_s)
        if not wait_s:
            self._left = [left - amount for left, amount in zip(self._left, (records, size_bytes), strict=True)]
        return wait_s


def _limited(reason: str, wait_s: float) -> RateLimited:
    return RateLimited(reason, retry_after_s=max(1, math.ceil(wait_s)), hint="Send the same bytes again later.")
