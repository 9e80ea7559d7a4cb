"""Forecasts made at every past month end from the data known then, and their scores; what follows from the trend.

Not here: the trends themselves (`trends`, `cost`).
"""
