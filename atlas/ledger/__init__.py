"""The append-only, tamper-evident store."""

from atlas.ledger.schema import MIGRATIONS

__all__ = ["MIGRATIONS"]
