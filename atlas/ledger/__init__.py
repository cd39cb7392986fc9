"""The append-only, tamper-evident store."""
