"""Forecasts made at every past month end from the data known then, and their scores.

Not here: the trends themselves (`trends`, `cost`).
"""
