"""Density by compression of fresh text: a ruler of one line of models, and what other models are worth on it.

Text that was written after a model was released cannot have been trained on. The ruler is a power law
through the sizes of one dense line of models, Qwen2.5:

    ln(bits per byte) = intercept + per_ln_params ln N

The effective parameters of a model are the size of a Qwen2.5 model that compresses the text as well. The
bits per byte of a group of texts are the plain mean over its texts, as on the source's page. Not here: the
texts' growth (`trends.text_growth`).

Source: Uncheatable Eval (https://github.com/Jellyfish042/uncheatable_eval, MIT), whose compression rate is
100 (negative log likelihood in nats) / (8 ln 2 bytes): percent of the text's size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.density.fit_loss import FitError
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.streams import stream

RULER = "fresh-text-qwen2.5"

LINE = "Qwen/Qwen2.5-"
"""Start of the ids of the models that the ruler is fitted to."""

FEWEST_LINE_SIZES = 4
"""Fewest sizes of the line that a ruler is fitted to."""

BITS_PER_PERCENT = 0.08
"""Bits per byte of a compression rate of one per cent: 8 bits a byte over 100."""

LINE_DRAWS = 200
"""Draws of the ruler, for its own error."""

ALL_TEXTS = "fresh-text"

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        ALL_TEXTS: (
            "ao3", "arxiv-cs", "arxiv-physics", "bbc", "github-cpp", "github-python", "wikipedia",
        ),
        "fresh-text-github": ("github-cpp", "github-python"),
        "fresh-text-arxiv": ("arxiv-cs", "arxiv-physics"),
        "fresh-text-prose": ("ao3", "bbc", "wikipedia"),
    }
)  # fmt: skip
"""Texts whose bits per byte are averaged, by name of the group."""


@dataclass(frozen=True)
class TextRuler:
    """The power law of one group of texts.

    Attributes:
        lines: intercept and slope of ln(bits per byte) in ln N; the first row is the fit, the others are
            draws of it, shape (1 + K, 2). A draw whose slope is not negative is NaN.
        params_from: parameters of the smallest model of the line.
        params_to: of the largest.
    """

    lines: FloatArray
    params_from: float
    params_to: float

    def ln_effective(self, bits_per_byte: FloatArray) -> FloatArray:
        """Logarithm of the effective parameters by the fit and by every draw, shape (1 + K, n)."""
        intercept, slope = self.lines.T[:, :, None]
        return np.asarray((np.log(bits_per_byte) - intercept) / slope)


def with_bits(facts: pl.DataFrame) -> pl.DataFrame:
    """The bundled compression rates as rows of `reported_fresh_text`, with bits per byte."""
    return facts.with_columns(bits_per_byte=pl.col("compression_percent") * BITS_PER_PERCENT)


def of_group(fresh_text: pl.DataFrame, group: str) -> pl.DataFrame:
    """Bits per byte of a group of texts, of every model that was measured on all of them.

    Args:
        fresh_text: a `reported_fresh_text` frame.
        group: one of `GROUPS`.

    Returns:
        One row per model, by release: model_id, family, release_date, params_total, source_url,
        observed_at, bits_per_byte.
    """
    texts = GROUPS[group]
    return (
        fresh_text.filter(pl.col("text").is_in(texts))
        .sort("model_id", "text")
        .group_by("model_id", maintain_order=True)
        .agg(
            pl.col("family", "release_date", "params_total", "source_url").first(),
            pl.col("observed_at").max(),
            pl.col("bits_per_byte").mean(),
            pl.len().alias("n_texts"),
        )
        .filter(pl.col("n_texts") == len(texts))
        .drop("n_texts")
        .sort("release_date", "model_id")
    )


def fit_ruler(models: pl.DataFrame, group: str, *, seed: int) -> TextRuler:
    """The power law through the sizes of the line, with draws of its coefficients.

    Draws come from the normal errors of a least-squares line: variance RSS / chi squared with n - 2 degrees
    of freedom, coefficients about the fit. With four sizes they have heavy tails.

    Args:
        models: a frame of `of_group`.
        group: its group, which names the random numbers.
        seed: seed of the draws.

    Raises:
        FitError: fewer than `FEWEST_LINE_SIZES` sizes of the line are there, or larger ones do not compress
            better.
    """
    line = models.filter(pl.col("model_id").str.starts_with(LINE))
    sizes = line["params_total"].n_unique()
    if sizes < FEWEST_LINE_SIZES:
        raise FitError(
            f"sizes of {LINE.strip('/-')} on all texts: {sizes}, needed: {FEWEST_LINE_SIZES}"
        )
    params = line["params_total"].cast(pl.Float64).to_numpy()
    features = np.stack([np.ones_like(params), np.log(params)], axis=1)
    target = np.log(line["bits_per_byte"].to_numpy())
    fitted = np.linalg.solve(features.T @ features, features.T @ target)
    if fitted[1] >= 0:
        raise FitError("larger models of the line do not compress better")
    freedom = params.size - 2
    residual = float(((target - features @ fitted) ** 2).sum())
    random = stream(seed, f"{RULER}/{group}")
    scale = np.sqrt(residual / random.chisquare(freedom, LINE_DRAWS))
    root = np.linalg.cholesky(np.linalg.inv(features.T @ features))
    drawn = fitted + scale[:, None] * (random.standard_normal((LINE_DRAWS, 2)) @ root.T)
    drawn[drawn[:, 1] >= 0] = np.nan
    return TextRuler(np.vstack([fitted, drawn]), float(params.min()), float(params.max()))


def text_densities(fresh_text: pl.DataFrame, *, seed: int) -> list[dict[str, Any]]:
    """Density of every model on every group of texts, as rows of `ruler_densities`.

    All models are dense, so that total and active parameters are the same; rows are by total ones. The
    95 % interval is that of the ruler's draws: the errors of single documents are not published.

    Args:
        fresh_text: a `reported_fresh_text` frame.
        seed: seed of the ruler's draws.
    """
    rows: list[dict[str, Any]] = []
    for group in GROUPS:
        models = of_group(fresh_text, group)
        try:
            ruler = fit_ruler(models, group, seed=seed)
        except FitError:
            continue
        effective = np.exp(ruler.ln_effective(models["bits_per_byte"].to_numpy()))
        low, high = np.nanquantile(effective[1:], (0.025, 0.975), axis=0)
        for place, model in enumerate(models.iter_rows(named=True)):
            own, params = effective[0, place], model["params_total"]
            rows.append(
                {
                    "ruler": RULER,
                    "group": group,
                    "population": "base",
                    "params_basis": "total",
                    "model_id": model["model_id"],
                    "family": model["family"],
                    "release_date": model["release_date"],
                    "params": params,
                    "bits_per_byte": model["bits_per_byte"],
                    "effective_params": own,
                    "density": own / params,
                    "density_low": min(own, low[place]) / params,
                    "density_high": max(own, high[place]) / params,
                    "is_extrapolated": not ruler.params_from <= own <= ruler.params_to,
                    "source_url": model["source_url"],
                }
            )
    return rows
