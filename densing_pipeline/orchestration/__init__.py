"""What Dagster needs to know: storage of tables, checks, metadata.

Beside `definitions.py` this is the only part of the package that imports dagster. Not here: anything
computed about models or prices.
"""
