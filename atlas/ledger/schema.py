"""The tables of the log.

    ledger.head(position, partitioned, dropped, partition_facts, halted)      one row, see below
    ledger.events(position, stream, version, topic, payload, leaf_hash)       the log, one row a fact, by partitions
    ledger.events_<n>                                                         partition n, from n * partition_facts + 1
    ledger.keys(stream, version, position)                                    where a stream's version is; kept for ever
    ledger.tiles(level, index, width, hashes)                                 the Merkle tree, 256 hashes a full tile
    ledger.checkpoints(origin, key_id, tree_size, root_hash, note, signed_at) every signed checkpoint
    ledger.archives(first, last, manifest_sha256, archived_at)                what is archived, see archive.py
    ledger.append(...), ledger.append_new(...)                                record a small batch, see writer.py
    ledger.stored_events, ledger.stream_events                                the log under the names of `eventsourcing`

The row of ``ledger.head``:

    position         the last position, 0 when the log is empty
    partitioned      the last position for which there is a partition
    dropped          the last position whose partition is dropped: up to here the log is in the archive only
    partition_facts  how many positions a partition covers, a multiple of 256; fixed once there is a partition
    halted           why nothing is appended until an operator decides; null in health

Positions are dense: they come from the head row, which a writer holds locked until its transaction ends, so that
commits come in the order of positions and a reader that has seen position n has seen every position before it.
Who appends into the second half of the last partition makes the next one, under the same lock; attaching it to the
table lets readers and other sessions be. A payload is null when it was redacted (redaction.py).
"""

import psycopg

from atlas.ledger.errors import LedgerError
from atlas.ledger.migrations import Migration

# Both stand in the statements below, too.
PARTITION_FACTS = 1_048_576
HALTED = "ATL01"

_LOG = """
create table ledger.head (
    only_row        boolean primary key default true check (only_row),
    position        bigint  not null default 0 check (position >= 0),
    partitioned     bigint  not null default 0 check (partitioned >= 0),
    dropped         bigint  not null default 0 check (dropped >= 0),
    partition_facts bigint  not null default 1048576 check (partition_facts > 0 and partition_facts % 256 = 0),
    halted          text
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
insert into ledger.head default values;

create table ledger.events (
    position  bigint not null primary key,
    stream    uuid   not null,
    version   bigint not null,
    topic     text   not null,
    payload   bytea,
    leaf_hash bytea  not null
) partition by range (position);

create table ledger.keys (
    stream   uuid   not null,
    version  bigint not null,
    position bigint not null,
    primary key (stream, version)
);

-- A payload that was redacted reads as no bytes, which no transcoder takes for a state.
create view ledger.stored_events as
select stream as originator_id, version as originator_version, topic, coalesce(payload, '') as state,
       position as notification_id
from ledger.events;

-- The same by stream; topic and state are null where the partition is dropped.
create view ledger.stream_events as
select keys.stream as originator_id, keys.version as originator_version, events.topic,
       case when events.position is not null then coalesce(events.payload, '') end as state,
       keys.position as notification_id
from ledger.keys left join ledger.events on events.position = keys.position;
"""

_TREE = """
create table ledger.tiles (
    level  smallint not null check (level between 0 and 7),
    index  bigint   not null check (index >= 0),
    width  smallint not null check (width between 1 and 256),
    hashes bytea    not null check (octet_length(hashes) = 32 * width),
    primary key (level, index)
);
create table ledger.checkpoints (
    origin    text        not null,
    key_id    bytea       not null check (octet_length(key_id) = 4),
    tree_size bigint      not null check (tree_size >= 0),
    root_hash bytea       not null check (octet_length(root_hash) = 32),
    note      bytea       not null,
    signed_at timestamptz not null default now(),
    primary key (origin, key_id, tree_size)
);
create table ledger.archives (
    first           bigint      not null primary key,
    last            bigint      not null check (last >= first),
    manifest_sha256 bytea       not null check (octet_length(manifest_sha256) = 32),
    archived_at     timestamptz not null default now()
);
"""

