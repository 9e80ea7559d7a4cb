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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.density.fit_loss import FitError
from densing_pipeline.density.params_bases import params_bases
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.streams import stream
from densing_pipeline.tables.dates import DAY_ZERO, newest

RULER = "fresh-text-qwen2.5"

LINE = r"^Qwen/Qwen2\.5-[0-9.]+B$"
"""Ids of the models that a ruler is fitted to, as a pattern: base models of general text."""

LINE_NAME = "Qwen/Qwen2.5"

FEWEST_LINE_SIZES = 4
"""Fewest sizes of the line that a ruler is fitted to."""

BITS_PER_PERCENT = 0.08
"""Bits per byte of a compression rate of one per cent: 8 bits a byte over 100."""

LINE_DRAWS = 200
"""Draws of the ruler, for its own error."""

ALL_TEXTS = "fresh-text"

ALL_DOMAINS = "all"
"""Domain of the mean over all that we measure, in the table `fresh_text`."""

BASES = ("total", "active")
"""Parameter bases of densities on fresh text."""

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


SOURCE = "uncheatable-eval"
"""Name of the polled source (`score_sources.sources.uncheatable_eval`) in `benchmark_reports`."""

TEXT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "ao3 english": "ao3", "arxiv cs": "arxiv-cs", "arxiv computer science": "arxiv-cs",
        "arxiv physics": "arxiv-physics", "bbc news": "bbc", "github cpp": "github-cpp",
        "github python": "github-python", "wikipedia english": "wikipedia",
    }
)  # fmt: skip
"""Our name of each kind of text by the leaderboard's."""

SUREST = 0.95
"""Least confidence of a link from the leaderboard's name to a model."""

NOT_STATED = "not stated"
"""Sequence layers of a model of which only the leaderboard says something."""


