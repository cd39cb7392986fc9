"""What Prometheus is told about endpoints; each metric has the labels ``chain`` and ``endpoint`` (secrets masked).

atlas_ledger_rpc_requests_total        by method
atlas_ledger_rpc_errors_total          by kind: the error's name
atlas_ledger_rpc_seconds               histogram: how long exchanges took
atlas_ledger_rpc_range_blocks          how many blocks a request for logs spans now
atlas_ledger_rpc_concurrency           how many requests are under way at most now
atlas_ledger_rpc_in_use                1 when it gave the latest answer that counted
atlas_ledger_rpc_usable                0 while it rests after a failure or serves another chain
atlas_ledger_rpc_head                  the newest block that it said it has
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from atlas.indexer.chain.rpc.calls import Observer
from atlas.indexer.errors import EndpointError

_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LABELS = ("chain", "endpoint")


class EndpointMetrics:
    """The metrics of all endpoints of a process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"atlas_ledger_rpc_{name}", text, _LABELS, registry=registry)

        self._requests = Counter(
            "atlas_ledger_rpc_requests", "Exchanges with endpoints.", [*_LABELS, "method"], registry=registry
        )
        self._errors = Counter(
            "atlas_ledger_rpc_errors", "Exchanges that gave no usable answer.", [*_LABELS, "kind"], registry=registry
        )
        self._seconds = Histogram(
            "atlas_ledger_rpc_seconds", "How long exchanges took.", _LABELS, buckets=_LATENCY_S, registry=registry
        )
        self._range = gauge("range_blocks", "Blocks that a request for logs spans.")
        self._concurrency = gauge("concurrency", "Requests under way at most.")
        self._in_use = gauge("in_use", "Whether it gave the latest answer that counted.")
        self._usable = gauge("usable", "Whether it may be asked.")
        self._head = gauge("head", "The newest block that it said it has.")

    def observer(self, chain: str, endpoint: str) -> Observer:
        """What an RpcClient of this endpoint tells its exchanges."""

        def observe(method: str, seconds: float, error: EndpointError | None) -> None:
            self._requests.labels(chain, endpoint, method).inc()
            self._seconds.labels(chain, endpoint).observe(seconds)
            if error is not None:
                self._errors.labels(chain, endpoint, type(error).__name__).inc()

        return observe

    def watch(
        self,
        chain: str,
        endpoint: str,
        *,
        range_blocks: Callable[[], float],
        concurrency: Callable[[], float],
        is_usable: Callable[[], bool],
        is_in_use: Callable[[], bool],
        head: Callable[[], float],
    ) -> None:
        """Ask these at each scrape."""
        self._range.labels(chain, endpoint).set_function(range_blocks)
        self._concurrency.labels(chain, endpoint).set_function(concurrency)
        self._usable.labels(chain, endpoint).set_function(is_usable)
        self._in_use.labels(chain, endpoint).set_function(is_in_use)
        self._head.labels(chain, endpoint).set_function(head)