_APPENDING = """
-- Makes partitions up to this position; the caller keeps the head's lock until its transaction ends.
create function ledger.make_room(upto bigint) returns void language plpgsql as $body$
declare
    room bigint;
    size bigint;
    name text;
begin
    select head.partitioned, head.partition_facts into strict room, size from ledger.head for update;
    while room < upto loop
        name := format('events_%s', room / size);
        execute format('create table ledger.%I (like ledger.events including all)', name);
        execute format('alter table ledger.events attach partition ledger.%I for values from (%s) to (%s)',
                       name, room + 1, room + size + 1);
        room := room + size;
    end loop;
    update ledger.head set partitioned = room where partitioned < room;
end
$body$;

-- Locks the head, takes so many positions, and answers the last of them.
create function ledger.take_positions(count bigint) returns bigint language plpgsql as $body$
declare
    head ledger.head;
begin
    update ledger.head set position = position + count returning * into strict head;
    if head.halted is not null then
        raise exception using errcode = 'ATL01', message = head.halted;
    end if;
    if head.position + head.partition_facts / 2 > head.partitioned then
        perform ledger.make_room(head.position + head.partition_facts / 2);
    end if;
    return head.position;
end
$body$;

-- For each stream and version, in the order given, its position and leaf hash; null where it is not recorded.
-- The leaf hashes of dropped partitions are in the tree.
create function ledger.recorded(streams uuid[], versions bigint[])
returns table (recorded_position bigint, recorded_leaf_hash bytea) language sql stable as $body$
    select keys.position,
           coalesce(events.leaf_hash, substr(tiles.hashes, ((keys.position - 1) % 256)::int * 32 + 1, 32))
    from unnest(streams, versions) with ordinality as fact (stream, version, ordinal)
    left join ledger.keys on keys.stream = fact.stream and keys.version = fact.version
    left join ledger.events on events.position = keys.position
    left join ledger.tiles on events.position is null and tiles.level = 0 and tiles.index = (keys.position - 1) / 256
    order by fact.ordinal
$body$;

-- Records facts that are all new, and answers the last of their positions.
create function ledger.append_new(
    streams uuid[], versions bigint[], topics text[], payloads bytea[], leaf_hashes bytea[]
) returns bigint language plpgsql as $body$
declare
    count bigint := cardinality(streams);
    last  bigint := ledger.take_positions(count);
begin
    insert into ledger.keys (stream, version, position)
    select fact.stream, fact.version, last - count + fact.ordinal
    from unnest(streams, versions) with ordinality as fact (stream, version, ordinal);
    insert into ledger.events (position, stream, version, topic, payload, leaf_hash)
    select last - count + fact.ordinal, fact.stream, fact.version, fact.topic, fact.payload, fact.leaf_hash
    from unnest(streams, versions, topics, payloads, leaf_hashes) with ordinality
         as fact (stream, version, topic, payload, leaf_hash, ordinal);
    perform pg_notify('ledger', last::text);
    return last;
end
$body$;

-- Records the facts that are not recorded yet and answers, for each fact in the order given, where its stream and
-- version are recorded and with which leaf hash; the caller compares the hash with its own. When one of those that are
-- recorded differs, nothing is recorded, and those that are not have no position.
create function ledger.append(
    streams uuid[], versions bigint[], topics text[], payloads bytea[], leaf_hashes bytea[]
) returns table (recorded_position bigint, recorded_leaf_hash bytea) language plpgsql as $body$
declare
    count bigint := cardinality(streams);
    known bigint;
    last  bigint;
begin
    perform from ledger.head for update;
    select count(*) into known
    from unnest(streams, versions) as fact (stream, version) join ledger.keys using (stream, version);
    if known = 0 then
        last := ledger.append_new(streams, versions, topics, payloads, leaf_hashes);
        return query select last - count + ordinal, leaf_hashes[ordinal] from generate_series(1, count) as ordinal;
        return;
    end if;
    -- With a conflict nothing is recorded, so that a caller need not keep a transaction open to undo it.
    if known < count and not exists (
        select from ledger.recorded(streams, versions) with ordinality as fact (position, leaf_hash, ordinal)
        where fact.leaf_hash <> leaf_hashes[fact.ordinal]
    ) then
        perform ledger.append_new(
            array_agg(fact.stream order by ordinal), array_agg(fact.version order by ordinal),
            array_agg(fact.topic order by ordinal), array_agg(fact.payload order by ordinal),
            array_agg(fact.leaf_hash order by ordinal))
        from unnest(streams, versions, topics, payloads, leaf_hashes) with ordinality
             as fact (stream, version, topic, payload, leaf_hash, ordinal)
        where not exists (select from ledger.keys where keys.stream = fact.stream and keys.version = fact.version);
    end if;
    return query select * from ledger.recorded(streams, versions);
end
$body$;
"""

