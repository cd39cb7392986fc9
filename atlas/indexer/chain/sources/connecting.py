"""From URLs to a source."""

import time
from collections.abc import Callable, Sequence

from atlas.indexer.chain.rpc.calls import MAX_BATCH, Calls, RpcClient
from atlas.indexer.chain.rpc.endpoint import Endpoint
from atlas.indexer.chain.rpc.masking import masked_url
from atlas.indexer.chain.rpc.transport import DEADLINE_S
from atlas.indexer.chain.sources.metrics import EndpointMetrics
from atlas.indexer.chain.sources.pace import Limits
from atlas.indexer.chain.sources.pool import EndpointPool


def connect_pool(
    chain: str,
    urls: Sequence[str],
    *,
    limits: Limits | None = None,
    quorum: int = 1,
    deadline_s: float = DEADLINE_S,
    max_batch: int = MAX_BATCH,
    metrics: EndpointMetrics | None = None,
    proven: Callable[[Calls], Endpoint] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> EndpointPool:
    """The pool over the endpoints at ``urls``, the primary first; nothing is asked yet. Raises InvalidChainConfig.

    ``proven`` makes an endpoint of a client where logs are to be proven.
    """
    make = proven or Endpoint
    endpoints = [
        make(
            RpcClient(
                url,
                name=name,
                # The pool tries again, and with another endpoint first.
                attempts=1,
                deadline_s=deadline_s,
                max_batch=max_batch,
                observe=None if metrics is None else metrics.observer(chain, name),
            )
        )
        for url, name in zip(urls, _names(urls), strict=True)
    ]
    return EndpointPool(chain, endpoints, limits=limits, quorum=quorum, metrics=metrics, clock=clock, sleep=sleep)


def _names(urls: Sequence[str]) -> list[str]:
    """The URLs fit for logs; where only what is masked tells some apart, they are numbered."""
    masked = [masked_url(url) for url in urls]
    return [
        name if masked.count(name) == 1 else f"{name} ({masked[: place + 1].count(name)})"
        for place, name in enumerate(masked)
    ]
