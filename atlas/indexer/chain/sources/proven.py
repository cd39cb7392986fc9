"""An endpoint whose logs are proven by receipts: ``verify = "receipts"``.

Every block that has logs that are wanted, and every block whose bloom leaves room for some, is held against its
receipts, and these against the receipts root of its header. What the endpoint leaves out or makes up is found, and
told with what shows it; a pool then asks another endpoint.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from atlas.indexer.chain.columns import to_logs
from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.header import Header
from atlas.indexer.chain.rpc.calls import Calls
from atlas.indexer.chain.rpc.endpoint import Endpoint
from atlas.indexer.chain.source import Log
from atlas.indexer.chain.verification.checks import require_proven
from atlas.indexer.chain.verification.receipts import fetch_receipts_of, verify_block_receipts
from atlas.indexer.errors import InconsistentAnswers, LyingEndpoint
from atlas.protocol.evm.families import Family
from atlas.protocol.logs import ArrowBatch


class ProvenEndpoint(Endpoint):
    """An endpoint of a chain of ``family``; ``on_lie`` is told its name and each lie that its receipts disprove."""

    def __init__(self, client: Calls, family: Family, on_lie: Callable[[str, LyingEndpoint], object]) -> None:
        super().__init__(client)
        self._family = family
        self._on_lie = on_lie

    def log_columns(self, first: int, last: int, wanted: LogFilter) -> ArrowBatch:
        """As ``Endpoint.log_columns``, each block's logs exactly those that its receipts have.

        Raises LyingEndpoint with the header and the receipts as they were given.
        """
        columns = super().log_columns(first, last, wanted)
        given: dict[int, list[Log]] = {}
        for log in to_logs(columns):
            given.setdefault(log.block_number, []).append(log)
        headers = self.headers(range(first, last + 1))
        asked = [header for header in headers if header.number in given or wanted.may_match(header.logs_bloom)]
        self._require_proven([given.get(header.number, []) for header in asked], asked, wanted)
        return columns

    def log_columns_of_blocks(self, hashes: Sequence[bytes], wanted: LogFilter) -> list[ArrowBatch]:
        """As ``Endpoint.log_columns_of_blocks``, proven."""
        batches = super().log_columns_of_blocks(hashes, wanted)
        self._require_proven([to_logs(batch) for batch in batches], self._headers_of(hashes), wanted)
        return batches

    def logs_of_blocks(self, hashes: Sequence[bytes], wanted: LogFilter) -> Sequence[Sequence[Log]]:
        """As ``Endpoint.logs_of_blocks``, out of the receipts themselves."""
        proven = self._proven(self._headers_of(hashes))
        return [[log for log in logs if wanted.matches(log.address, log.topics)] for logs in proven]

    def _require_proven(self, given: Sequence[Sequence[Log]], headers: Sequence[Header], wanted: LogFilter) -> None:
        for logs, header, proven in zip(given, headers, self._proven(headers), strict=True):
            self._require_same_block(logs, header)
            with self._telling():
                require_proven(logs, proven, header, wanted)

    def _proven(self, headers: Sequence[Header]) -> list[tuple[Log, ...]]:
        if not headers:
            return []
        receipts = fetch_receipts_of(self, headers)
        with self._telling():
            return [
                verify_block_receipts(header, given, self._family)
                for header, given in zip(headers, receipts, strict=True)
            ]

    def _headers_of(self, hashes: Sequence[bytes]) -> list[Header]:
        headers = [self.header(block_hash) for block_hash in hashes]
        for block_hash, header in zip(hashes, headers, strict=True):
            if header is None:
                raise InconsistentAnswers(f"{self.name} no longer has block 0x{block_hash.hex()}", hint=_MOVED_HINT)
        return [header for header in headers if header is not None]

    def _require_same_block(self, logs: Sequence[Log], header: Header) -> None:
        for log in logs:
            if log.block_hash != header.hash:
                raise InconsistentAnswers(
                    f"{self.name} gave logs of block {header.number} 0x{log.block_hash.hex()}, "
                    f"and then 0x{header.hash.hex()} as that block",
                    hint=_MOVED_HINT,
                )

    @contextmanager
    def _telling(self) -> Generator[None]:
        try:
            yield
        except LyingEndpoint as error:
            self._on_lie(self.name, error)
            raise


_MOVED_HINT = "The chain moved between two answers, or several nodes answer behind this URL."
