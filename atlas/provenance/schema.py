"""This room's own table.

    provenance.unsigned_versions   why an asset version whose file is here has no manifest yet, and when to try again
                                   (``retry_at`` null: never, with this file)

It is working memory, no part of the ledger: emptied, every version is simply tried again.
"""

from atlas.ledger.migrations import Migration

_UNSIGNED = """
create schema provenance;
create table provenance.unsigned_versions (
    aaid         bytea       not null check (octet_length(aaid) = 32),
    version      int         not null,
    content_hash bytea       not null check (octet_length(content_hash) = 32),
    reason       text        not null,
    message      text        not null,
    attempts     int         not null check (attempts > 0),
    failed_at    timestamptz not null,
    retry_at     timestamptz,
    primary key (aaid, version)
);
"""

MIGRATIONS: tuple[Migration, ...] = (Migration("provenance", 1, _UNSIGNED),)
