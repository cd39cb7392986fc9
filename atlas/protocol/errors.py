"""The root of every error this program raises on purpose.

AtlasError
├── ProtocolError          a value outside the protocol's vocabulary (this room)
│   ├── MalformedId        an AAID, CAIP-2 or CAIP-10 id that does not parse
│   ├── MalformedAmount    an amount that is not an exact number of wei
│   ├── MalformedFact      stored or received bytes that are not the canonical form
│   ├── UndecodableLog     a log that no known ABI decodes
│   ├── MalformedAbi       a contract ABI that does not describe events
│   ├── InvalidSignature   bytes that are not a signature, or a key that cannot make one
│   │   └── UnsignedDecision   a decision that somebody has not signed who has to
│   ├── InvalidEnvelope    a generation envelope that is refused
│   └── atlas.protocol.evm.errors.EvmError
├── atlas.ledger.errors.LedgerError
├── atlas.rights.errors.RightsError
├── atlas.indexer.errors.IndexerError
├── atlas.projections.errors.ProjectionError
├── atlas.provenance.errors.ProvenanceError
├── atlas.graphql.errors.GraphQLError
└── atlas.settings.SettingsError
"""

from typing import ClassVar


class AtlasError(Exception):
    """An expected failure: what was expected, what came, and (``hint``) what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ProtocolError(AtlasError):
    """A value outside the protocol's vocabulary."""

    exit_code = 4


class MalformedId(ProtocolError):
    """An identifier that does not parse."""


class MalformedAmount(ProtocolError):
    """An amount that is not an exact number of the smallest unit."""


class MalformedFact(ProtocolError):
    """Bytes that are not the canonical form of the fact they claim to be."""


class UndecodableLog(ProtocolError):
    """A log that the ABI of its contract does not decode; ``reason`` is one of a fixed set."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, hint="The raw log is kept; a better ABI decodes it later.")
        self.reason = reason


class MalformedAbi(ProtocolError):
    """A contract ABI that cannot be read, or an event of it that cannot be compiled."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint or "Take the ABI from the compiler's output or a block explorer.")


class InvalidSignature(ProtocolError):
    """Bytes that are not a signature of what they come with, or a key that cannot make one."""


class UnsignedDecision(InvalidSignature):
    """A decision that somebody has not signed who has to, or that was changed afterwards; the field is named."""


class InvalidEnvelope(ProtocolError):
    """A generation envelope that is refused; ``code`` is the stable name of the reason."""

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class MissingArtifact(ProtocolError):
    """A compiled contract that this package does not ship, or whose file is not an artifact."""

    exit_code = 2
