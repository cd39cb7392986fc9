"""How facts are written: encoded as entries, joined into batches, recorded in one transaction at dense positions."""
