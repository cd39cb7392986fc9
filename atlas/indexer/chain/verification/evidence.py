"""What endpoints said that was not so: table ``indexer.evidence``, kept until somebody has looked at it.

One row a lie, known by the digest of all that was said: the same one told again counts up ``times`` and moves
``last_seen_at``. A response is kept up to RESPONSE_KEPT_BYTES, with its full length and SHA-256. Of one
endpoint the newest KEPT_OF_ENDPOINT lies are kept: making up new ones fills no disk. None of it is part of the log.
"""

import hashlib
from datetime import datetime

import msgspec
from psycopg.rows import class_row

from atlas.indexer.errors import Exchange, LyingEndpoint
from atlas.ledger.database import Database
from atlas.ledger.migrations import Migration

RESPONSE_KEPT_BYTES = 1024 * 1024
REQUEST_KEPT_BYTES = 64 * 1024
KEPT_OF_ENDPOINT = 500

_TABLE = """
create table indexer.evidence (
    number          bigint generated always as identity primary key,
    digest          bytea       not null unique check (octet_length(digest) = 32),
    chain           text        not null,
    endpoint        text        not null,
    reason          text        not null,
    header          bytea       not null,
    request         bytea       not null,
    response        bytea       not null,
    response_bytes  bigint      not null,
    response_sha256 bytea       not null,
    times           bigint      not null default 1,
    first_seen_at   timestamptz not null default now(),
    last_seen_at    timestamptz not null default now()
);
"""

MIGRATIONS: tuple[Migration, ...] = (Migration("indexer", 3, _TABLE),)

_KEEP = """
insert into indexer.evidence
    (digest, chain, endpoint, reason, header, request, response, response_bytes, response_sha256)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (digest) do update set times = evidence.times + 1, last_seen_at = now()
"""

_FORGET = """
delete from indexer.evidence
where chain = %(chain)s and endpoint = %(endpoint)s and number <= (
    select number from indexer.evidence where chain = %(chain)s and endpoint = %(endpoint)s
    order by number desc offset %(kept)s limit 1
)
"""

_LATEST = """
select number, chain, endpoint, reason, header, request, response, response_bytes, response_sha256,
       times, first_seen_at, last_seen_at
from indexer.evidence where %(chain)s::text is null or chain = %(chain)s order by number desc limit %(limit)s
"""


class Evidence(msgspec.Struct, frozen=True):
    """A lie and what shows it; ``header`` (RLP), ``request`` and ``response`` are empty where they are not known."""

    number: int
    chain: str
    endpoint: str
    reason: str
    header: bytes
    request: bytes
    response: bytes  # its beginning, where response_bytes is more
    response_bytes: int
    response_sha256: bytes
    times: int
    first_seen_at: datetime
    last_seen_at: datetime


def keep_evidence(database: Database, chain: str, endpoint: str, error: LyingEndpoint) -> None:
    """Keep what ``error`` shows about ``endpoint`` (its URL with secrets masked). Raises DatabaseUnreachable."""
    exchange = error.exchange or Exchange(b"", b"")
    # Neither NUL nor half a surrogate pair is PostgreSQL text; an endpoint's own words may have both.
    reason = error.message.encode(errors="backslashreplace").decode().replace("\x00", "\\x00")
    header = error.header_rlp or b""
    with database.connection() as connection:
        connection.execute(
            _KEEP,
            (
                _digest(
                    chain.encode(), endpoint.encode(), reason.encode(), header, exchange.request, exchange.response
                ),
                chain,
                endpoint,
                reason,
                header,
                exchange.request[:REQUEST_KEPT_BYTES],
                exchange.response[:RESPONSE_KEPT_BYTES],
                len(exchange.response),
                hashlib.sha256(exchange.response).digest(),
            ),
        )
        connection.execute(_FORGET, {"chain": chain, "endpoint": endpoint, "kept": KEPT_OF_ENDPOINT})


def evidence(database: Database, *, chain: str | None = None, limit: int = 100) -> list[Evidence]:
    """What is kept, the newest first, of one chain when given. Raises DatabaseUnreachable."""
    with database.connection() as connection, connection.cursor(row_factory=class_row(Evidence)) as cursor:
        return cursor.execute(_LATEST, {"chain": chain, "limit": limit}).fetchall()


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()
