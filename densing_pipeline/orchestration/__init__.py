"""What Dagster needs to know: storage of tables, checks, metadata.

Beside `definitions.py` and `nightly.py`, which import this room, no other part of the package imports
dagster. Not here: anything computed about models or prices.
"""