# A key whose fact is gone from the log has no leaf hash: that is a conflict as well.
_CONFLICTS = """
-- Records the facts that are not recorded yet and answers, for each fact in the order given, where its stream and
-- version are recorded and with which leaf hash; the caller compares the hash with its own. When one of those that are
-- recorded differs, nothing is recorded, and those that are not have no position.
create or replace function ledger.append(
    streams uuid[], versions bigint[], topics text[], payloads bytea[], leaf_hashes bytea[]
) returns table (recorded_position bigint, recorded_leaf_hash bytea) language plpgsql as $body$
declare
    count bigint := cardinality(streams);
    known bigint;
    last  bigint;
begin
    perform from ledger.head for update;
    select count(*) into known
    from unnest(streams, versions) as fact (stream, version) join ledger.keys using (stream, version);
    if known = 0 then
        last := ledger.append_new(streams, versions, topics, payloads, leaf_hashes);
        return query select last - count + ordinal, leaf_hashes[ordinal] from generate_series(1, count) as ordinal;
        return;
    end if;
    -- With a conflict nothing is recorded, so that a caller need not keep a transaction open to undo it.
    if known < count and not exists (
        select from ledger.recorded(streams, versions) with ordinality as fact (position, leaf_hash, ordinal)
        where fact.position is not null and fact.leaf_hash is distinct from leaf_hashes[fact.ordinal]
    ) then
        perform ledger.append_new(
            array_agg(fact.stream order by ordinal), array_agg(fact.version order by ordinal),
            array_agg(fact.topic order by ordinal), array_agg(fact.payload order by ordinal),
            array_agg(fact.leaf_hash order by ordinal))
        from unnest(streams, versions, topics, payloads, leaf_hashes) with ordinality
             as fact (stream, version, topic, payload, leaf_hash, ordinal)
        where not exists (select from ledger.keys where keys.stream = fact.stream and keys.version = fact.version);
    end if;
    return query select * from ledger.recorded(streams, versions);
end
$body$;
"""

MIGRATIONS: tuple[Migration, ...] = (
    Migration("ledger", 1, _LOG),
    Migration("ledger", 2, _TREE),
    Migration("ledger", 3, _APPENDING),
    Migration("ledger", 4, _CONFLICTS),
)


def set_partition_facts(connection: psycopg.Connection, count: int) -> None:
    """Let a partition cover ``count`` positions, a multiple of 256, in a log that has none yet. Raises LedgerError."""
    changed = connection.execute(
        "update ledger.head set partition_facts = %s where partitioned = 0 and %s > 0 and mod(%s, 256) = 0",
        (count,) * 3,
    )
    if changed.rowcount != 1:
        raise LedgerError(f"partitions of {count} facts: not a multiple of 256, or the log has a partition already")


def partition_name(first: int, size: int) -> str:
    """The name of the partition of ``size`` positions from ``first`` up."""
    return f"events_{(first - 1) // size}"


def partition_bound(first: int, size: int) -> str:
    """What PostgreSQL says of a partition's bounds."""
    return f"FOR VALUES FROM ('{first}') TO ('{first + size}')"
