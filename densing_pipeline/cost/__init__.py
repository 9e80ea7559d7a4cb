"""How fast a fixed capability gets cheaper: levels, the cheapest price of each, halving times.

Not here: what single offers cost (`densing_pipeline.prices`).
"""
