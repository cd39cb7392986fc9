"""The proof of a log that the ledger has: its block's receipts, asked for once more and held against its header."""

from atlas.indexer.chain.rpc.calls import Caller
from atlas.indexer.chain.verification.receipts import consensus_receipts, fetch_receipts, fetch_transactions
from atlas.indexer.errors import DisprovenLog, NotALog
from atlas.ledger.errors import UnknownPosition
from atlas.ledger.log import Ledger
from atlas.protocol.evm.errors import InvalidProof
from atlas.protocol.evm.families import require_provable
from atlas.protocol.evm.headers import Header, decode_header
from atlas.protocol.evm.proofs import LogProof, ProvenLog, prove_log
from atlas.protocol.facts import HEADER_TOPIC, LOG_TOPIC, BlockHeader, ChainLog, block_stream, decode


def recorded_log(ledger: Ledger, position: int) -> tuple[ChainLog, Header]:
    """The log at ``position`` and the header of its block, as recorded.

    Raises UnknownPosition, NotALog, MalformedHeader, DatabaseUnreachable.
    """
    found = list(ledger.facts(after=position - 1, upto=position)) if position <= ledger.head() else []
    if not found:
        raise UnknownPosition(f"the log has no position {position}", hint="Positions count from 1 to the head.")
    fact = found[0]
    if fact.topic != LOG_TOPIC or fact.redaction is not None:
        what = "its payload is withheld" if fact.redaction else f"it holds a fact of topic {fact.topic}"
        raise NotALog(
            f"position {position} cannot be proven by a chain: {what}", hint=f"Name one of topic {LOG_TOPIC}."
        )
    log = decode(fact.payload, ChainLog)
    headers = [one for one in ledger.stream(block_stream(log.chain, log.block_hash)) if one.topic == HEADER_TOPIC]
    if not headers:
        raise DisprovenLog(f"the header of block 0x{log.block_hash.hex()} was not recorded")
    return log, decode_header(decode(headers[0].payload, BlockHeader).rlp)


def prove_recorded_log(log: ChainLog, header: Header, caller: Caller) -> LogProof:
    """The proof that ``header``'s block has ``log``, with that of its transaction where the node gives it.

    Raises DisprovenLog when the block has another log in its place, NotProvable, EndpointError.
    """
    family = require_provable(log.chain)
    receipts = consensus_receipts(header, fetch_receipts(caller, header), family)
    if not log.tx_index < len(receipts):
        raise DisprovenLog(
            f"block {header.number} has {len(receipts)} receipts, and none of transaction {log.tx_index}"
        )
    try:
        proof = prove_log(
            log.chain,
            header,
            receipts,
            transaction_index=log.tx_index,
            log_index=log.log_index,
            transactions=fetch_transactions(caller, header, len(receipts)) or (),
        )
    except InvalidProof as error:
        raise DisprovenLog(f"log {log.log_index} of block {header.number}: {error.message}") from error
    _require_same(log, proof.check(log.block_hash))
    return proof


def _require_same(log: ChainLog, proven: ProvenLog) -> None:
    recorded = (log.block_number, log.block_time, log.address, log.topics, log.data)
    if recorded != (proven.block_number, proven.block_time, proven.address, proven.topics, proven.data):
        raise DisprovenLog(
            f"log {log.log_index} was recorded otherwise than block {log.block_number} has it",
            hint="It was taken from an endpoint whose word was not verified by receipts.",
        )
    if proven.transaction_hash not in (None, log.tx_hash):
        raise DisprovenLog(
            f"log {log.log_index} of block {log.block_number} was recorded for transaction 0x{log.tx_hash.hex()}, "
            f"but it is of 0x{(proven.transaction_hash or b'').hex()}"
        )
