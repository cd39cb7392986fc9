"""What there is to say about the log in numbers."""

from datetime import datetime

import msgspec

from atlas.ledger.database import Database

_SIZES = b"""
select (select position from ledger.head),
       (select coalesce(max(index * 256 + width), 0) from ledger.tiles where level = 0),
       (select count(*) from ledger.tiles),
       (select count(*) from ledger.checkpoints where origin = %(origin)s),
       (select count(*) from ledger.cosignatures where origin = %(origin)s),
       (select halted from ledger.head),
       (select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint from pg_class
        where relnamespace = 'ledger'::regnamespace and relkind = 'r'),
       (select coalesce(max(last), 0) from ledger.archives),
       (select dropped from ledger.head), (select partition_facts from ledger.head)
"""
_LATEST = b"""
select tree_size, signed_at from ledger.checkpoints where origin = %s order by tree_size desc, signed_at limit 1
"""
_EARLIER = b"""
select tree_size, signed_at from ledger.checkpoints
where origin = %s and tree_size < %s and signed_at <= %s - make_interval(secs => %s) order by tree_size desc limit 1
"""
RATE_WINDOW_S = 10


class LogStatistics(msgspec.Struct, frozen=True):
    """The log now; ``append_rate_per_s`` is that between the last checkpoint and one RATE_WINDOW_S or more before.

    ``archived`` and ``dropped`` are positions, up to which the log is archived, and in the archive only.
    """

    origin: str
    head: int
    tree_size: int
    tiles: int
    checkpoints: int
    cosignatures: int
    size_bytes: int
    archived: int
    dropped: int
    archive_lag_facts: int
    checkpoint_size: int | None
    checkpoint_signed_at: datetime | None
    append_rate_per_s: float | None
    halted: str | None


def log_statistics(database: Database, origin: str) -> LogStatistics:
    """The numbers of the log ``origin``. Raises DatabaseUnreachable."""
    with database.connection() as connection:
        head, tree_size, tiles, checkpoints, cosigned, halted, size_bytes, *archive = connection.execute(
            _SIZES, {"origin": origin}
        ).fetchall()[0]
        latest = connection.execute(_LATEST, (origin,)).fetchone()
        earlier = None
        if latest is not None:
            earlier = connection.execute(_EARLIER, (origin, *latest, RATE_WINDOW_S)).fetchone()
    archived, dropped, partition_facts = archive
    rate = None
    if latest is not None and earlier is not None:
        rate = (latest[0] - earlier[0]) / (latest[1] - earlier[1]).total_seconds()
    return LogStatistics(
        origin=origin,
        head=head,
        tree_size=tree_size,
        tiles=tiles,
        checkpoints=checkpoints,
        cosignatures=cosigned,
        size_bytes=size_bytes,
        archived=archived,
        dropped=dropped,
        archive_lag_facts=archive_lag_facts(0 if latest is None else latest[0], partition_facts, archived),
        checkpoint_size=None if latest is None else latest[0],
        checkpoint_signed_at=None if latest is None else latest[1],
        append_rate_per_s=rate,
        halted=halted,
    )


def archive_lag_facts(checkpoint_size: int, partition_facts: int, archived: int) -> int:
    """How many facts of complete partitions, all under a checkpoint of this size, are not archived."""
    return max(0, checkpoint_size // partition_facts * partition_facts - archived)
