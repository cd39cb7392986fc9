"""The facts of the log: their topics, their stream names and the bytes of their payloads.

Chain payloads are msgpack arrays in the field order of the structs below, decoded strictly:

    topic             stream name                              version           payload
    chain.abi         abi/0x<sha256>                           0                 RecordedAbi
    chain.contract    eip155:1/contract/0x<address>            0                 WatchedContract
    chain.contract    eip155:1/block/0x<hash>                  child_version()   WatchedContract, of a factory's child
    chain.events      eip155:1/events/0x<topics hash>          0                 WatchedEvents
    chain.header      eip155:1/block/0x<hash>                  0                 BlockHeader
    chain.log         eip155:1/block/0x<hash>                  1 + log index     ChainLog
    chain.reorged     eip155:1/reorgs                          0, 1, 2 ...       ChainReorged
    chain.finalized   eip155:1/finalized                       0, 1, 2 ...       ChainFinalized
    worker.record     worker/0x<address>                       sequence number   signed envelope
    worker.key-rotated worker/0x<address>                      sequence number   signed rotation
    decision.manifest-signed  manifest/<aaid>/<version>         0, 1, 2 ...       ManifestSigned, a msgpack map
    decision.*        decision/0x<id of the matter>            0, 1, 2 ...       ``atlas.protocol.decisions``

A child that a factory's event names belongs to the block of that event: it counts as long as the block does.

A stream id is a UUID version 8 (RFC 9562) over the SHA-256 of the stream's name, so that sixteen
bytes identify it in every index and anyone can compute it.
"""

import hashlib
from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

import msgspec

from atlas.protocol.errors import MalformedFact

ABI_TOPIC = "chain.abi"
CONTRACT_TOPIC = "chain.contract"
EVENTS_TOPIC = "chain.events"
HEADER_TOPIC = "chain.header"
LOG_TOPIC = "chain.log"
REORGED_TOPIC = "chain.reorged"
FINALIZED_TOPIC = "chain.finalized"
RECORD_TOPIC = "worker.record"
ROTATION_TOPIC = "worker.key-rotated"
MANIFEST_TOPIC = "decision.manifest-signed"


class RecordedAbi(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The events of an ABI that is not shipped, as canonical JSON (``atlas.protocol.outside``)."""

    sha256: bytes  # of ``json``
    json: bytes


class WatchedContract(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """From ``start_block`` on, logs of ``address`` are read with the ABI called ``abi``.

    ``abi_sha256`` names the RecordedAbi with its events; None for one that is shipped under its name, and then the
    payload is an array of the first four fields.
    """

    chain: str  # CAIP-2
    address: bytes  # 20 bytes
    abi: str
    start_block: int
    abi_sha256: bytes | None = None


class WatchedEvents(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """From ``start_block`` on, logs of any address with one of ``topics`` first are read with the ABI ``abi``."""

    chain: str  # CAIP-2
    topics: tuple[bytes, ...]  # ascending
    abi: str
    start_block: int
    abi_sha256: bytes | None = None


class BlockHeader(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A block header as hashed: keccak256(rlp) is the block hash."""

    chain: str
    rlp: bytes


class ChainLog(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A log as the chain emitted it, with where and when."""

    chain: str
    block_number: int
    block_hash: bytes
    block_time: int  # seconds since 1970, of the header
    tx_hash: bytes
    tx_index: int
    log_index: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


class BlockRef(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A block by height and hash."""

    number: int
    hash: bytes


class ChainReorged(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The fork choice changed above ``ancestor``: some recorded blocks left the canonical chain and some returned.

    ``restored`` names blocks that were orphaned by an earlier fact and are canonical again.
    """

    chain: str
    ancestor: BlockRef
    orphaned: tuple[BlockRef, ...]
    restored: tuple[BlockRef, ...]


class ChainFinalized(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Blocks up to and including ``block`` are final."""

    chain: str
    block: BlockRef


class ManifestSigned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Payload of ``decision.manifest-signed``: a C2PA manifest was signed for one version of an asset."""

    aaid: bytes
    version: int
    media_type: str
    source_sha256: bytes  # of the file as generated, the registered content hash
    signed_sha256: bytes  # of the whole signed file: C2PA leaves some bytes uncovered
    size_bytes: int
    manifest_id: str  # the active manifest's label, urn:c2pa:...
    signer: str  # common name of the signing certificate
    signed_at: int  # seconds since 1970
    records: tuple[bytes, ...]  # ids of the generation records that the manifest speaks of


CHILD_VERSIONS = 1 << 40
"""Versions of a block's stream from here on are children, below are its logs."""

Payload = TypeVar("Payload", bound=msgspec.Struct)

_encoder = msgspec.msgpack.Encoder()


def encode(payload: msgspec.Struct) -> bytes:
    """The canonical bytes of a payload."""
    if isinstance(payload, WatchedContract) and payload.abi_sha256 is None:
        return _encoder.encode((payload.chain, payload.address, payload.abi, payload.start_block))
    return _encoder.encode(payload)


def decode(payload: bytes, kind: type[Payload]) -> Payload:
    """The payload in ``payload``. Raises MalformedFact unless the bytes are its canonical form."""
    try:
        value = msgspec.msgpack.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedFact(f"not a {kind.__name__}: {error}") from error
    if encode(value) != payload:
        raise MalformedFact(f"the bytes of this {kind.__name__} are not in canonical form")
    return value


def stream_id(name: str) -> UUID:
    """UUID version 8 (RFC 9562 section 5.8) of the stream called ``name``."""
    digest = bytearray(hashlib.sha256(b"atlas-ledger/stream/1\n" + name.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))


def contract_stream(chain: str, address: bytes) -> UUID:
    """The stream that says how logs of this contract are read."""
    return stream_id(f"{chain}/contract/0x{address.hex()}")


def abi_stream(sha256: bytes) -> UUID:
    """The stream of one recorded ABI."""
    return stream_id(f"abi/0x{sha256.hex()}")


def events_stream(chain: str, topics: Iterable[bytes]) -> UUID:
    """The stream that says how logs with these first topics are read."""
    return stream_id(f"{chain}/events/0x{hashlib.sha256(b''.join(sorted(topics))).hexdigest()}")


def child_version(log_index: int, place: int) -> int:
    """The version, in its block's stream, of the child that parameter ``place`` (below 256) of a log names."""
    return CHILD_VERSIONS + (log_index << 8) + place


def block_stream(chain: str, block_hash: bytes) -> UUID:
    """The stream of one block: its header, then its logs."""
    return stream_id(f"{chain}/block/0x{block_hash.hex()}")


def reorg_stream(chain: str) -> UUID:
    """The stream of a chain's reorganisations."""
    return stream_id(f"{chain}/reorgs")


def finality_stream(chain: str) -> UUID:
    """The stream of a chain's finalized blocks."""
    return stream_id(f"{chain}/finalized")


def worker_stream(worker: bytes) -> UUID:
    """The stream of one worker's generation records."""
    return stream_id(f"worker/0x{worker.hex()}")
