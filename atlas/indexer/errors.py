"""The errors of everything that comes in.

IndexerError
├── ChainError                  something about one chain or its endpoint
│   ├── InvalidChainConfig      settings of a chain that cannot work                            exit code 2
│   ├── EndpointError           an RPC endpoint did not give a usable answer                    exit code 3
│   │   ├── EndpointUnavailable     no connection, time-out, HTTP 429 or 5xx: try again
│   │   ├── EndpointRefused         HTTP 4xx or a JSON-RPC error object
│   │   │   ├── FinalityUnknown     ... because the node does not know the tag ``finalized``
│   │   │   ├── StateUnavailable    ... because a pruned node no longer has the state asked about   exit code 2
│   │   │   └── RangeTooLarge       ... because the range or its answer is too large: ask for less
│   │   ├── InconsistentAnswers     two answers do not fit together: the chain moved between them, try again
│   │   ├── MalformedResponse       not JSON-RPC, or not the method's shape                     exit code 4
│   │   └── LyingEndpoint           contradicts itself or a header whose hash was verified      exit code 4
│   ├── WrongChain              the endpoint serves another chain than the configured one       exit code 2
│   ├── NoContractCode          a watched address has no code                                   exit code 2
│   ├── ContractChanged         a watched contract is recorded with other settings              exit code 2
│   ├── AlreadyRunning          another process indexes this chain into this database           exit code 2
│   ├── NothingToResolve        the operator decides about a chain that is in no trouble        exit code 2
│   └── ReorgBeyondWindow       the fork point is older than the stored window or is finalized  exit code 1
└── atlas.indexer.workers.errors.WorkerError
"""

from typing import Literal

from atlas.protocol.errors import AtlasError


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
    """No connection, no answer in time, or an HTTP status that says "later"; trying again may help."""

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class EndpointRefused(EndpointError):
    """The endpoint understood the request and refused it; ``code`` is the JSON-RPC or HTTP code."""

    def __init__(self, message: str, *, code: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class FinalityUnknown(EndpointRefused):
    """The node does not know the block tag ``finalized``."""


class StateUnavailable(EndpointRefused):
    """The node no longer has the state of the block that was asked about."""

    exit_code = 2


class RangeTooLarge(EndpointRefused):
    """The endpoint refuses a range of blocks, or a number of logs, of this size."""


class InconsistentAnswers(EndpointError):
    """Two answers do not fit together: the chain moved between them, or several nodes answer; trying again helps."""


class MalformedResponse(EndpointError):
    """The answer is not JSON-RPC, or not the shape that the method answers with."""

    exit_code = 4


class LyingEndpoint(EndpointError):
    """The answer is well formed, but contradicts itself or a header whose hash was verified."""

    exit_code = 4


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


class NothingToResolve(ChainError):
    """The operator decides about a chain whose stored blocks nobody contradicts."""

    exit_code = 2


class ReorgBeyondWindow(ChainError):
    """What the endpoint says cannot be joined to the stored chain, or contradicts a finalized block.

    ``state`` says which way: the endpoint is ``lagging`` (its head is below all that is stored) or ``forked``.
    """

    def __init__(self, message: str, *, state: Literal["lagging", "forked"], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.state: Literal["lagging", "forked"] = state
