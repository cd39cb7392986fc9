"""The tables of the engine; the views' own schemas are made from their declarations.

    projections.views(name, version, shape, position, updated_at)             how far each view is
    projections.contracts(view, position, chain, address, abi, start_block, abi_sha256)
                                                                              the contracts that a view has met
    projections.watched_events(view, position, chain, topics, abi, start_block, abi_sha256)
                                                                              the events of any address, likewise
    projections.abis(view, position, sha256, json)                            the recorded ABIs that read them
    projections.orphans(view, stream)                                         the blocks that do not count for it
    projections.undecodable, projections.issues                               see ``atlas.projections.tables.findings``
    projections.is_final(chain, block_number)                                 whether that block is finalized

``supply`` is the live view of that name, ``supply:next`` one being rebuilt beside it.

A row of a view is final when its block is: ``projections.is_final(chain, block_number)``, or joined,
``block_number <= finalized_number`` of the current row of ``view_chains.chains``.
"""

from atlas.ledger.migrations import Migration

_ENGINE = """
create schema projections;
create table projections.views (
    name       text        not null primary key,
    version    int         not null,
    shape      bytea       not null check (octet_length(shape) = 32),
    position   bigint      not null check (position >= 0),
    updated_at timestamptz not null default now()
);
create table projections.contracts (
    view        text   not null references projections.views on update cascade on delete cascade,
    chain       text   not null,
    address     bytea  not null,
    position    bigint not null,
    abi         text   not null,
    start_block bigint not null,
    primary key (view, chain, address)
);
create table projections.orphans (
    view   text  not null references projections.views on update cascade on delete cascade,
    stream bytea not null check (octet_length(stream) = 16),
    primary key (view, stream)
);
create table projections.undecodable (
    view     text   not null references projections.views on update cascade on delete cascade,
    position bigint not null,
    reason   text   not null,
    detail   text   not null,
    primary key (view, position)
);
create table projections.issues (
    view     text   not null references projections.views on update cascade on delete cascade,
    position bigint not null,
    ordinal  int    not null,
    reason   text   not null,
    detail   text   not null,
    primary key (view, position, ordinal)
);
"""

# The body is read when the function is called: view_chains is made later, and is replaced by a rebuild.
_FINALITY = """
set local check_function_bodies = off;
create function projections.is_final(chain text, block_number bigint) returns boolean language sql stable as $body$
    select exists (
        select from view_chains.chains
        where chains.chain = is_final.chain and valid_to is null and finalized_number >= is_final.block_number
    )
$body$;
"""

# A contract may be met more than once: as the child of a factory's event, whose block may not last, and by itself.
_READINGS = """
alter table projections.contracts drop constraint contracts_pkey;
alter table projections.contracts add column abi_sha256 bytea;
alter table projections.contracts add primary key (view, position);
create table projections.watched_events (
    view        text    not null references projections.views on update cascade on delete cascade,
    chain       text    not null,
    topics      bytea[] not null,
    position    bigint  not null,
    abi         text    not null,
    start_block bigint  not null,
    abi_sha256  bytea,
    primary key (view, position)
);
create table projections.abis (
    view     text   not null references projections.views on update cascade on delete cascade,
    position bigint not null,
    sha256   bytea  not null,
    json     bytea  not null,
    primary key (view, position)
);
"""

MIGRATIONS: tuple[Migration, ...] = (
    Migration("projections", 1, _ENGINE),
    Migration("projections", 2, _FINALITY),
    Migration("projections", 3, _READINGS),
)
