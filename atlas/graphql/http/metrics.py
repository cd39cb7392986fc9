"""What the server counts, for Prometheus at /metrics."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.responses import Response


class Metrics:
    """The metrics of one server, in a registry of their own, and beside them those of ``others``."""

    def __init__(self, others: Collector | None = None) -> None:
        self._registry = CollectorRegistry()
        if others is not None:
            self._registry.register(others)
        self._requests = Counter(
            "atlas_http_requests", "HTTP requests answered.", ["method", "status"], registry=self._registry
        )
        self._durations = Histogram(
            "atlas_http_request_duration_seconds", "How long answers took.", ["method"], registry=self._registry
        )
        self._errors = Counter(
            "atlas_graphql_errors", "GraphQL errors answered, by code.", ["code"], registry=self._registry
        )

    def answered(self, method: str, status: int, duration_s: float) -> None:
        """Count an HTTP request."""
        method = method if method in ("GET", "POST", "HEAD", "OPTIONS") else "other"
        self._requests.labels(method, str(status)).inc()
        self._durations.labels(method).observe(duration_s)

    def failed(self, codes: Iterable[str]) -> None:
        """Count GraphQL errors."""
        for code in codes:
            self._errors.labels(code).inc()

    def response(self) -> Response:
        """The metrics in Prometheus's text format; blocks while others collect theirs."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)
