"""Dagster's pages and the memory of its services after a year of nights (`make year`). Not here: the nights (`quarter`)."""
