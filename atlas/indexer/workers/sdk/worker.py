"""The worker SDK: record generations on the machine that runs them, and deliver the signed records.

    worker = Worker(key=WorkerKey.from_file(path), spool=Path("spool"), endpoint="http://127.0.0.1:8000")
    with worker.generation(agent="video", model=Model("wan", "2.2", "alibaba"), prompt="a harbour at dawn") as record:
        record.output(render(), role="video", media_type="video/mp4")
    worker.flush(timeout_s=30)

A record is on disk when the block ends, whatever the network does. An exception inside the block propagates, and
nothing is recorded.
"""

import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import httpx
import msgspec

from atlas.indexer.workers.errors import InvalidEndpoint
from atlas.indexer.workers.keys import WorkerKey
from atlas.indexer.workers.sdk.content import ContentDirectory, digest_of
from atlas.indexer.workers.sdk.delivery import Backoff, Delivery, DeliveryStatus
from atlas.indexer.workers.sdk.handover import Identity
from atlas.indexer.workers.sdk.recording import Generated, Material, Measurement, Parameters, Recording
from atlas.indexer.workers.sdk.spool import Spool
from atlas.indexer.workers.sdk.telemetry import Devices
from atlas.protocol.generation import GenerationRecord, Input, Model, encode_record, record_id

_FIRST_CONTACT_S = 5.0
_NO_PARAMETERS: Parameters = {}


class Worker:
    """One worker: a key, a spool of its own, and the server that its records go to."""

    def __init__(
        self,
        *,
        key: WorkerKey,
        spool: Path,
        endpoint: str,
        content: ContentDirectory | None = None,
        devices: Devices | None = None,
        timeout_s: float = 30.0,
        backoff: Backoff | None = None,
    ) -> None:
        """Open the spool, begin to deliver what waits there; outputs are copied to ``content``, if given.

        ``devices`` defaults to what NVML finds, ``timeout_s`` bounds one HTTP exchange. Raises InvalidEndpoint and
        SpoolError (SpoolBusy when another process has it).
        """
        _require_http(endpoint)
        self._identity = Identity.load(spool, key)
        self._signing = threading.Lock()
        self._take_output = content.add if content else digest_of
        self._devices = devices or Devices.detect()
        self._spool = Spool(spool, self.address)
        unspooled = self._identity.unspooled(self._spool.next_sequence)
        if unspooled is not None:
            self._spool.append(lambda sequence: unspooled)
        self._delivery = Delivery(
            self._spool, self.address, endpoint, timeout_s=timeout_s, backoff=backoff or Backoff()
        )
        self._delivery.start()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def address(self) -> bytes:
        """The worker's address, 20 bytes: that of its first key, also after it has changed."""
        return self._identity.address

    @property
    def status(self) -> DeliveryStatus:
        """How delivery stands: its state, how many records wait, and why."""
        return self._delivery.status()

    @contextmanager
    def generation(
        self,
        *,
        agent: str,
        model: Model,
        prompt: str,
        inputs: Sequence[Material | Input] = (),
        parameters: Parameters = _NO_PARAMETERS,
        seed: int | None = None,
    ) -> Generator[Recording]:
        """Record the generation that runs in the block; the record is signed and on disk when the block ends.

        Raises RecordingMisused for what a record cannot hold, SpoolError when it cannot be written, and, before
        anything runs, RecordRejected or HistoryMissing when delivery has stopped.
        """
        self._spool.require_ownership()  # first: in a forked child the locks of delivery may never be released
        self._delivery.require_running()
        recording = Recording(
            agent=agent, model=model, prompt=prompt, parameters=parameters, seed=seed, keep=self._take_output
        )
        for source in inputs:
            recording.input(source)
        with self._devices.measuring() as usage:
            started_at_ms, started_ns = time.time_ns() // 1_000_000, time.monotonic_ns()
            yield recording
            runtime_ms = (time.monotonic_ns() - started_ns) // 1_000_000
            ended_at_ms = max(time.time_ns() // 1_000_000, started_at_ms)  # the wall clock may be set back
            record = recording.complete(Measurement(started_at_ms, ended_at_ms, runtime_ms, usage()))
        recording.conclude(self._spool_record(record))

    def hand_over(self, next_key: WorkerKey) -> None:
        """Let ``next_key`` sign from here on; the present key is refused afterwards, and the worker stays who it is.

        The next start of this worker needs ``next_key`` and this spool. Raises SpoolError, and InvalidEnvelope after
        as many changes as a worker may have.
        """
        with self._signing:
            after = self._identity

            def sign(sequence: int) -> bytes:
                nonlocal after
                after = self._identity.handed_over(next_key, sequence)
                after.save(self._spool.directory)
                return after.rotations[-1]

            self._spool.append(sign)
            self._identity = after
        self._delivery.wake()

    def flush(self, timeout_s: float) -> None:
        """Return once all records are stored by the server.

        Raises DeliveryTimeout when that takes longer, RecordRejected or HistoryMissing when delivery has stopped.
        """
        self._delivery.flush(timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """Stop delivery and let go of the spool; what is not delivered stays there for the next start."""
        self._delivery.close(timeout_s)
        self._spool.close()

    def _spool_record(self, record: GenerationRecord) -> Generated:
        if self._spool.is_fresh:  # a spool that was lost goes on where the server is
            self._delivery.wait_for_contact(_FIRST_CONTACT_S)
        numbered = record

        def sign(sequence: int) -> bytes:
            nonlocal numbered
            numbered = msgspec.structs.replace(record, worker=self.address, sequence=sequence)
            return self._identity.seal(numbered)

        with self._signing:
            spooled = self._spool.append(sign)
        self._delivery.wake()
        return Generated(record_id(encode_record(numbered)), spooled.sequence, numbered.outputs)


def _require_http(endpoint: str) -> None:
    try:
        url = httpx.URL(endpoint)
    except httpx.InvalidURL as error:
        raise InvalidEndpoint(f"{endpoint!r} is not a URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise InvalidEndpoint(f"{endpoint!r} is not an HTTP URL", hint="Expected such as http://127.0.0.1:8000.")
