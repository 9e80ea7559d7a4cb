"""Outside sources of benchmark scores: polled, landed, and kept with every revision.

A source is a module of `score_sources.sources` that declares itself as `SOURCE`; it gives rows of one
table: `benchmark_reports`, `capability_index` or `model_reports`. A night asks all of them
(`poll`), folds what came into the history of each source (`history`), and links the names to known
models (`links`). Not here: which of the scores count (`evaluation.board_scores`).
"""
