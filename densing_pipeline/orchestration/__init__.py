"""Integration with Dagster: storage of tables, checks, metadata, locks.

Apart from this package, only `definitions.py`, `nightly.py`, the assets and the schedules import
dagster. Not here: computations about models or prices.
"""
