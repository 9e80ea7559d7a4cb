"""Trends of density over time: estimators, their intervals, and their simulated bias and coverage.

Not here: densities themselves (`density`), prices (`cost`).
"""
