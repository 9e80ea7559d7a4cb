"""Files of other people's numbers (`densing fit`): any delimiter, many names of columns, units by name.

Not here: what is fitted to them (`density.fit_losses`, `trends.fit_densities`, `cost.fit_prices`).
"""
