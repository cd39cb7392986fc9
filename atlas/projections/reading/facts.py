"""From recorded facts to the typed values that handlers take.

    topic                      handler's first argument
    chain.abi                  atlas.protocol.facts.RecordedAbi
    chain.contract             atlas.protocol.facts.WatchedContract
    chain.events               atlas.protocol.facts.WatchedEvents
    chain.header               Header
    chain.finalized            atlas.protocol.facts.ChainFinalized
    chain.reorged              atlas.protocol.facts.ChainReorged (the engine itself takes the orphans out)
    chain.log                  an event of atlas.protocol.events, or atlas.projections.decoded.DecodedEvent of any ABI
    worker.record              atlas.protocol.generation.SignedRecord
    decision.manifest-signed   atlas.protocol.facts.ManifestSigned
    decision.*                 a decision of atlas.protocol.decisions, its signatures verified

Whatever is wrong with a fact's bytes is a ProtocolError with a stable ``reason_of``.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from atlas.protocol import facts
from atlas.protocol.decisions import DECISIONS, open_decision
from atlas.protocol.errors import AtlasError, InvalidEnvelope, MalformedFact, UndecodableLog
from atlas.protocol.evm.errors import MalformedRlp
from atlas.protocol.evm.rlp import decode_list
from atlas.protocol.facts import (
    BlockHeader,
    ChainFinalized,
    ChainReorged,
    ManifestSigned,
    RecordedAbi,
    WatchedContract,
    WatchedEvents,
)
from atlas.protocol.generation import SignedRecord, open_envelope
from atlas.protocol.keccak import keccak256

# Yellow Paper 4.3: fifteen fields or more, of which the ninth is the number and the twelfth the time.
_NUMBER, _TIME, _FIELDS, _WORD_BYTES = 8, 11, 15, 8


class Header(msgspec.Struct, frozen=True):
    """What views need of a block header; ``time`` is in seconds since 1970."""

    chain: str
    number: int
    hash: bytes
    time: int


def read_header(payload: bytes) -> Header:
    """The header in a ``chain.header`` fact. Raises MalformedFact."""
    block = facts.decode(payload, BlockHeader)
    try:
        fields = decode_list(block.rlp)
    except MalformedRlp as error:
        raise MalformedFact(f"a block header is an RLP list: {error.message}") from error
    if len(fields) < _FIELDS:
        raise MalformedFact(f"a block header is an RLP list of {_FIELDS} or more fields")
    number, time = fields[_NUMBER], fields[_TIME]
    if not isinstance(number, bytes) or not isinstance(time, bytes) or max(len(number), len(time)) > _WORD_BYTES:
        raise MalformedFact("the number and the time of a block header are integers of at most 64 bits")
    return Header(block.chain, int.from_bytes(number), keccak256(block.rlp), int.from_bytes(time))


READERS: Mapping[str, Callable[[bytes], msgspec.Struct]] = {
    facts.ABI_TOPIC: lambda payload: facts.decode(payload, RecordedAbi),
    facts.EVENTS_TOPIC: lambda payload: facts.decode(payload, WatchedEvents),
    facts.CONTRACT_TOPIC: lambda payload: facts.decode(payload, WatchedContract),
    facts.HEADER_TOPIC: read_header,
    facts.FINALIZED_TOPIC: lambda payload: facts.decode(payload, ChainFinalized),
    facts.REORGED_TOPIC: lambda payload: facts.decode(payload, ChainReorged),
    facts.RECORD_TOPIC: open_envelope,
    facts.MANIFEST_TOPIC: lambda payload: facts.decode(payload, ManifestSigned),
    **{topic: partial(open_decision, kind=kind) for topic, kind in DECISIONS.items()},
}
"""How the payload of each topic is read; logs need the watched contracts besides, see ``atlas.projections.fold``."""

TOPIC_OF: Mapping[type, str] = {
    RecordedAbi: facts.ABI_TOPIC,
    WatchedContract: facts.CONTRACT_TOPIC,
    WatchedEvents: facts.EVENTS_TOPIC,
    Header: facts.HEADER_TOPIC,
    ChainFinalized: facts.FINALIZED_TOPIC,
    ChainReorged: facts.REORGED_TOPIC,
    SignedRecord: facts.RECORD_TOPIC,
    ManifestSigned: facts.MANIFEST_TOPIC,
    **{kind: topic for topic, kind in DECISIONS.items()},
}
"""The topic of each type of fact that is not a log."""


def reason_of(error: AtlasError) -> str:
    """The stable name of what is wrong: the error's own code, or its class in kebab case."""
    if isinstance(error, UndecodableLog):
        return error.reason
    if isinstance(error, InvalidEnvelope):
        return error.code
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()
