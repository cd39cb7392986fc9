"""The intake's own memory, in schema ``indexer``.

worker_keys        worker, sequence -> the key that signs what is numbered above ``sequence``; written with the fact
quarantine         verified records of workers that are not registered, kept apart from the log
quarantine_totals  one row: what is kept, and how much was ever dropped to make room
"""

from atlas.ledger.migrations import Migration

_TABLES = """
create schema if not exists indexer;

create table indexer.worker_keys (
    worker   bytea  not null,
    sequence bigint not null,
    next_key bytea  not null,
    primary key (worker, sequence)
);

create table indexer.quarantine (
    id          bigint      generated always as identity primary key,
    worker      bytea       not null,
    sequence    bigint      not null,
    record_id   bytea       not null,
    payload     bytea       not null,
    received_at timestamptz not null default now(),
    unique (worker, sequence, record_id)
);

create table indexer.quarantine_totals (
    only_row        boolean primary key default true check (only_row),
    records         bigint  not null default 0,
    bytes           bigint  not null default 0,
    expired_records bigint  not null default 0,
    expired_bytes   bigint  not null default 0
);
insert into indexer.quarantine_totals default values;
"""

MIGRATIONS: tuple[Migration, ...] = (Migration("workers", 1, _TABLES),)
