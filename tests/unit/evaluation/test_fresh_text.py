"""Bits per byte by month and domain: a ratio over texts, its error, and what is younger than the model."""

import math
from datetime import date

import numpy as np
import polars as pl
import pytest

from densing_pipeline.evaluation import fresh_text
from densing_pipeline.evaluation.suite.fresh_text import DOMAINS
from densing_pipeline.tables.published import EVAL_ITEMS, FRESH_TEXT, MODELS

MODEL = "lab/model"


def texts(domain, bits, sizes, month="2026-07"):
    """Items of one domain, from the bits and bytes of each text; bits of None failed."""
    failed = [each is None for each in bits]
    return pl.DataFrame(
        {
            "model_id": MODEL,
            "revision": "a" * 40,
            "suite_version": "v",
            "benchmark": "fresh-text",
            "item_id": [f"{month}/{domain}/{n}" for n in range(len(bits))],
            "subject": f"{month}/{domain}",
            "bits_per_byte": [
                None if b is None else b / s for b, s in zip(bits, sizes, strict=True)
            ],
            "text_bytes": [None if f else s for f, s in zip(failed, sizes, strict=True)],
            "failed_reason": [("too long" if f else None) for f in failed],
        }
    )


def table(*frames, released=date(2026, 6, 30)):
    """The table of a model released on that day; it has two revisions, of which one is older."""
    models = pl.DataFrame(
        [{"model_id": MODEL, "release_date": day} for day in (date(2024, 1, 1), released)],
        MODELS.polars_schema,
    )
    items = EVAL_ITEMS.cast(pl.concat(frames, how="diagonal_relaxed"))
    return FRESH_TEXT.validate(fresh_text.fresh_text(items, models))


def test_a_domain_is_all_bits_over_all_bytes_as_lm_eval_weighs_them():
    row = table(texts("bbc_news", [100.0, 600.0], [100, 300])).row(0, named=True)
    assert row["bits_per_byte"] == pytest.approx(700 / 400)
    assert (row["n_texts"], row["n_bytes"], row["texts_from"]) == (2, 400, date(2026, 7, 1))
    # Residuals 100 - 175 and 600 - 525 bits.
    assert row["bits_per_byte_error"] == pytest.approx(math.sqrt(2 * (75**2 + 75**2)) / 400)


def test_the_error_is_that_of_texts_drawn_again():
    rng = np.random.default_rng(3)
    sizes = rng.integers(200, 4000, 400)
    bits = sizes * rng.normal(0.9, 0.2, 400)
    found = table(texts("github_cpp", list(bits), sizes.tolist()))["bits_per_byte_error"].item()
    draws = rng.integers(0, 400, (4000, 400))
    assert found == pytest.approx((bits[draws].sum(1) / sizes[draws].sum(1)).std(), rel=0.06)


def test_a_text_that_failed_counts_for_nothing_but_is_counted():
    row = table(texts("bbc_news", [100.0, None, 100.0], [100, 5000, 100])).row(0, named=True)
    assert (row["bits_per_byte"], row["bits_per_byte_error"]) == (1.0, 0.0)
    assert (row["n_texts"], row["n_texts_failed"], row["n_bytes"]) == (2, 1, 200)
    assert table(texts("bbc_news", [None], [5000])).is_empty()
    assert table(texts("bbc_news", [80.0], [80]))["bits_per_byte_error"].to_list() == [None]


def test_the_mean_over_domains_needs_all_of_them_and_no_other_month():
    some = [texts(domain, [n + 1.0, n + 1.0], [1, 1]) for n, domain in enumerate(DOMAINS)]
    assert "all" not in table(*some[:-1], texts(DOMAINS[-1], [9.0], [1], "2026-08"))["domain"]
    row = table(*some).filter(domain="all").row(0, named=True)
    assert row["bits_per_byte"] == pytest.approx(3.5)
    assert (row["n_texts"], row["bits_per_byte_error"]) == (12, 0.0)


@pytest.mark.parametrize(
    ("released", "is_after"), [(date(2026, 6, 30), True), (date(2026, 7, 1), False)]
)
def test_texts_are_after_a_release_before_the_first_of_their_month(released, is_after):
    assert (
        table(texts("bbc_news", [1.0], [1]), released=released)["is_after_release"].item()
        is is_after
    )


def test_texts_of_a_model_without_release_date_are_of_no_known_side():
    items = EVAL_ITEMS.cast(texts("bbc_news", [1.0], [1]))
    assert fresh_text.fresh_text(items, MODELS.empty())["is_after_release"].to_list() == [None]


def test_nothing_measured_is_an_empty_table():
    assert FRESH_TEXT.validate(fresh_text.fresh_text(EVAL_ITEMS.empty(), MODELS.empty())).is_empty()
