"""The tables of the log.

    ledger.head(position)                                                     one row: the last position, 0 when empty
    ledger.events(position, stream, version, topic, payload, leaf_hash)       the log, one row a fact
    ledger.tiles(level, index, width, hashes)                                 the Merkle tree, 256 hashes a full tile
    ledger.checkpoints(origin, key_id, tree_size, root_hash, note, signed_at) every signed checkpoint
    ledger.append(...)                                                        records a small batch, see writer.py
    ledger.stored_events                                                      the log under the names of `eventsourcing`

Positions are dense: they come from the head row, which a writer holds locked until its transaction ends, so that
commits come in the order of positions and a reader that has seen position n has seen every position before it.
"""

from atlas.ledger.migrations import Migration

_LOG = """
create table ledger.head (
    only_row boolean primary key default true check (only_row),
    position bigint not null check (position >= 0)
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
insert into ledger.head (position) values (0);

create table ledger.events (
    position  bigint not null primary key,
    stream    uuid   not null,
    version   bigint not null,
    topic     text   not null,
    payload   bytea  not null,
    leaf_hash bytea  not null,
    unique (stream, version)
);

create view ledger.stored_events as
select stream as originator_id, version as originator_version, topic, payload as state, position as notification_id
from ledger.events;

-- Records the facts that are not recorded yet and answers, for each fact in the order given, where its stream and
-- version are recorded and with which leaf hash; the caller compares the hash with its own.
create function ledger.append(
    streams uuid[], versions bigint[], topics text[], payloads bytea[], leaf_hashes bytea[]
) returns table (recorded_position bigint, recorded_leaf_hash bytea) language plpgsql as $body$
declare
    base  bigint;
    added bigint;
begin
    select head.position into strict base from ledger.head for update;
    insert into ledger.events (position, stream, version, topic, payload, leaf_hash)
    select base + row_number() over (order by fact.ordinal),
           fact.stream, fact.version, fact.topic, fact.payload, fact.leaf_hash
    from unnest(streams, versions, topics, payloads, leaf_hashes) with ordinality
         as fact (stream, version, topic, payload, leaf_hash, ordinal)
    where not exists (select from ledger.events where events.stream = fact.stream and events.version = fact.version)
    order by fact.ordinal;
    get diagnostics added = row_count;
    if added > 0 then
        update ledger.head set position = base + added;
        perform pg_notify('ledger', (base + added)::text);
    end if;
    return query
    select events.position, events.leaf_hash
    from unnest(streams, versions) with ordinality as fact (stream, version, ordinal)
    join ledger.events on events.stream = fact.stream and events.version = fact.version
    order by fact.ordinal;
end
$body$;
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
"""

MIGRATIONS: tuple[Migration, ...] = (
    Migration("ledger", 1, _LOG),
    Migration("ledger", 2, _TREE),
)
