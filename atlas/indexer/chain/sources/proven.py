"""A source whose logs are proven by receipts: ``verify = "receipts"``.

Every block that has logs that are wanted, and every block whose bloom leaves room for some, is held against its
receipts, and these against the receipts root of its header. What an endpoint leaves out or makes up is found.
"""

from collections.abc import Sequence
from typing import Protocol

from atlas.indexer.chain.checks import require_proven
from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.receipts import Caller, fetch_receipts_of, verify_block_receipts
from atlas.indexer.chain.source import FinalityTag, Log, Source
from atlas.indexer.errors import InconsistentAnswers
from atlas.protocol.evm.families import Family


class CallingSource(Source, Caller, Protocol):
    """A source that can be asked for anything else too: an Endpoint, or an EndpointPool."""


class ProvenSource:
    """``source``, a chain of ``family``, with logs that count only when they are proven."""

    def __init__(self, source: CallingSource, family: Family) -> None:
        self._source = source
        self._family = family

    @property
    def name(self) -> str:
        """As ``Source.name``."""
        return self._source.name

    def chain_number(self) -> int:
        """As ``Source.chain_number``."""
        return self._source.chain_number()

    def code_size(self, address: bytes, number: int | None = None) -> int:
        """As ``Source.code_size``."""
        return self._source.code_size(address, number)

    def head(self) -> Header:
        """As ``Source.head``."""
        return self._source.head()

    def finalized(self, tag: FinalityTag = "finalized") -> Header | None:
        """As ``Source.finalized``."""
        return self._source.finalized(tag)

    def headers(self, numbers: Sequence[int]) -> list[Header]:
        """As ``Source.headers``."""
        return self._source.headers(numbers)

    def header(self, block_hash: bytes) -> Header | None:
        """As ``Source.header``."""
        return self._source.header(block_hash)

    def logs_in_range(self, first: int, last: int, wanted: LogFilter) -> list[Log]:
        """As ``Source.logs_in_range``, each block's logs exactly those that its receipts have.

        Raises LyingEndpoint with the header and the receipts as they were given.
        """
        logs = self._source.logs_in_range(first, last, wanted)
        given: dict[int, list[Log]] = {}
        for log in logs:
            given.setdefault(log.block_number, []).append(log)
        headers = self._source.headers(range(first, last + 1))
        asked = [header for header in headers if header.number in given or wanted.may_match(header.logs_bloom)]
        for header, proven in zip(asked, self._proven(asked), strict=True):
            said = given.get(header.number, [])
            self._require_same_block(said, header)
            require_proven(said, proven, header, wanted)
        return logs

    def logs_of_blocks(self, hashes: Sequence[bytes], wanted: LogFilter) -> list[list[Log]]:
        """As ``Source.logs_of_blocks``, out of the receipts themselves."""
        headers = [self._header(block_hash) for block_hash in hashes]
        return [[log for log in proven if wanted.matches(log.address, log.topics)] for proven in self._proven(headers)]

    def _header(self, block_hash: bytes) -> Header:
        header = self._source.header(block_hash)
        if header is None:
            raise InconsistentAnswers(
                f"{self.name} no longer has block 0x{block_hash.hex()}",
                hint="The chain moved, or several nodes answer behind this URL.",
            )
        return header

    def _proven(self, headers: Sequence[Header]) -> list[tuple[Log, ...]]:
        if not headers:
            return []
        receipts = fetch_receipts_of(self._source, headers)
        return [
            verify_block_receipts(header, given, self._family) for header, given in zip(headers, receipts, strict=True)
        ]

    def _require_same_block(self, logs: Sequence[Log], header: Header) -> None:
        for log in logs:
            if log.block_hash != header.hash:
                raise InconsistentAnswers(
                    f"{self.name} gave logs of block {header.number} 0x{log.block_hash.hex()}, "
                    f"and then 0x{header.hash.hex()} as that block",
                    hint="The chain moved between two answers, or several nodes answer behind this URL.",
                )
