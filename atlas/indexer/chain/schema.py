"""The indexer's own memory, schema ``indexer``: it changes in the transaction that records the facts.

    cursors    chain -> tip (number, hash) and the finalized block that was recorded last
    headers    chain, number -> the window of canonical blocks below the tip, without gaps
    orphans    chain, hash -> recorded blocks that left the canonical chain and may come back
    rules      chain, key -> what is indexed; ``backfill_from`` is the first block not read yet,
               null when the rule follows the chain's tip
    children   chain, rule, address -> what factories have named, up to where their rule is read
    standing   chain -> how the indexer fares, for whoever looks (see ``standing``)
    decisions  chain -> what the operator has decided about a fork that goes below the window
    unproven   chain, hash -> blocks without watched logs whose bloom leaves room for some; the endpoint
               was asked twice. Most are chance; another endpoint, or the receipts, would tell

None of it is part of the log: all of it can be rebuilt from the log and the chain.
"""

from atlas.ledger.migrations import Migration

_TABLES = """
create schema indexer;

create table indexer.cursors (
    chain            text   primary key,
    number           bigint not null,
    hash             bytea  not null,
    finalized_number bigint,
    finalized_hash   bytea
);

create table indexer.headers (
    chain       text    not null,
    number      bigint  not null,
    hash        bytea   not null,
    parent_hash bytea   not null,
    time_s      bigint  not null,
    recorded    boolean not null,
    primary key (chain, number)
);

create table indexer.orphans (
    chain  text   not null,
    hash   bytea  not null,
    number bigint not null,
    primary key (chain, hash)
);

create table indexer.contracts (
    chain         text   not null,
    address       bytea  not null,
    abi           text   not null,
    start_block   bigint not null,
    backfill_from bigint,
    primary key (chain, address)
);

create table indexer.unproven (
    chain  text   not null,
    hash   bytea  not null,
    number bigint not null,
    primary key (chain, hash)
);
"""

_RULES = """
alter table indexer.contracts rename to rules;
alter table indexer.rules
    add column key              bytea,
    add column abi_sha256       bytea,
    add column topics           bytea[] not null default '{}',
    add column place            smallint,
    add column child_abi        text,
    add column child_abi_sha256 bytea;
update indexer.rules set key = address;
alter table indexer.rules
    drop constraint contracts_pkey,
    alter column address drop not null,
    add primary key (chain, key);

create table indexer.children (
    chain     text   not null,
    rule      bytea  not null,
    address   bytea  not null,
    number    bigint not null,
    hash      bytea  not null,
    log_index bigint not null,
    primary key (chain, rule, address)
);

create table indexer.standing (
    chain        text             primary key,
    state        text             not null,
    reason       text             not null,
    hint         text             not null,
    since        timestamptz      not null,
    tip          bigint,
    head         bigint,
    finalized    bigint,
    blocks_left  bigint,
    blocks_per_s double precision not null,
    facts_per_s  double precision not null,
    updated_at   timestamptz      not null
);

create table indexer.decisions (
    chain                  text        primary key,
    follow                 boolean     not null,
    contradicting_finality boolean     not null,
    decided_at             timestamptz not null default now()
);
"""

MIGRATIONS: tuple[Migration, ...] = (Migration("indexer", 1, _TABLES), Migration("indexer", 2, _RULES))
