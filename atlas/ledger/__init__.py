"""The append-only, tamper-evident store."""

from atlas.ledger import schema
from atlas.ledger.checkpoints import cosignature_schema

MIGRATIONS = (*schema.MIGRATIONS, *cosignature_schema.MIGRATIONS)

__all__ = ["MIGRATIONS"]
