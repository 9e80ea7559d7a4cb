"""The history that several tables of a night share."""

import polars as pl

from densing_pipeline.density.density_history import DensityHistory
from densing_pipeline.paper import NMI


def test_equal_tables_share_one_history_and_other_tables_have_their_own(tables):
    models, scores = tables["models"], tables["scores"]
    laws = tables["reference_laws"].with_columns(reference_id=pl.lit(NMI))
    first = DensityHistory.of(models, scores, laws)
    assert DensityHistory.of(models.clone(), scores.clone(), laws.clone()) is first
    other = scores.with_columns(score=0.25)
    changed = DensityHistory.of(models, other, laws)
    assert changed is not first
    assert changed.scores.equals(other)


def test_a_column_that_is_new_or_null_makes_another_history(tables):
    models, scores, laws = tables["models"], tables["scores"], tables["reference_laws"]
    first = DensityHistory.of(models, scores, laws)
    assert DensityHistory.of(models, scores.drop("known_from"), laws) is not first
    again = DensityHistory.of(models, scores, laws)
    assert again is not DensityHistory.of(models.clear(), scores, laws)
