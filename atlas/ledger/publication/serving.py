"""The log over HTTP, as C2SP tlog-tiles: static resources that monitors, mirrors and witnesses read.

GET <prefix>/checkpoint                    text/plain; charset=utf-8     not kept by caches beyond a second
GET <prefix>/tile/<L>/<N>[.p/<W>]          application/octet-stream      immutable
GET <prefix>/tile/entries/<N>[.p/<W>]      application/octet-stream      immutable

404   a name of another form, or a resource that the latest checkpoint does not cover (yet)
500   what is stored is not what was signed
503   the database is away
"""

from collections.abc import Callable

import anyio.to_thread
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from atlas.ledger.errors import DatabaseUnreachable, LedgerCorrupt, LedgerError, MalformedResource, NotPublished
from atlas.ledger.publication.published import Publication
from atlas.ledger.publication.resources import parse_tile_resource

CONCURRENT_READS = 8
_IMMUTABLE = "public, max-age=31536000, immutable"
_FRESH = "public, max-age=1"
_log = structlog.get_logger("atlas.ledger")


def log_app(publication: Publication) -> Starlette:
    """An application that serves the published log, to be mounted under a prefix; pages of any origin may read it."""
    endpoints = _Endpoints(publication)
    return Starlette(
        routes=[
            Route("/checkpoint", endpoints.checkpoint, methods=["GET"]),
            Route("/{name:path}", endpoints.tile, methods=["GET"]),
        ]
    )


class _Endpoints:
    def __init__(self, publication: Publication) -> None:
        self._publication = publication
        self._threads = anyio.CapacityLimiter(CONCURRENT_READS)

    async def checkpoint(self, _: Request) -> Response:
        """The latest signed checkpoint."""
        return await self._answer(
            lambda: PlainTextResponse(self._publication.checkpoint().encode(), headers={"cache-control": _FRESH})
        )

    async def tile(self, request: Request) -> Response:
        """A tile, or the entries below it."""
        name = str(request.path_params["name"])
        return await self._answer(
            lambda: Response(
                self._publication.read(parse_tile_resource(name)),
                media_type="application/octet-stream",
                headers={"cache-control": _IMMUTABLE},
            )
        )

    async def _answer(self, read: Callable[[], Response]) -> Response:
        try:
            return await anyio.to_thread.run_sync(read, limiter=self._threads)
        except (MalformedResource, NotPublished) as error:
            return _refusal(error, 404)
        except DatabaseUnreachable:
            return PlainTextResponse(
                "the database cannot be reached\n", 503, headers={"cache-control": "no-store", "retry-after": "2"}
            )
        except LedgerError as error:
            return _fault(error)


def _refusal(error: LedgerError, status: int) -> Response:
    return PlainTextResponse(f"{error.message}\n", status, headers={"cache-control": "no-store"})


def _fault(error: LedgerError) -> Response:
    """What is covered by a checkpoint and cannot be served; the reason may name files, and is not for strangers."""
    position = error.position if isinstance(error, LedgerCorrupt) else None
    _log.error("the log is not as it was signed", error=error.message, position=position)
    where = "" if position is None else f" at position {position}"
    text = f"the log is not as it was signed{where}: its operator is told why\n"
    return PlainTextResponse(text, 500, headers={"cache-control": "no-store"})
