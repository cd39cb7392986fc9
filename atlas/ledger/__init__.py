"""The append-only, tamper-evident store."""

from atlas.ledger import cosignature_schema, schema

MIGRATIONS = (*schema.MIGRATIONS, *cosignature_schema.MIGRATIONS)

__all__ = ["MIGRATIONS"]