def with_polls(facts: pl.DataFrame, reports: pl.DataFrame, models: pl.DataFrame) -> pl.DataFrame:
    """The newest poll of the leaderboard as rows of `reported_fresh_text`; the bundled rates until it carries a ruler.

    All rates of a poll are of the same texts, so they replace the bundled ones as a whole: rates of other texts
    are never mixed. Only dense base models with every text of the ruler count.

    Args:
        facts: the fact table `reported_fresh_text`.
        reports: a `benchmark_reports` frame.
        models: a `models` frame.
    """
    texts = pl.DataFrame({"kind": list(TEXT_NAMES), "text": list(TEXT_NAMES.values())})
    known = models.filter("is_base", ~pl.col("is_moe"), pl.col("params_total").is_not_null())
    polled = (
        reports.filter(
            pl.col("source") == SOURCE,
            pl.col("observed_to").is_null(),
            pl.col("confidence") >= SUREST,
        )
        .with_columns(kind=pl.col("benchmark_name").str.split(", ").list.last())
        .join(texts, on="kind")
        .sort("model_id", "text", "model")
        .unique(["model_id", "text"], keep="first", maintain_order=True)
        .filter(pl.len().over("model_id") == len(GROUPS[ALL_TEXTS]))
        .select(
            "model_id",
            "text",
            "source_url",
            compression_percent=100 * pl.col("score"),
            observed_at="observed_from",
            source=pl.lit("leaderboard of Uncheatable Eval (code MIT)"),
        )
        .join(
            known.select("model_id", "model", "family", "release_date", "params_total").unique(
                "model_id", keep="first", maintain_order=True
            ),
            on="model_id",
        )
    )
    of_line = polled.filter(pl.col("model_id").str.contains(LINE))
    if of_line["params_total"].n_unique() < FEWEST_LINE_SIZES:
        return with_bits(facts)
    layers = facts.select("model_id", "sequence_layers").unique("model_id")
    return with_bits(polled.join(layers, on="model_id", how="left")).with_columns(
        pl.col("sequence_layers").fill_null(NOT_STATED)
    )


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
        models: rows with model_id, params_total and bits_per_byte, one a model.
        group: the texts, which name the random numbers.
        seed: seed of the draws.

    Raises:
        FitError: fewer than `FEWEST_LINE_SIZES` sizes of the line are there, or larger ones do not compress
            better.
    """
    line = models.filter(pl.col("model_id").str.contains(LINE))
    sizes = line["params_total"].n_unique()
    if sizes < FEWEST_LINE_SIZES:
        raise FitError(f"sizes of {LINE_NAME} on all texts: {sizes}, needed: {FEWEST_LINE_SIZES}")
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


class Texts(NamedTuple):
    """Models that were measured on the same texts.

    Attributes:
        ruler: name of their ruler.
        group: name of the texts.
        models: model_id, family, release_date, params_total, bits_per_byte and source_url, one row a model.
        params: params by model_id and params_basis.
        as_of: day up to which the models are known.
    """

    ruler: str
    group: str
    models: pl.DataFrame
    params: pl.DataFrame
    as_of: date

    @property
    def bases(self) -> tuple[str, ...]:
        """The parameter bases that are told apart."""
        return tuple(name for name in BASES if name in self.params["params_basis"])


def known_texts(
    reported: pl.DataFrame, measured: pl.DataFrame, models: pl.DataFrame
) -> list[Texts]:
    """Models on every group of texts: the bundled compression rates, and what we measured ourselves.

    Args:
        reported: a `reported_fresh_text` frame.
        measured: a `fresh_text` frame.
        models: a `models` frame, one row a model.
    """
    return [*reported_texts(reported), *measured_texts(measured, models)]


def reported_texts(fresh_text: pl.DataFrame) -> list[Texts]:
    """The bundled compression rates by group of texts.

    All models are dense, so that total and active parameters are the same; they are by total ones.

    Args:
        fresh_text: a `reported_fresh_text` frame.
    """
    as_of = newest(fresh_text["observed_at"], otherwise=DAY_ZERO)
    found = []
    for group in GROUPS:
        models = of_group(fresh_text, group)
        params = models.select(
            "model_id", params_basis=pl.lit("total"), params=pl.col("params_total").cast(pl.Float64)
        )
        found.append(Texts(RULER, group, models, params, as_of))
    return found


def measured_texts(fresh_text: pl.DataFrame, models: pl.DataFrame) -> list[Texts]:
    """What we measured ourselves on the texts of each month, of models released before it.

    A month's texts are harder or easier for every model, so every month has a ruler of its own. Of several
    weights or suite versions of a model the last by name counts.

    Args:
        fresh_text: a `fresh_text` frame.
        models: a `models` frame, one row a model.
    """
    params = params_bases(models).filter(pl.col("params_basis").is_in(BASES))
    known = (
        fresh_text.filter(pl.col("domain") == ALL_DOMAINS, pl.col("is_after_release"))
        .sort("texts_from", "model_id", "suite_version", "revision")
        .unique(["texts_from", "model_id"], keep="last", maintain_order=True)
        .drop("release_date")
        .join(
            params.filter(params_basis="total").select(
                "model_id", "family", "release_date", params_total="params"
            ),
            on="model_id",
        )
        .with_columns(source_url=pl.lit(None, pl.String))
        .sort("texts_from", "release_date", "model_id")
    )
    return [
        Texts(
            f"fresh-text-{month:%Y-%m}-qwen2.5",
            ALL_TEXTS,
            of_month,
            params.join(of_month.select("model_id"), on="model_id"),
            month,
        )
        for (month,), of_month in known.group_by("texts_from", maintain_order=True)
        if isinstance(month, date)
    ]


def text_densities(texts: Iterable[Texts], *, seed: int) -> list[dict[str, Any]]:
    """Density of every model on every group of texts, as rows of `ruler_densities`.

    Texts without enough sizes of the line have none. The 95 % interval is that of the ruler's draws.

    Args:
        texts: the models on each group of texts.
        seed: seed of the ruler's draws.
    """
    rows: list[dict[str, Any]] = []
    for one in texts:
        try:
            ruler = fit_ruler(one.models, one.group, seed=seed)
        except FitError:
            continue
        effective = np.exp(ruler.ln_effective(one.models["bits_per_byte"].to_numpy()))
        low, high = np.nanquantile(effective[1:], (0.025, 0.975), axis=0)
        counts = {(row[0], row[1]): row[2] for row in _params_of(one).iter_rows()}
        for place, model in enumerate(one.models.iter_rows(named=True)):
            own = effective[0, place]
            rows.extend(
                {
                    "ruler": one.ruler,
                    "group": one.group,
                    "population": "base",
                    "params_basis": basis,
                    "model_id": model["model_id"],
                    "family": model["family"],
                    "release_date": model["release_date"],
                    "params": counts[model["model_id"], basis],
                    "bits_per_byte": model["bits_per_byte"],
                    "effective_params": own,
                    "density": own / counts[model["model_id"], basis],
                    "density_low": min(own, low[place]) / counts[model["model_id"], basis],
                    "density_high": max(own, high[place]) / counts[model["model_id"], basis],
                    "is_extrapolated": not ruler.params_from <= own <= ruler.params_to,
                    "source_url": model["source_url"],
                }
                for basis in one.bases
                if (model["model_id"], basis) in counts
            )
    return rows


def _params_of(texts: Texts) -> pl.DataFrame:
    return texts.params.select("model_id", "params_basis", "params")
