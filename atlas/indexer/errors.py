"""The errors of everything that comes in.

IndexerError
├── ChainError                  something about one chain or its endpoint
│   ├── InvalidChainConfig      settings of a chain that cannot work                            exit code 2
│   ├── EndpointError           an RPC endpoint did not give a usable answer                    exit code 3
│   │   ├── EndpointUnavailable     no connection, time-out, HTTP 429 or 5xx: try again
│   │   ├── EndpointRefused         HTTP 4xx or a JSON-RPC error object
│   │   │   ├── FinalityUnknown     ... because the node does not know the tag ``finalized``
│   │   │   ├── HistoryPruned       ... because the node no longer keeps what is that old
│   │   │   │   └── StateUnavailable    ... the state of the block asked about                    exit code 2
│   │   │   ├── BatchRefused        ... because it takes no batches, or none this large
│   │   │   └── RangeTooLarge       ... because the range or its answer is too large: ask for less
│   │   ├── InconsistentAnswers     two answers do not fit together: the chain moved between them, try again
│   │   ├── MalformedResponse       not JSON-RPC, or not the method's shape                     exit code 4
│   │   └── LyingEndpoint           contradicts itself or a header whose hash was verified      exit code 4
│   ├── WrongChain              the endpoint serves another chain than the configured one       exit code 2
│   ├── NoContractCode          a watched address has no code                                   exit code 2
│   ├── ContractChanged         a watched contract is recorded with other settings              exit code 2
│   ├── AlreadyRunning          another process indexes this chain into this database           exit code 2
│   ├── NotALog                 a position of the log that holds no log of a chain              exit code 2
│   ├── DisprovenLog            a recorded log that its own block does not have                 exit code 1
│   ├── NothingToResolve        the operator decides about a chain that is in no trouble        exit code 2
│   └── ReorgBeyondWindow       the fork point is older than the stored window or is finalized  exit code 1
└── atlas.indexer.workers.errors.WorkerError
"""

from typing import Literal

import msgspec

from atlas.protocol.errors import AtlasError


class Exchange(msgspec.Struct, frozen=True):
    """What an endpoint was asked and what it answered, both JSON: the calls, and their results as they came."""

    request: bytes
    response: bytes


class IndexerError(AtlasError):
    """An expected failure of what comes in."""


class ChainError(IndexerError):
    """A failure that concerns one chain or its endpoint."""


class InvalidChainConfig(ChainError):
    """Settings of a chain that cannot work."""

    exit_code = 2


class EndpointError(ChainError):
    """An RPC endpoint did not give a usable answer; the message names URL (secrets masked), method and range."""

    exit_code = 3


class EndpointUnavailable(EndpointError):
    """No connection, no answer in time, or an HTTP status that says "later"; trying again may help.

    ``retry_after_s`` is the wait that the endpoint asks for; ``is_timeout`` says that less might be answered in
    time, ``is_overload`` that it is asked too often.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retry_after_s: float | None = None,
        is_timeout: bool = False,
        is_overload: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s
        self.is_timeout = is_timeout
        self.is_overload = is_overload


class EndpointRefused(EndpointError):
    """The endpoint understood the request and refused it; ``code`` is the JSON-RPC or HTTP code."""

    def __init__(self, message: str, *, code: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class FinalityUnknown(EndpointRefused):
    """The node does not know the block tag ``finalized``."""


class HistoryPruned(EndpointRefused):
    """The node no longer keeps blocks, logs or states that are this old."""


class StateUnavailable(HistoryPruned):
    """The node no longer has the state of the block that was asked about."""

    exit_code = 2


class BatchRefused(EndpointRefused):
    """The endpoint takes no JSON-RPC batches, or none this large."""


class RangeTooLarge(EndpointRefused):
    """The endpoint refuses a range of blocks, or a number of logs, of this size.

    ``max_blocks`` is what it says that it would answer, in blocks; None when it does not say.
    """

    def __init__(self, message: str, *, code: int, hint: str = "", max_blocks: int | None = None) -> None:
        super().__init__(message, code=code, hint=hint)
        self.max_blocks = max_blocks


class InconsistentAnswers(EndpointError):
    """Two answers do not fit together: the chain moved between them, or several nodes answer; trying again helps."""


class MalformedResponse(EndpointError):
    """The answer is not JSON-RPC, or not the shape that the method answers with."""

    exit_code = 4


class LyingEndpoint(EndpointError):
    """The answer is well formed, but contradicts itself or a header whose hash was verified.

    ``header_rlp`` and ``exchange`` are what shows it, where they are known; ``evidence`` keeps them.
    """

    exit_code = 4

    def __init__(
        self, message: str, *, hint: str = "", header_rlp: bytes | None = None, exchange: Exchange | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.header_rlp = header_rlp
        self.exchange = exchange


class WrongChain(ChainError):
    """The endpoint serves another chain than the configured one."""

    exit_code = 2


class NoContractCode(ChainError):
    """A watched address has no code at the head of the chain."""

    exit_code = 2


class ContractChanged(ChainError):
    """A watched contract was recorded earlier with another ABI name or start block."""

    exit_code = 2


class AlreadyRunning(ChainError):
    """Another process indexes this chain into this database."""

    exit_code = 2


class NotALog(ChainError):
    """A position of the ledger at which there is no log of a chain to be proven."""

    exit_code = 2


class NothingToResolve(ChainError):
    """The operator decides about a chain whose stored blocks nobody contradicts."""

    exit_code = 2


class DisprovenLog(ChainError):
    """A log was recorded that the block it names does not have."""


class ReorgBeyondWindow(ChainError):
    """What the endpoint says cannot be joined to the stored chain, or contradicts a finalized block.

    ``state`` says which way: the endpoint is ``lagging`` (its head is below all that is stored) or ``forked``.
    """

    def __init__(self, message: str, *, state: Literal["lagging", "forked"], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.state: Literal["lagging", "forked"] = state
