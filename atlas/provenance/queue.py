"""Which asset versions are to be signed: registered, without a manifest of their content, and not known to fail.

A version whose linked generation records have not all arrived waits for them: a manifest is written once, and
should name them. Oldest first, so that what a film is made of is signed before the film.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
import psycopg

from atlas.ledger.database import Database
from atlas.provenance.errors import MediaError
from atlas.provenance.reading import snapshot

PAGE_VERSIONS = 5_000  # each page sorts what is unsigned: few and large
FIRST_RETRY_S = 30
LONGEST_RETRY_S = 3600

_PENDING = b"""
select version.valid_from, version.aaid, version.version, version.content_hash
from view_provenance.asset_versions version
left join view_provenance.manifests manifest
       on manifest.aaid = version.aaid and manifest.version = version.version and manifest.valid_to is null
left join provenance.unsigned_versions unsigned
       on unsigned.aaid = version.aaid and unsigned.version = version.version
      and unsigned.content_hash = version.content_hash
where version.valid_to is null
  and manifest.source_sha256 is distinct from version.content_hash
  and (unsigned.aaid is null or unsigned.retry_at <= %s)
  and not exists (
      select from view_provenance.asset_sources source
      where source.aaid = version.aaid and source.version = version.version and source.valid_to is null
        and not exists (select from view_provenance.generation_records record
                        where record.record_id = source.record_id and record.valid_to is null))
  and (version.valid_from, version.aaid, version.version) > (%s, %s, %s)
order by version.valid_from, version.aaid, version.version
limit %s
"""
_FAILED = b"""
insert into provenance.unsigned_versions as unsigned
       (aaid, version, content_hash, reason, message, attempts, failed_at, retry_at)
values (%(aaid)s, %(version)s, %(content_hash)s, %(reason)s, %(message)s, 1, %(now)s, %(retry_at)s)
on conflict (aaid, version) do update set
    content_hash = excluded.content_hash, reason = excluded.reason, message = excluded.message,
    failed_at = excluded.failed_at,
    attempts = case when unsigned.content_hash = excluded.content_hash then unsigned.attempts + 1 else 1 end,
    retry_at = case when unsigned.content_hash = excluded.content_hash and excluded.retry_at is not null
                    then least(excluded.failed_at + (excluded.retry_at - excluded.failed_at) * 2 ^ unsigned.attempts,
                               excluded.failed_at + make_interval(secs => %(longest_s)s))
                    else excluded.retry_at end
"""
_SIGNED = b"delete from provenance.unsigned_versions where aaid = %s and version = %s"


class Candidate(msgspec.Struct, frozen=True):
    """An asset version without a manifest; ``position`` is where the ledger has its registration."""

    position: int
    aaid: bytes
    version: int
    content_hash: bytes


def pending(database: Database, now: datetime) -> Iterator[Candidate]:
    """Every version to be signed, oldest first. Raises DatabaseUnreachable, ViewsMissing."""
    last = Candidate(0, b"", 0, b"")
    while True:
        with snapshot(database) as connection:
            page = _page(connection, now, last)
        yield from page
        if len(page) < PAGE_VERSIONS:
            return
        last = page[-1]


def note_failure(database: Database, candidate: Candidate, error: Exception, now: datetime) -> None:
    """Remember why a version was not signed. Broken media is not tried again, anything else later and later."""
    permanent = isinstance(error, MediaError)
    values = {
        "aaid": candidate.aaid,
        "version": candidate.version,
        "content_hash": candidate.content_hash,
        "reason": type(error).__name__,
        "message": str(error).replace("\0", ""),
        "now": now,
        "retry_at": None if permanent else now + timedelta(seconds=FIRST_RETRY_S),
        "longest_s": LONGEST_RETRY_S,
    }
    with database.connection() as connection:
        connection.execute(_FAILED, values)


def forget_failure(database: Database, candidate: Candidate) -> None:
    """A version was signed after all."""
    with database.connection() as connection:
        connection.execute(_SIGNED, (candidate.aaid, candidate.version))


def _page(connection: psycopg.Connection, now: datetime, last: Candidate) -> list[Candidate]:
    rows = connection.execute(_PENDING, (now, last.position, last.aaid, last.version, PAGE_VERSIONS))
    return [Candidate(position=row[0], aaid=row[1], version=row[2], content_hash=row[3]) for row in rows]
