"""Prices of models: price lists as rows of `prices`, the book of all lists, and links to models.

Not here: which prices count for a capability level, and how fast they fall (`densing_pipeline.cost`).
"""
