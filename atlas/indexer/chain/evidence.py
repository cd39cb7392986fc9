"""What endpoints said that was not so: table ``indexer.evidence``, kept until somebody has looked at it.

One row a lie: the same one told again counts up ``times`` and moves ``last_seen_at``. A response is kept up to
RESPONSE_KEPT_BYTES; its full length and SHA-256 tell it from any other. None of it is part of the log.
"""

import hashlib
from datetime import datetime

import msgspec
from psycopg.rows import class_row

from atlas.indexer.chain.state import MIGRATIONS as STATE_MIGRATIONS
from atlas.indexer.errors import LyingEndpoint
from atlas.ledger.database import Database
from atlas.ledger.migrations import Migration

RESPONSE_KEPT_BYTES = 1024 * 1024
REQUEST_KEPT_BYTES = 64 * 1024

_TABLE = """
create table indexer.evidence (
    number          bigint generated always as identity primary key,
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

create unique index evidence_lie on indexer.evidence
    (chain, endpoint, sha256(header), sha256(convert_to(reason, 'UTF8')), response_sha256);
"""

MIGRATIONS: tuple[Migration, ...] = (Migration("indexer", len(STATE_MIGRATIONS) + 1, _TABLE),)

_KEEP = """
insert into indexer.evidence (chain, endpoint, reason, header, request, response, response_bytes, response_sha256)
values (%s, %s, %s, %s, %s, %s, %s, %s)
on conflict (chain, endpoint, sha256(header), sha256(convert_to(reason, 'UTF8')), response_sha256)
do update set times = evidence.times + 1, last_seen_at = now()
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
    request = error.exchange.request if error.exchange else b""
    response = error.exchange.response if error.exchange else b""
    with database.connection() as connection:
        connection.execute(
            _KEEP,
            (
                chain,
                endpoint,
                # PostgreSQL's text has no NUL; an endpoint's words may.
                error.message.replace("\x00", "\\x00"),
                error.header_rlp or b"",
                request[:REQUEST_KEPT_BYTES],
                response[:RESPONSE_KEPT_BYTES],
                len(response),
                hashlib.sha256(response).digest(),
            ),
        )


def evidence(database: Database, *, chain: str | None = None, limit: int = 100) -> list[Evidence]:
    """What is kept, the newest first, of one chain when given. Raises DatabaseUnreachable."""
    with database.connection() as connection, connection.cursor(row_factory=class_row(Evidence)) as cursor:
        return cursor.execute(_LATEST, {"chain": chain, "limit": limit}).fetchall()
