"""Ranges of facts as Parquet files with their tiles and manifests, for reading without the database."""
