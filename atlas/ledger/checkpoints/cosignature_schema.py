"""The table of witnesses' cosignatures, see ``cosignatures``."""

from atlas.ledger.migrations import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "ledger cosignatures",
        1,
        """
create table ledger.cosignatures (
    origin      text        not null,
    tree_size   bigint      not null check (tree_size >= 0),
    root_hash   bytea       not null check (octet_length(root_hash) = 32),
    name        text        not null,
    key_id      bytea       not null check (octet_length(key_id) = 4),
    signature   bytea       not null,
    cosigned_at timestamptz not null,
    primary key (origin, tree_size, name, key_id)
);
-- What is published is looked up by size, whichever key signed it.
create index checkpoints_by_size on ledger.checkpoints (origin, tree_size);
""",
    ),
    # What a witness cosigned last is asked for each checkpoint, also when it has been away for long.
    Migration(
        "ledger cosignatures",
        2,
        "create index cosignatures_by_witness on ledger.cosignatures (origin, name, tree_size);",
    ),
)
