"""The append-only, tamper-evident store."""

from atlas.ledger import cosignatures, schema

MIGRATIONS = (*schema.MIGRATIONS, *cosignatures.MIGRATIONS)

__all__ = ["MIGRATIONS"]
