"""What a release says of each model, for the cards of the page: sizes, scores, densities, price, index and lineage.

Not here: how a card looks (`report.js`), and the lineage itself (`densing_pipeline.publication.lineage`).
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from densing_pipeline.headline import HEADLINE_BLEND
from densing_pipeline.publication.answers import CURRENT
from densing_pipeline.publication.charts.density import BASES, SCORES
from densing_pipeline.publication.charts.rulers import GROUPS
from densing_pipeline.publication.lineage import DensityLineages, Node
from densing_pipeline.publication.stored_tables import scan
from densing_pipeline.publication.wording import money
from densing_pipeline.tables.schemas import Tables

Line = tuple[str, str]

INDEX = "ECI"
"""The capability index of which cards give the value."""

BASE_SUFFIX = re.compile(r"-(base|pt|hf|pretrain|pretrained)(-hf)?$")
"""How the names of base models end."""

CHAT_SUFFIX = re.compile(r"-(instruct|it|chat)(-hf|-v[0-9.]+)?$")
"""How the names of chat models end."""

SHOWN_BASES = ("total", "active")
"""Counts of parameters whose densities are on a card."""


def model_cards(tables: Tables) -> dict[str, Any]:
    """The cards of all models with a density, by id, and the statements that their lineages repeat.

    Args:
        tables: every published table by name.

    Returns:
        `models`: by id, `name`, `facts`, `scores`, `densities` and `market` as pairs of words, and `lineage` as pairs of
        depth and number of a statement; `statements`: the statements by number.
    """
    densities, models = tables["densities"], tables["models"]
    known = {row["model_id"]: row for row in models.to_dicts()}
    parts = {
        "scores": _scores(tables["pooled_scores"]),
        "densities": _densities(densities, tables["ruler_densities"]),
        "market": _market(tables),
    }
    statements: dict[str, int] = {}
    lineages = DensityLineages(tables)
    cards = {}
    for model_id in densities["model_id"].unique().sort():
        tree = flat(lineages.of(model_id))
        cards[model_id] = {
            "facts": _facts(known.get(model_id, {})),
            **{name: found.get(model_id, []) for name, found in parts.items()},
            "lineage": [
                (depth, statements.setdefault(text, len(statements))) for depth, text in tree
            ],
        }
    return {"models": cards, "statements": list(statements)}


def flat(node: Node, depth: int = 0) -> list[tuple[int, str]]:
    """The statements of a lineage in order, each with its depth in the tree."""
    return [
        (depth, node.text),
        *(line for one in node.rests_on for line in flat(one, depth + 1)),
    ]


def _facts(model: Mapping[str, Any]) -> list[Line]:
    """Maker, family, day and sizes of a row of `models`."""
    sizes = {"all parameters": "params_total", "active per token": "params_active"}
    found = [
        ("Maker", model.get("organisation")),
        ("Family", model.get("family")),
        ("Released", model.get("release_date")),
        *((words, _billions(model.get(column))) for words, column in sizes.items()),
        ("Weights", model.get("weights")),
        ("Licence", model.get("licence")),
    ]
    return [(words, str(value)) for words, value in found if value is not None]


def _billions(params: float | None) -> str | None:
    return None if params is None else f"{params / 1e9:,.3g} billion"


def _scores(pooled: pl.DataFrame) -> dict[str, list[Line]]:
    """The scores of each model: measured here, or reported by how many independent sources."""
    return _by_model(
        (
            row["model_id"],
            (
                row["benchmark"],
                f"{row['score']:.1%}, measured"
                if row["source_kind"] == "measured"
                else f"{row['score']:.1%}, reported by {row['n_sources']} "
                f"{'source' if row['n_sources'] == 1 else 'sources'}",
            ),
        )
        for row in pooled.sort("model_id", "benchmark").to_dicts()
    )


def _densities(densities: pl.DataFrame, by_ruler: pl.DataFrame) -> dict[str, list[Line]]:
    """The densities of each model with interval, and its rank among the models of the same series."""
    series = ("score_set", "params_basis")
    by_scores = (
        densities.filter(
            pl.col("reference_id") == CURRENT[0],
            pl.col("score_set").is_in(list(SCORES)),
            pl.col("params_basis").is_in(SHOWN_BASES),
            pl.col("density").is_not_null(),
        )
        .with_columns(
            rank=pl.col("density").rank("min", descending=True).over(series).cast(pl.Int64),
            n=pl.len().over(series),
        )
        .sort("model_id", *series, descending=[False, False, True])
    )
    lines = [
        (
            row["model_id"],
            (
                f"{SCORES[row['score_set']]}, counting {BASES[row['params_basis']]}",
                f"{_with_ends(row)}, number {row['rank']:,} of {row['n']:,}",
            ),
        )
        for row in by_scores.to_dicts()
    ]
    rulers = by_ruler.filter(
        pl.col("params_basis").is_in(SHOWN_BASES), pl.col("density").is_not_null()
    ).sort("model_id", "ruler", "group", "params_basis")
    lines += [
        (
            row["model_id"],
            (
                f"{GROUPS.get(row['group'], row['group'])}, counting {BASES[row['params_basis']]}",
                _with_ends(row),
            ),
        )
        for row in rulers.to_dicts()
    ]
    return _by_model(lines)


def _with_ends(row: Mapping[str, Any]) -> str:
    """A density with its 95 % interval; an end that is not known is said to be open."""
    density, low, high = (
        None if row[name] is None else _two_digits(row[name])
        for name in ("density", "density_low", "density_high")
    )
    if low is None and high is None:
        return f"{density}"
    if high is None:
        return f"{density} (at least {low})"
    if low is None:
        return f"{density} (at most {high})"
    return f"{density} ({low} to {high})"


def _two_digits(value: float) -> str:
    """A number with two significant digits and no exponent."""
    digits = max(1 - math.floor(math.log10(value)), 0)
    return f"{float(f'{value:.2g}'):,.{digits}f}"


def _market(tables: Tables) -> dict[str, list[Line]]:
    """The cheapest price on offer and the value of the index, of each model or of the chat model made of it.

    Offers are of chat models. One belongs to a base model if its name is that of the base model but for a suffix
    (`BASE_SUFFIX`, `CHAT_SUFFIX`), and no other model has that name.
    """
    lines = [*_cheapest(tables), *_index(tables["capability_index"])]
    sold = {canonical: _stem(canonical, CHAT_SUFFIX) for canonical, _ in lines}
    by_stem: dict[str, set[str]] = defaultdict(set)
    for canonical, stem in sold.items():
        by_stem[stem].add(canonical)
    told = _by_model(lines)
    found = {}
    for model_id in tables["densities"]["model_id"].unique().sort():
        same = {model_id} & set(told) or by_stem.get(_stem(model_id, BASE_SUFFIX), set())
        if len(same) == 1:
            (canonical,) = same
            found[model_id] = [
                (f"{words} ({canonical})", value) for words, value in told[canonical]
            ]
    return found


def _stem(model_id: str, suffix: re.Pattern[str]) -> str:
    """The name of a model in small letters without its organisation and a suffix."""
    return suffix.sub("", model_id.lower().rpartition("/")[2])


def _cheapest(tables: Tables) -> list[tuple[str, Line]]:
    """The cheapest price of each model that is on offer now."""
    share = HEADLINE_BLEND
    offers = (
        scan(tables, "prices")
        .filter(
            pl.col("observed_to").is_null(),
            pl.col("valid_to").is_null(),
            pl.col("flag").is_null(),
            pl.col("context_over_tokens") == 0,
        )
        .join(
            scan(tables, "model_links").select("source", "provider", "model", "canonical_id"),
            on=["source", "provider", "model"],
        )
        .with_columns(
            usd=share * pl.col("input_usd_per_mtok") + (1 - share) * pl.col("output_usd_per_mtok")
        )
        .filter(pl.col("usd") > 0, pl.col("canonical_id").is_not_null())
        .select("canonical_id", "usd", "provider", "source")
        .collect(engine="streaming")
        .sort("usd", "provider", "source", "canonical_id")
        .unique("canonical_id", keep="first", maintain_order=True)
    )
    return [
        (
            row["canonical_id"],
            (
                "Cheapest offer",
                f"{money(row['usd'])} a million tokens, {share:.0%} of them input; "
                f"{row['provider']} in {row['source']}",
            ),
        )
        for row in offers.to_dicts()
    ]


def _index(capability_index: pl.DataFrame) -> list[tuple[str, Line]]:
    """The newest value of each model on the index; of the best of its settings, where it has several."""
    rows = (
        capability_index.filter(
            pl.col("index_name") == INDEX,
            pl.col("model_id").is_not_null(),
            pl.col("observed_to").is_null(),
            pl.col("index_value").is_not_null(),
        )
        .sort("model_id", "index_value")
        .unique("model_id", keep="last", maintain_order=True)
    )
    return [
        (row["model_id"], ("Epoch Capabilities Index", _index_words(row)))
        for row in rows.to_dicts()
    ]


def _index_words(row: Mapping[str, Any]) -> str:
    if row["index_low"] is None or row["index_high"] is None:
        return f"{row['index_value']:.0f}"
    return f"{row['index_value']:.0f} ({row['index_low']:.0f} to {row['index_high']:.0f})"


def _by_model(lines: Iterable[tuple[str, Line]]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = defaultdict(list)
    for model_id, line in lines:
        found[model_id].append(line)
    return found
