"""The errors of the worker half: the SDK on the machine that generates, the intake on the server.

WorkerError
├── KeyUnusable             no usable private key where one was looked for
├── InvalidEndpoint         the server's address is not an HTTP URL
├── SpoolError              something about the directory that records wait in
│   ├── SpoolBusy               another process, or another worker of this one, holds the spool
│   ├── SpoolForeign            the spool belongs to another worker's key
│   └── SpoolDamaged            a file of the spool is not what this program wrote
├── RecordingMisused        a generation was described in a way that cannot be recorded
├── DeliveryError           spooled records did not reach the server
│   ├── IntakeUnavailable       no connection, or an answer that says "later": kept and tried again
│   ├── DeliveryTimeout         not everything was delivered in the time given: kept and tried again
│   ├── RecordRejected          the intake refused a record for good: delivery stops
│   └── HistoryMissing          the intake asks for records that the spool no longer keeps: delivery stops
└── IntakeError             a submission was refused
    ├── UnknownWorker           the signer is not admitted (yet)
    ├── RetiredKey              signed by a key that is not the worker's at this number
    ├── RateLimited             more comes than is taken now
    ├── SequenceConflict        another record is stored under this worker's sequence number
    ├── SequenceGap             a record in between is missing
    ├── RequestRefused          an HTTP request that carries no submission: its size, its encoding, its pace
    ├── ImportFailed            a file of records cannot be read
    └── SpanRejected            a span that says too little for a generation record
"""

from atlas.indexer.errors import IndexerError


class WorkerError(IndexerError):
    """An expected failure on the way from a worker to the ledger."""


class KeyUnusable(WorkerError):
    """No usable private key where one was looked for; the message never shows a key."""

    exit_code = 2


class InvalidEndpoint(WorkerError):
    """The server's address is not an HTTP URL."""

    exit_code = 2


class SpoolError(WorkerError):
    """Something about the directory that records wait in."""

    exit_code = 2


class SpoolBusy(SpoolError):
    """Another process, or another worker of this process, holds the spool."""


class SpoolForeign(SpoolError):
    """The spool belongs to another worker's key."""


class SpoolDamaged(SpoolError):
    """A file of the spool is not what this program wrote."""

    exit_code = 4


class RecordingMisused(WorkerError):
    """A generation was described in a way that cannot be recorded (W2)."""

    exit_code = 2


class DeliveryError(WorkerError):
    """Spooled records did not reach the server."""

    exit_code = 3


class IntakeUnavailable(DeliveryError):
    """No connection, or an answer that says "later"; ``retry_after_s`` is the server's wish, if it has one."""

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class DeliveryTimeout(DeliveryError):
    """Not everything was delivered in the time given; what is left is on disk and is tried again."""


class RecordRejected(DeliveryError):
    """The intake refused the record with number ``sequence`` for good, for the reason called ``code``."""

    exit_code = 4

    def __init__(self, message: str, *, sequence: int, code: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.sequence = sequence
        self.code = code


class HistoryMissing(DeliveryError):
    """The intake asks for records that the spool no longer keeps."""

    exit_code = 4


class IntakeError(WorkerError):
    """A submission was refused; ``code`` is the stable name of the reason."""

    exit_code = 4
    code = "refused"


class UnknownWorker(IntakeError):
    """The signer is not admitted: it has no stake that the ledger knows of (W12)."""

    code = "unknown_worker"


class RetiredKey(IntakeError):
    """Signed by a key that is not the worker's at this number: it was handed over, or is not recorded yet."""

    code = "retired_key"


class RateLimited(IntakeError):
    """More comes than is taken now; there will be room after ``retry_after_s``."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after_s: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class SequenceConflict(IntakeError):
    """Another record is stored under this worker's sequence number."""

    code = "sequence_conflict"


class SequenceGap(IntakeError):
    """The worker's record number ``expected`` is missing; ``got`` came."""

    code = "sequence_gap"

    def __init__(self, message: str, *, expected: int, got: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.expected = expected
        self.got = got


class RequestRefused(IntakeError):
    """An HTTP request that is refused before its content is looked at; ``status`` is the answer's (RFC 9110)."""

    def __init__(self, status: int, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


class ImportFailed(IntakeError):
    """A file of records cannot be read, or a part of it was refused."""

    code = "import_failed"


class SpanRejected(IntakeError):
    """A span that says too little, or what a generation record cannot hold."""

    code = "span_rejected"
