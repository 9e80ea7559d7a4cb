"""Fresh text: the bundled compression rates, and effective parameters by the line of Qwen2.5."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.fit_loss import FitError
from densing_pipeline.density.text_ruler import (
    ALL_TEXTS,
    GROUPS,
    LINE,
    LINE_NAME,
    fit_ruler,
    measured_texts,
    of_group,
    reported_texts,
    text_densities,
    with_bits,
)
from densing_pipeline.tables.published import (
    FRESH_TEXT,
    MODELS,
    REPORTED_FRESH_TEXT,
    RULER_DENSITIES,
)

SIZES = (1.5e9, 3e9, 7e9, 14e9)


@pytest.fixture(scope="module")
def bundled() -> pl.DataFrame:
    return REPORTED_FRESH_TEXT.validate(
        REPORTED_FRESH_TEXT.cast(with_bits(facts.load("reported_fresh_text")))
    )


def models(
    bits: dict[str, tuple[float, float]], texts: tuple[str, ...] = GROUPS[ALL_TEXTS]
) -> pl.DataFrame:
    """A `reported_fresh_text` frame of models with (parameters, bits per byte), alike on all texts."""
    rows = [
        {
            "model_id": name, "model": name, "family": name, "release_date": date(2024, 1, 1),
            "params_total": int(params), "sequence_layers": "attention", "text": text,
            "compression_percent": value / 0.08, "bits_per_byte": value, "source": "made up",
            "source_url": "https://example.org", "observed_at": date(2026, 1, 1),
        }
        for name, (params, value) in bits.items()
        for text in texts
    ]  # fmt: skip
    return REPORTED_FRESH_TEXT.cast(pl.DataFrame(rows))


def line(power: float = -0.1, sizes: tuple[float, ...] = SIZES) -> dict[str, tuple[float, float]]:
    """Models of the line whose bits per byte follow a power of the parameters."""
    return {f"{LINE_NAME}-{size / 1e9:g}B": (size, 6 * size**power) for size in sizes}


def test_a_compression_rate_in_percent_is_eight_hundredths_of_a_bit_per_byte(bundled):
    """A byte is eight bits, so text at 100 % of its size has eight bits a byte."""
    row = bundled.filter(model="Qwen3-14B-Base", text="wikipedia").row(0, named=True)
    assert (row["compression_percent"], row["bits_per_byte"]) == (7.942, pytest.approx(0.63536))


def test_thirty_base_models_are_measured_on_seven_kinds_of_text(bundled):
    assert bundled.height == 30 * 7
    assert bundled["params_total"].max() < 15e9
    average = of_group(bundled, ALL_TEXTS).filter(model_id="Qwen/Qwen3-14B-Base")
    assert average["bits_per_byte"].item() / 0.08 == pytest.approx(6.845, abs=6e-4), "as printed"


def test_the_facts_agree_with_the_base_models_on_family_date_and_parameters(bundled):
    both = bundled.join(facts.load("base_models"), on="model_id", suffix="_known")
    assert both["model_id"].n_unique() == 25
    for name in ("family", "release_date", "params_total"):
        assert (both[name] == both[f"{name}_known"]).all(), name


def test_a_model_is_worth_the_model_of_the_line_that_compresses_as_well():
    rows = text_densities(
        reported_texts(models(line() | {"lab/model": (2e9, 6 * 8e9**-0.1)})), seed=1
    )
    RULER_DENSITIES.validate(RULER_DENSITIES.cast(pl.DataFrame(rows)))
    found = {row["model_id"]: row for row in rows if row["group"] == ALL_TEXTS}
    assert found["lab/model"]["density"] == pytest.approx(4)
    assert [found[name]["density"] for name in line()] == pytest.approx([1] * 4)


@pytest.mark.parametrize(("effective", "beyond"), [(1.5e9, False), (1.4e9, True), (14.1e9, True)])
def test_densities_beyond_the_sizes_of_the_line_are_marked(effective, beyond):
    size = effective * (1 + 1e-9)
    rows = text_densities(
        reported_texts(models(line() | {"lab/model": (2e9, 6 * size**-0.1)})), seed=1
    )
    assert [row["is_extrapolated"] for row in rows if row["model_id"] == "lab/model"] == [
        beyond
    ] * len(GROUPS)


def test_a_model_without_one_of_the_texts_has_no_density_on_their_mean():
    partly = models({"lab/model": (2e9, 0.6)}, texts=("bbc", "ao3", "wikipedia"))
    rows = text_densities(reported_texts(pl.concat([models(line()), partly])), seed=1)
    groups = {row["group"] for row in rows if row["model_id"] == "lab/model"}
    assert groups == {"fresh-text-prose"}


def test_the_draws_of_the_ruler_scatter_as_its_points_do():
    """Two draws of the errors of four sizes: the spread of the slope is that of least squares."""
    noisy = {
        name: (params, bits * np.exp(error))
        for (name, (params, bits)), error in zip(
            line().items(), (0.01, -0.01, -0.01, 0.01), strict=True
        )
    }
    ruler = fit_ruler(of_group(models(noisy), ALL_TEXTS), ALL_TEXTS, seed=1)
    size = np.log(np.array(SIZES))
    residual = np.log([bits for _, bits in noisy.values()]) - ruler.lines[0] @ [np.ones(4), size]
    error = np.sqrt((residual**2).sum() / 2 / ((size - size.mean()) ** 2).sum())
    middle = np.nanquantile(ruler.lines[1:, 1], (0.25, 0.75))
    # Quartiles of the t distribution with two degrees of freedom lie .816 from its centre.
    assert middle - ruler.lines[0, 1] == pytest.approx([-0.816 * error, 0.816 * error], rel=0.3)
    exact = fit_ruler(of_group(models(line()), ALL_TEXTS), ALL_TEXTS, seed=1)
    assert np.ptp(exact.lines[:, 1]) < 1e-9


def test_three_sizes_are_no_ruler():
    short = of_group(models(line(sizes=SIZES[:3])), ALL_TEXTS)
    with pytest.raises(FitError, match=r"Qwen/Qwen2.5 on all texts: 3, needed: 4"):
        fit_ruler(short, ALL_TEXTS, seed=1)
    assert text_densities(reported_texts(models(line(sizes=SIZES[:3]))), seed=1) == []


def test_a_line_whose_larger_models_compress_no_better_is_no_ruler():
    with pytest.raises(FitError, match="larger models of the line do not compress better"):
        fit_ruler(of_group(models(line(power=0.1)), ALL_TEXTS), ALL_TEXTS, seed=1)


def measured(bits: dict[str, float], month: date = date(2026, 7, 1), **changes) -> pl.DataFrame:
    """A `fresh_text` frame of the mean over all domains, as measured on texts of a month."""
    rows = [
        {
            "model_id": name, "revision": "abc", "suite_version": "1", "texts_from": month,
            "domain": "all", "bits_per_byte": value, "n_texts": 3000, "n_texts_failed": 0,
            "n_bytes": 10**7, "release_date": date(2024, 1, 1), "is_after_release": True,
        } | changes
        for name, value in bits.items()
    ]  # fmt: skip
    return FRESH_TEXT.cast(pl.DataFrame(rows))


def of_models(sizes: dict[str, tuple[float, float]]) -> pl.DataFrame:
    """A `models` frame of models with total and active parameters."""
    rows = [
        {
            "model_id": name, "family": name, "release_date": date(2024, 1, 1),
            "params_total": int(total), "params_active": int(active), "is_moe": active < total,
            "is_base": True, "source": "facts",
        }
        for name, (total, active) in sizes.items()
    ]  # fmt: skip
    schema = {name: MODELS.polars_schema[name] for name in MODELS.names}
    return pl.DataFrame(rows, schema_overrides=schema).select(
        pl.col(name) if name in rows[0] else pl.lit(None, dtype).alias(name)
        for name, dtype in schema.items()
    )


LINE_SIZES = {f"{LINE_NAME}-{size / 1e9:g}B": (size, size) for size in SIZES}


def test_what_we_measure_is_worth_models_of_the_line_on_the_same_month():
    mixture = {"lab/moe": (4e9, 1e9)}
    of_line = {name: 6 * size**-0.1 for name, (size, _) in LINE_SIZES.items()}
    fresh = measured(of_line | {"lab/moe": 6 * 2e9**-0.1})
    texts = measured_texts(fresh, of_models(LINE_SIZES | mixture))
    assert [(one.ruler, one.as_of) for one in texts] == [
        ("fresh-text-2026-07-qwen2.5", date(2026, 7, 1))
    ]
    rows = text_densities(texts, seed=1)
    RULER_DENSITIES.validate(RULER_DENSITIES.cast(pl.DataFrame(rows, infer_schema_length=None)))
    density = {row["params_basis"]: row["density"] for row in rows if row["model_id"] == "lab/moe"}
    assert density == {"total": pytest.approx(0.5), "active": pytest.approx(2)}


def test_months_have_rulers_of_their_own_and_texts_before_a_release_do_not_count():
    fresh = pl.concat(
        [
            measured({"lab/a": 0.6}),
            measured({"lab/a": 0.7}, date(2026, 8, 1)),
            measured({"lab/b": 0.5}, is_after_release=False),
            measured({"lab/c": 0.5}, domain="bbc_news"),
            measured({"lab/unknown": 0.5}),
        ]
    )
    sizes = {f"lab/{name}": (2e9, 2e9) for name in "abc"}
    texts = measured_texts(fresh, of_models(sizes))
    assert [one.models.select("model_id", "bits_per_byte").rows() for one in texts] == [
        [("lab/a", 0.6)], [("lab/a", 0.7)],
    ]  # fmt: skip
    assert text_densities(texts, seed=1) == [], "no size of the line was measured"


def test_of_two_evaluations_of_a_model_one_counts():
    fresh = pl.concat([measured({"lab/a": 0.6}), measured({"lab/a": 0.5}, suite_version="2")])
    (one,) = measured_texts(fresh, of_models({"lab/a": (2e9, 2e9)}))
    assert one.models["bits_per_byte"].to_list() == [0.5]


@pytest.mark.parametrize(
    ("name", "is_in"),
    [
        ("Qwen/Qwen2.5-0.5B", True),
        ("Qwen/Qwen2.5-14B-Instruct", False),
        ("Qwen/Qwen2.5-Math-7B", False),
        ("lab/Qwen2.5-7B", False),
    ],
)
def test_the_line_is_base_models_of_general_text(name, is_in):
    assert pl.Series([name]).str.contains(LINE).item() is is_in
