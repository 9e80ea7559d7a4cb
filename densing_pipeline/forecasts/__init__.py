"""Forecasts made at every past month end from what was known then, and how good they were.

Not here: the trends themselves (`trends`, `cost`).
"""
