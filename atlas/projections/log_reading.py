"""From payloads of logs to events: which ABI reads each log, and every ABI's logs decoded by column."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from atlas.projections.reading.contracts import Contracts, Reading, Watch, unknown_abi
from atlas.projections.reading.decoded import DecodedEvent, EventBatch
from atlas.projections.reading.facts import reason_of
from atlas.projections.reading.payloads import Integers, LogColumns, columns_of, read_payloads
from atlas.projections.tables.findings import Findings
from atlas.projections.view import View
from atlas.protocol import facts
from atlas.protocol.abi import EventColumns
from atlas.protocol.decoding import Decoder, shipped_decoder
from atlas.protocol.errors import ProtocolError, UndecodableLog
from atlas.protocol.facts import ChainLog
from atlas.protocol.logs import ArrowArray


class LogReader:
    """Reads logs for ``view``; those that cannot be read are kept in ``findings``, others' are passed over."""

    def __init__(self, view: View, contracts: Contracts, findings: Findings) -> None:
        self._view = view
        self._contracts = contracts
        self._findings = findings

    def read(self, positions: Integers, payloads: ArrowArray) -> Iterator[EventBatch]:
        """The events in the logs at ``positions``, each position once."""
        columns, singles = read_payloads(payloads)
        for logs in columns:
            yield from self._read(logs, positions[logs.rows], payloads)
        for row in singles:
            yield from self._read_single(row, int(positions[row]), payloads)

    def _read_single(self, row: int, position: int, payloads: ArrowArray) -> Iterator[EventBatch]:
        """A log out of the ordinary, or bytes that are none."""
        try:
            log = facts.decode(payloads[row].as_py(), ChainLog)
            logs = columns_of(log, row)
            if logs is None:
                self._refuse_topics(log, position)
            else:
                yield from self._read(logs, np.array([position]), payloads)
        except ProtocolError as error:
            self._findings.undecodable(position, reason_of(error), error.message)

    def _refuse_topics(self, log: ChainLog, position: int) -> None:
        """A log with topics that no chain emits is read by no event."""
        topic = log.topics[0] if log.topics else None
        watches = self._contracts.watches(log.chain, log.address, topic)
        reading = next((each.reading for each in watches if _holds(each, position, log.block_number)), None)
        if reading is None:
            raise UndecodableLog("unwatched", _unwatched(log.chain, log.address, log.block_number))
        if self._view.follows_every_event:
            raise UndecodableLog("shape", "a log has four topics at most, of 32 bytes each")
        if reading.is_shipped and reading.abi in self._view.contracts:
            shipped_decoder(reading.abi).decode(log, position)

    def _read(self, logs: LogColumns, positions: Integers, payloads: ArrowArray) -> Iterator[EventBatch]:
        groups, unwatched = self._by_reading(logs, positions)
        addresses: list[bytes] = logs.addresses.tolist() if unwatched else []
        for place in unwatched:
            detail = _unwatched(logs.chain, addresses[place], logs.block_numbers[place])
            self._findings.undecodable(int(positions[place]), "unwatched", detail)
        for reading, places in groups:
            if self._view.follows_every_event:
                yield from self._decode_any(reading, logs.take(places), positions[places])
            elif reading.is_shipped and reading.abi in self._view.contracts:
                decoder = shipped_decoder(reading.abi)
                yield from self._decode_shipped(decoder, logs.take(places), positions[places], payloads)

    def _by_reading(self, logs: LogColumns, positions: Integers) -> tuple[list[tuple[Reading, Integers]], list[int]]:
        """The places of the logs that each ABI reads, and of those that none reads."""
        found: defaultdict[Reading, list[Integers]] = defaultdict(list)
        unwatched: list[int] = []
        for address, topic, places in _by_source(logs):
            left = places
            for watch in self._contracts.watches(logs.chain, address, topic):
                holds = (positions[left] > watch.position) & (logs.block_numbers[left] >= watch.start_block)
                holds = holds.astype(np.bool_)
                if holds.any():
                    found[watch.reading].append(left[holds])
                    left = left[~holds]
                if not len(left):
                    break
            unwatched += left.tolist()
        return [(reading, np.sort(np.concatenate(places))) for reading, places in found.items()], unwatched

    def _decode_any(self, reading: Reading, logs: LogColumns, positions: Integers) -> Iterator[EventBatch]:
        """Events for a view that takes every ABI's."""
        try:
            decoder, known_from = self._contracts.decoder(reading)
        except UndecodableLog:
            decoder, known_from = None, 0
        known = positions > known_from
        if decoder is None or not known.all():
            for position in positions.tolist() if decoder is None else positions[~known].tolist():
                error = unknown_abi(reading)
                self._findings.undecodable(position, error.reason, error.message)
            if decoder is None:
                return
            logs, positions = logs.take(np.flatnonzero(known)), positions[known]
        if not len(logs):
            return
        decoded = decoder.decode(logs.batch)
        rows, reasons, details = (column.to_pylist() for column in decoded.undecodable.columns)
        for row, reason, detail in zip(rows, reasons, details, strict=True):
            self._findings.undecodable(int(positions[row]), reason, detail)
        for found in decoded.events:
            yield _batch(DecodedEvent, reading.abi, found, logs, positions)

    def _decode_shipped(
        self, decoder: Decoder, logs: LogColumns, positions: Integers, payloads: ArrowArray
    ) -> Iterator[EventBatch]:
        """Typed events, of the types that the view has handlers for."""
        decoded = decoder.columns.decode(logs.batch)
        for row in decoded.undecodable.column(0).to_pylist():
            self._refuse(decoder, int(positions[row]), payloads[int(logs.rows[row])].as_py())
        for found in decoded.events:
            _, struct = decoder.layouts[found.event.topic, len(found.event.indexed)]
            if struct in self._view.handlers:
                assert struct is not None
                yield _batch(struct, decoder.abi_name, found, logs, positions)

    def _refuse(self, decoder: Decoder, position: int, payload: bytes) -> None:
        """Say why a log has no event, unless it is one that no struct interprets."""
        try:
            decoder.decode(facts.decode(payload, ChainLog), position)
        except UndecodableLog as error:
            self._findings.undecodable(position, error.reason, error.message)


def _by_source(logs: LogColumns) -> Iterator[tuple[bytes, bytes | None, Integers]]:
    """The places of the logs of each contract with each first topic."""
    addresses = pa.array(logs.addresses.tolist(), pa.binary()).dictionary_encode()
    topics = logs.batch.column(0).dictionary_encode()
    known: list[bytes] = topics.dictionary.to_pylist()
    none = len(known)
    numbers = addresses.indices.to_numpy().astype(np.int64) * (none + 1)
    numbers += topics.indices.fill_null(none).to_numpy(zero_copy_only=False)
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order])) + 1
    for places in np.split(order, starts):
        number = int(numbers[places[0]])
        topic = number % (none + 1)
        yield addresses.dictionary[number // (none + 1)].as_py(), None if topic == none else known[topic], places


def _batch(kind: type, abi: str, found: EventColumns, logs: LogColumns, positions: Integers) -> EventBatch:
    rows = found.columns.column(0).to_numpy()
    _, *arguments = found.columns.columns
    return EventBatch(kind, abi, found.event, logs.take(rows), positions[rows], tuple(arguments))


def _holds(watch: Watch, position: int, block_number: int) -> bool:
    return watch.position < position and watch.start_block <= block_number


def _unwatched(chain: str, address: bytes, block_number: int) -> str:
    return f"0x{address.hex()} is not watched on {chain} at block {block_number}"
