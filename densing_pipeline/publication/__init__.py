"""Releases of parquet tables with their data package, figures and summary."""
