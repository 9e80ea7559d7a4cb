"""Lineage of one density of a release as a tree: row, parameters, scores, law, draws, and the raw bytes of each.

The density is recomputed from the tables of the release; a value that is not reproduced is marked
as different. Not here: which bytes a row was read from (`raw_bytes`), and how the tree is drawn
(`densing_pipeline.cli.explain`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.density.direct_law import DirectLaw
from densing_pipeline.density.law import ReferenceLaw
from densing_pipeline.density.pooled_scores import is_protocol_pooled
from densing_pipeline.density.score_sets import ONE_BENCHMARK, SCORE_SETS
from densing_pipeline.hub.models import SOURCE as HUB
from densing_pipeline.hub.models import current
from densing_pipeline.paper import NMI_PREFIX
from densing_pipeline.publication import raw_bytes
from densing_pipeline.publication.raw_bytes import RawBytes, State
from densing_pipeline.publication.wording import counted, listed
from densing_pipeline.tables.schemas import Tables
from densing_pipeline.text import quoted

Row = Mapping[str, Any]

TABLES = (
    "densities", "densing_law", "models", "scores", "pooled_scores", "reference_laws",
    "reference_law_draws", "direct_laws", "benchmark_reports", "claimed_scores",
)  # fmt: skip
"""Published tables that a lineage is read from."""

OF_MODEL = (
    "densities", "models", "scores", "pooled_scores", "benchmark_reports", "claimed_scores",
)  # fmt: skip
"""Those of them of which a lineage has the rows of its model."""

LAW_KEY = ("reference_id", "benchmark")
"""Columns that identify a law."""

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
    model_id = one_model(tables["densities"], model)
    return DensityLineages(tables, state).of(model_id, law, scores, params)


class DensityLineages:
    """The lineages of the densities of one release; what several of them rest on is read once."""

    def __init__(self, tables: Tables, state: State | None = None) -> None:
        """Arrange the tables by model and by law.

        Args:
            tables: `TABLES` of the release.
            state: where raw bytes are looked for beside the package.
        """
        self.state = state
        self._headline = tables["densing_law"].filter("is_headline")
        arranged = {
            **{name: tables[name] for name in OF_MODEL},
            "models": current(tables["models"]),
            "scores": tables["scores"].with_columns(is_pooled=is_protocol_pooled()),
        }
        self._columns = {name: arranged[name].clear() for name in OF_MODEL}
        self._of_model = {
            name: arranged[name].partition_by("model_id", as_dict=True) for name in OF_MODEL
        }
        alpha = pl.col("alpha")
        draws = tables["reference_law_draws"].group_by(LAW_KEY)
        self._laws = _by_law(tables["reference_laws"])
        self._direct = _by_law(tables["direct_laws"])
        self._draws = _by_law(draws.agg(n=pl.len(), least=alpha.min(), greatest=alpha.max()))

    def of(
        self,
        model_id: str,
        law: str | None = None,
        scores: str | None = None,
        params: str | None = None,
    ) -> Node:
        """The lineage of one density; the choices as for `density_lineage`.

        Raises:
            UnknownNumberError: the model has no density for these choices.
        """
        own = {
            name: parts.get((model_id,), self._columns[name])
            for name, parts in self._of_model.items()
        }
        rows = chosen(
            own["densities"],
            self._headline,
            {"reference_id": law, "score_set": scores, "params_basis": params},
            f"{model_id} has no density",
        )
        row = rows.row(0, named=True)
        if row["density"] is None:
            said = f"no density: the score is censored ({row['censored']})"
        else:
            said = (
                f"density {row['density']:.3g}{_interval(row['density_low'], row['density_high'])}"
            )
        of_law = (row["reference_id"], _benchmark(row))
        return Node(
            f"{model_id}, released {row['release_date']}: {said} "
            f"[densities: {row['reference_id']}, {row['score_set']}, {row['params_basis']}]",
            (
                _params(own["models"].to_dicts(), row, self.state),
                _effective(row, own, self._laws.get(of_law), self._direct.get(of_law), self.state),
                _interval_node(row, self._draws.get(of_law)),
            ),
        )


def _by_law(rows: pl.DataFrame) -> dict[tuple[str, ...], Row]:
    """The rows of a table that has one for each law."""
    return {tuple(row[key] for key in LAW_KEY): row for row in rows.to_dicts()}


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
        there = sorted(set(rows[column]))
        of_headline = usual[0][column] if usual else None
        value = wanted or (of_headline if of_headline in there else there[0])
        if value not in there:
            raise UnknownNumberError(
                f"{lacking} with {column} {quoted(str(value))}: there are {listed(there)}"
            )
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
        raise UnknownNumberError(f"no model with a density has {quoted(wanted)} in its id")
    more = f" and {len(found) - SHOWN_MATCHES} more" if len(found) > SHOWN_MATCHES else ""
    raise UnknownNumberError(
        f"{counted(len(found), 'model')} have {quoted(wanted)} in their ids; give one: "
        f"{', '.join(found[:SHOWN_MATCHES])}{more}"
    )


def _params(models: Sequence[Row], row: Row, state: State | None) -> Node:
    rests_on = [
        Node(
            f"source: {one['source']} [models.source; counted from: {one['params_source']}]",
            _bytes(raw_bytes.of_model(one, state), is_of_state=one["source"] == HUB),
        )
        for one in models[:1]
    ]
    return Node(
        f"{_short(row['params'])} parameters, basis {row['params_basis']} [densities.params]",
        tuple(rests_on),
    )


def _effective(
    row: Row, own: Tables, law: Row | None, direct: Row | None, state: State | None
) -> Node:
    """The effective parameters, recomputed from score and law.

    Args:
        row: the density.
        own: rows of its model by table.
        law: its law's row of `reference_laws`, if that is one in two steps.
        direct: its law's row of `direct_laws`, if that is one from size alone.
        state: where raw bytes are looked for beside the package.
    """
    if row["effective_params"] is None:
        said = f"no effective parameters: the law cannot invert the score ({row['censored']})"
    else:
        said = (
            f"{_short(row['effective_params'])} effective parameters "
            f"[densities.effective_params]: the size at which {row['reference_id']} gives the score"
        )
        found = _inverted(row, law, direct)
        if found is not None:
            is_same = abs(found / row["effective_params"] - 1) < 1e-6
            said += (
                "; computed anew from score and law: the same"
                if is_same
                else f"; computed anew from score and law: {_short(found)}, which differs"
            )
    return Node(said, (_score(own, row, state), _law(row, law)))


def _inverted(row: Row, law: Row | None, direct: Row | None) -> float | None:
    if direct is not None:
        found = DirectLaw.from_row(direct).effective_params([row["score"]])
    elif law is not None:
        found = ReferenceLaw.from_row(law).effective_params([row["score"]])
    else:
        return None
    return float(found[0][0])


def _score(own: Tables, row: Row, state: State | None) -> Node:
    """The score with the reports it is the mean of, and those that are not used."""
    said = (
        f"score {row['score']:.4f} (standard error {_error(row)}) in {row['score_set']}, "
        f"{row['score_source_kind']} [densities.score]"
    )
    scores = own["scores"]
    if row["model_id"].startswith(NMI_PREFIX):
        figure = scores.filter(benchmark="AVERAGE", source_kind="figure").sort("source").head(1)
        return Node(said, tuple(_report(one, own, state) for one in figure.to_dicts()))
    wanted = AVERAGED if row["score_set"] == "average" else (_benchmark(row),)
    mine = [one for one in scores.to_dicts() if one["is_pooled"]]
    return Node(
        said,
        tuple(
            pooled_node(one, mine, own, state)
            for one in own["pooled_scores"].to_dicts()
            if one["benchmark"] in wanted
        ),
    )


def pooled_node(pooled: Row, mine: Sequence[Row], tables: Tables, state: State | None) -> Node:
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
    reports = sorted(
        (one for one in mine if one["benchmark"] == pooled["benchmark"]),
        key=lambda one: (one["source"], one["protocol"]),
    )
    return Node(
        f"{pooled['benchmark']} {pooled['score']:.4f}, the mean of "
        f"{counted(pooled['n_sources'], 'independent source')}{documents} [pooled_scores]{left_out}",
        tuple(_report(one, tables, state, _use(one, pooled)) for one in reports),
    )


def _use(one: Row, pooled: Row) -> str:
    """Why a report is not in the mean, if so."""
    if one["known_to"]:
        return f", counted until {one['known_to']}"
    is_used = f"; {one['source']}; " in f"; {pooled['sources']}; "
    return "" if is_used else ", not counted again"


def _report(one: Row, tables: Tables, state: State | None, use: str = "") -> Node:
    """A row of `scores`, what is said of its use, and the bytes that it was read from."""
    by = f", by {one['scored_by']}" if one["scored_by"] else ""
    return Node(
        f"{one['benchmark']} {one['score']:.4f}, {one['protocol']}{by}: {one['source']} "
        f"{one['source_url'] or ''} (observed {one['observed_at']}) [scores]{use}",
        _bytes(
            raw_bytes.of_score(one, tables, state),
            is_of_state=one["source_kind"] in raw_bytes.MEASURED,
        ),
    )


def _bytes(found: Sequence[RawBytes], *, is_of_state: bool) -> tuple[Node, ...]:
    """The bytes of a row, or that only the state directory knows them."""
    if not found and is_of_state:
        return (Node(raw_bytes.UNNAMED),)
    return tuple(Node(one.sentence) for one in found)


def _benchmark(row: Row) -> str:
    """The benchmark whose law inverts the scores of a density."""
    return (SCORE_SETS | ONE_BENCHMARK)[row["score_set"]]


def _law(row: Row, law: Row | None) -> Node:
    """The law with coefficients, source and what it was fitted to."""
    reference, benchmark = row["reference_id"], _benchmark(row)
    if law is None:
        return Node(
            f"law {reference} for {benchmark}: score from size alone [direct_laws]",
            _bytes(
                raw_bytes.of_law({"reference_id": reference, "benchmark": benchmark}),
                is_of_state=False,
            ),
        )
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
                _bytes(raw_bytes.of_law(law), is_of_state=False),
            ),
        ),
    )


def _interval_node(row: Row, draws: Row | None) -> Node:
    """The components of the density's interval; `draws` are number and range of alpha of the draws of its law."""
    if row["density"] is None:
        return Node("no interval: there is no density")
    said = f"95 % interval{_interval(row['density_low'], row['density_high'])}"
    if draws is None:
        return Node(f"{said}: the error of the score alone; the law has no draws")
    return Node(
        f"{said}: joint draws of score and law",
        (
            Node(
                f"{counted(draws['n'], 'draw')} of the law, alpha from {draws['least']:.3g} to "
                f"{draws['greatest']:.3g} [reference_law_draws]"
            ),
            Node(f"normal noise of {_error(row)} on the score"),
        ),
    )


def _error(row: Row) -> str:
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
