"""Trends of density over time: estimators, their intervals, and what simulations say of them.

Not here: densities themselves (`density`), prices (`cost`).
"""
