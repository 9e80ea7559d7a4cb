"""Reference laws, effective parameters and capacity density.

Not here: how density grows over time (`trends`), and where scores and parameter counts come from
(`facts`, `hub`, `evaluation`).
"""
