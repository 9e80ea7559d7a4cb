"""Columns, table declarations, validation and the data dictionary."""
