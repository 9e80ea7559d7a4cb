"""Lineage of one density of a release as a tree: row, parameters, scores, law, draws, and the raw bytes of each.

The density is recomputed from the tables of the release; a value that is not reproduced is marked
as different. Not here: which bytes a row was read from (`raw_bytes`), and how the tree is drawn
(`densing_pipeline.cli.explain`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.density.direct_law import DirectLaw
from densing_pipeline.density.direct_laws import direct_laws_of
from densing_pipeline.density.law import ReferenceLaw
from densing_pipeline.density.pooled_scores import is_protocol_pooled
from densing_pipeline.density.reference_laws import laws_of
from densing_pipeline.density.score_sets import ONE_BENCHMARK, SCORE_SETS
from densing_pipeline.hub.models import current
from densing_pipeline.paper import NMI_PREFIX
from densing_pipeline.publication import raw_bytes
from densing_pipeline.publication.raw_bytes import RawBytes, State
from densing_pipeline.publication.wording import counted, listed

Tables = Mapping[str, pl.DataFrame]

TABLES = (
    "densities", "densing_law", "models", "scores", "pooled_scores", "reference_laws",
    "reference_law_draws", "direct_laws", "benchmark_reports", "claimed_scores",
)  # fmt: skip
"""Published tables that a lineage is read from."""

SHOWN_MATCHES = 12
"""Most models listed when a name matches several."""


@dataclass(frozen=True)
class Node:
    """A statement, and the statements that support it."""

    text: str
    rests_on: tuple["Node", ...] = ()


class UnknownNumberError(LookupError):
    """The release has no such density; the message lists those it has."""


def density_lineage(
    tables: Tables,
    model: str,
    law: str | None = None,
    scores: str | None = None,
    params: str | None = None,
    state: State | None = None,
) -> Node:
    """The lineage tree of one density.

    Args:
        tables: `TABLES` of one release.
        model: model id, or a part of it that matches exactly one model.
        law: reference law; that of the headline if left out.
        scores: score set; that of the headline if left out, or the first one the model has.
        params: parameter basis; that of the headline if left out.
        state: where raw bytes are looked for beside the package; without, the tree follows from the tables alone.

    Raises:
        UnknownNumberError: no model or several models match, or there is no density for these
            choices.
    """
    densities = tables["densities"]
    model_id = one_model(densities, model)
    headline = tables["densing_law"].filter("is_headline")
    rows = chosen(
        densities.filter(model_id=model_id),
        headline,
        {"reference_id": law, "score_set": scores, "params_basis": params},
        f"{model_id} has no density",
    )
    row = rows.row(0, named=True)
    if row["density"] is None:
        said = f"no density: the score is censored ({row['censored']})"
    else:
        said = f"density {row['density']:.3g}{_interval(row['density_low'], row['density_high'])}"
    return Node(
        f"{model_id}, released {row['release_date']}: {said} "
        f"[densities: {row['reference_id']}, {row['score_set']}, {row['params_basis']}]",
        (
            _params(tables["models"], row, state),
            _effective(tables, row, state),
            _interval_node(tables, row),
        ),
    )


def chosen(
    rows: pl.DataFrame, headline: pl.DataFrame, asked: Mapping[str, str | None], lacking: str
) -> pl.DataFrame:
    """The rows of some choices; of one that is not asked for those of the headline, or of the first value there is.

    Args:
        rows: a table, or a part of it.
        headline: its headline, or one with the same columns of choices.
        asked: by column what is asked for, None if it is not; an earlier column excludes values of a later one.
        lacking: beginning of the message of what is not there.

    Raises:
        UnknownNumberError: there is no such value; the message lists those there are.
    """
    usual = headline.to_dicts()[:1]
    for column, wanted in asked.items():
        there = rows[column].unique().sort().to_list()
        of_headline = usual[0][column] if usual else None
        value = wanted or (of_headline if of_headline in there else there[0])
        if value not in there:
            raise UnknownNumberError(f"{lacking} with {column} {value}: there are {listed(there)}")
        rows = rows.filter(pl.col(column) == value)
    return rows


def one_model(densities: pl.DataFrame, wanted: str) -> str:
    """The id of the only model with a density that matches a name.

    Args:
        densities: the published table.
        wanted: model id, or a part of it.

    Raises:
        UnknownNumberError: no model or several models match.
    """
    known: list[str] = densities["model_id"].unique().sort().to_list()
    if wanted in known:
        return wanted
    found = [name for name in known if wanted.lower() in name.lower()]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UnknownNumberError(f"no model with a density has {wanted!r} in its id")
    more = f" and {len(found) - SHOWN_MATCHES} more" if len(found) > SHOWN_MATCHES else ""
    raise UnknownNumberError(
        f"{counted(len(found), 'model')} have {wanted!r} in their ids; give one: "
        f"{', '.join(found[:SHOWN_MATCHES])}{more}"
    )


def _params(models: pl.DataFrame, row: Mapping[str, Any], state: State | None) -> Node:
    there = current(models.filter(model_id=row["model_id"])).to_dicts()
    rests_on = [
        Node(
            f"source: {one['source']} [models.source; counted from: {one['params_source']}]",
            _bytes(raw_bytes.of_model(one, state)),
        )
        for one in there[:1]
    ]
    return Node(
        f"{_short(row['params'])} parameters, basis {row['params_basis']} [densities.params]",
        tuple(rests_on),
    )


def _effective(tables: Tables, row: Mapping[str, Any], state: State | None) -> Node:
    """The effective parameters, recomputed from score and law."""
    if row["effective_params"] is None:
        said = f"no effective parameters: the law cannot invert the score ({row['censored']})"
    else:
        said = (
            f"{_short(row['effective_params'])} effective parameters "
            f"[densities.effective_params]: the size at which {row['reference_id']} gives the score"
        )
        found = _inverted(tables, row)
        if found is not None:
            is_same = abs(found / row["effective_params"] - 1) < 1e-6
            said += (
                "; computed anew from score and law: the same"
                if is_same
                else f"; computed anew from score and law: {_short(found)}, which differs"
            )
    return Node(said, (_score(tables, row, state), _law(tables, row)))


def _inverted(tables: Tables, row: Mapping[str, Any]) -> float | None:
    laws: dict[tuple[str, str], ReferenceLaw | DirectLaw] = {
        **laws_of(tables["reference_laws"]),
        **direct_laws_of(tables["direct_laws"]),
    }
    law = laws.get((row["reference_id"], _benchmark(row)))
    return None if law is None else float(law.effective_params([row["score"]])[0][0])


def _score(tables: Tables, row: Mapping[str, Any], state: State | None) -> Node:
    """The score with the reports it is the mean of, and those that are not used."""
    said = (
        f"score {row['score']:.4f} (standard error {_error(row)}) in {row['score_set']}, "
        f"{row['score_source_kind']} [densities.score]"
    )
    mine = tables["scores"].filter(pl.col("model_id") == row["model_id"])
    if row["model_id"].startswith(NMI_PREFIX):
        figure = mine.filter(benchmark="AVERAGE", source_kind="figure").sort("source").head(1)
        return Node(said, tuple(_report(one, tables, state) for one in figure.to_dicts()))
    wanted = AVERAGED if row["score_set"] == "average" else (_benchmark(row),)
    mine = mine.filter(is_protocol_pooled())
    pooled = tables["pooled_scores"].filter(
        pl.col("model_id") == row["model_id"], pl.col("benchmark").is_in(wanted)
    )
    return Node(said, tuple(pooled_node(one, mine, tables, state) for one in pooled.to_dicts()))


def pooled_node(
    pooled: Mapping[str, Any], mine: pl.DataFrame, tables: Tables, state: State | None
) -> Node:
    """One benchmark's score with every report under a protocol that counts.

    Args:
        pooled: the row of `pooled_scores`.
        mine: the rows of `scores` of the model under protocols that are pooled.
        tables: benchmark_reports and claimed_scores.
        state: where raw bytes are looked for beside the package.
    """
    left_out = f"; not believed: {pooled['left_out']}" if pooled["left_out"] else ""
    several = pooled["n_documents"] > pooled["n_sources"]
    documents = f" with {pooled['n_documents']} documents" if several else ""
    reports = mine.filter(benchmark=pooled["benchmark"]).sort("source", "protocol").to_dicts()
    return Node(
        f"{pooled['benchmark']} {pooled['score']:.4f}, the mean of "
        f"{counted(pooled['n_sources'], 'independent source')}{documents} [pooled_scores]{left_out}",
        tuple(_report(one, tables, state, _use(one, pooled)) for one in reports),
    )


def _use(one: Mapping[str, Any], pooled: Mapping[str, Any]) -> str:
    """Why a report is not in the mean, if so."""
    if one["known_to"]:
        return f", counted until {one['known_to']}"
    is_used = f"; {one['source']}; " in f"; {pooled['sources']}; "
    return "" if is_used else ", not counted again"


def _report(one: Mapping[str, Any], tables: Tables, state: State | None, use: str = "") -> Node:
    """A row of `scores`, what is said of its use, and the bytes that it was read from."""
    by = f", by {one['scored_by']}" if one["scored_by"] else ""
    return Node(
        f"{one['benchmark']} {one['score']:.4f}, {one['protocol']}{by}: {one['source']} "
        f"{one['source_url'] or ''} (observed {one['observed_at']}) [scores]{use}",
        _bytes(raw_bytes.of_score(one, tables, state)),
    )


def _bytes(found: Iterable[RawBytes]) -> tuple[Node, ...]:
    return tuple(Node(one.sentence) for one in found)


def _benchmark(row: Mapping[str, Any]) -> str:
    """The benchmark whose law inverts the scores of a density."""
    return (SCORE_SETS | ONE_BENCHMARK)[row["score_set"]]


def _law(tables: Tables, row: Mapping[str, Any]) -> Node:
    """The law with coefficients, source and what it was fitted to."""
    reference, benchmark = row["reference_id"], _benchmark(row)
    laws = tables["reference_laws"].filter(reference_id=reference, benchmark=benchmark).to_dicts()
    if not laws:
        return Node(
            f"law {reference} for {benchmark}: score from size alone [direct_laws]",
            _bytes(raw_bytes.of_law({"reference_id": reference, "benchmark": benchmark})),
        )
    law = laws[0]
    return Node(
        f"law {reference} for {benchmark}, {law['fit']} [reference_laws]",
        (
            Node(
                f"loss L = {law['a']:.5g} N^-{law['alpha']:.5g} + {law['b']:.5g} D^-{law['beta']:.5g}"
                f" + {law['irreducible']:.5g}, read at D = {_short(law['reference_tokens'])} tokens"
            ),
            Node(
                f"score S = {law['c']:.5g} / (1 + exp(-({law['gamma']:.5g}) (L - {law['l']:.5g}))) + "
                f"{law['d']:.5g}"
            ),
            Node(
                f"fitted to {law['n_points']} points; source: {law['source']}",
                _bytes(raw_bytes.of_law(law)),
            ),
        ),
    )


def _interval_node(tables: Tables, row: Mapping[str, Any]) -> Node:
    """The components of the density's interval."""
    draws = tables["reference_law_draws"].filter(
        reference_id=row["reference_id"], benchmark=_benchmark(row)
    )
    if row["density"] is None:
        return Node("no interval: there is no density")
    said = f"95 % interval{_interval(row['density_low'], row['density_high'])}"
    if draws.is_empty():
        return Node(f"{said}: the error of the score alone; the law has no draws")
    alpha = draws["alpha"].to_numpy()
    return Node(
        f"{said}: joint draws of score and law",
        (
            Node(
                f"{counted(draws.height, 'draw')} of the law, alpha from {alpha.min():.3g} to "
                f"{alpha.max():.3g} [reference_law_draws]"
            ),
            Node(f"normal noise of {_error(row)} on the score"),
        ),
    )


def _error(row: Mapping[str, Any]) -> str:
    """The standard error of a density's score in words."""
    return "unknown size" if row["std_error"] is None else f"{row['std_error']:.4f}"


def _interval(low: float | None, high: float | None) -> str:
    ends = ("?" if low is None else f"{low:.3g}", "?" if high is None else f"{high:.3g}")
    return f" ({ends[0]} to {ends[1]})"


def _short(count: float) -> str:
    """A large count with three digits: `27.0 B`."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return f"{count:.3g}"
