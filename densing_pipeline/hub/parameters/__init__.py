"""Counting parameters: total, active and non-embedding, from configurations and file headers.

`count` is the public function. Not here: when a model was released (`hub.release_date`), and
whether it is a base model (`hub.classify`).
"""

from densing_pipeline.hub.parameters.count import ParameterCounts, count

__all__ = ["ParameterCounts", "count"]
