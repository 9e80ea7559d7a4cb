"""What prices were on a past day, and what changed: questions to the price book that name a model.

Not here: how the book is made (`prices`), and what a capability costs (`cost`).
"""
