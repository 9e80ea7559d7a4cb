"""The main results of a release in sentences and as numbers: growth of density, fall of prices.

`answers` makes them from published tables, for the terminal, for pages and for `headline.json`.
Sentences give times in months, tables in days. Not here: the estimates themselves, and how answers
are laid out on a screen (`summary`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import polars as pl

from densing_pipeline.headline import QUOTED_GROWTH
from densing_pipeline.paper import NMI
from densing_pipeline.publication.estimate import Estimate, in_months
from densing_pipeline.publication.growth import growth_estimate, growth_sentence, quoted_rows
from densing_pipeline.publication.paces import pace_text, pace_words
from densing_pipeline.publication.wording import counted, listed
from densing_pipeline.tables import contract
from densing_pipeline.tables.dates import DAYS_PER_MONTH
from densing_pipeline.tables.dates import newest as newest_day
from densing_pipeline.tables.schemas import Tables
from densing_pipeline.trends.sensitivity import spread

ANSWERED_FROM = (
    "density_growth", "densing_law", "densities", "density_paces", "pace_skill", "sensitivity",
    "price_halving", "price_frontier",
)  # fmt: skip
"""The tables that the answers are made from."""

HEADLINE_FILE = "headline.json"

CURRENT = (NMI, "mmlu", "all", "quantile-0.9")
"""Reference law, scores, window and estimator of the answer that reaches the newest models: MMLU is the
one benchmark of the paper's suite that the makers of 2026 still report."""

CURRENT_BASES = {"total": "all parameters", "active": "those active per token"}
"""Parameter counts that give different answers since mixtures of experts lead, in words."""

GROWTH = "what gets denser"
"""Topic of the answer of every ruler."""

PRICE = "price"
"""Topic of the answer of prices."""

PACES = {
    "reference_id": CURRENT[0],
    "score_set": CURRENT[1],
    "estimator": CURRENT[3],
    "population": "all",
}
"""The same in `density_paces` and `pace_skill`."""

NO_MODELS = "It rests on no models."

STALE_MODEL_DAYS = 120
"""Age of the newest model or record low, in days, above which an answer warns that it is old."""


@dataclass(frozen=True)
class Answer:
    """Answer of a release to one question.

    Attributes:
        topic: `what gets denser`, `density today`, `density in the paper's set` or `price`.
        text: the answer in one or two sentences.
        basis: the models or prices the estimate is based on, and the newest day, in one sentence.
        n: models or price changes the estimate is based on.
        newest: name of the newest of them; None if there is none.
        until: day of the newest of them; None if there is none.
        as_of: day of the newest input.
        estimates: the numbers in the text.
    """

    topic: str
    text: str
    basis: str
    n: int
    newest: str | None
    until: date | None
    as_of: date | None
    estimates: tuple[Estimate, ...]

    @property
    def sentence(self) -> str:
        """The answer with its basis: how it is quoted, always with a count and a date."""
        return f"{self.text} {self.basis}"


def answers(tables: Tables) -> tuple[Answer, ...]:
    """Every answer that a release gives: what gets denser, then density by benchmarks, then prices.

    Args:
        tables: those of `ANSWERED_FROM`, of one release.
    """
    return (
        growth_answer(tables["density_growth"]),
        _density_today(tables),
        _density(tables),
        price_answer(tables),
    )


def headline(release_id: str, given: Sequence[Answer]) -> dict[str, Any]:
    """The content of `headline.json`: the answers, with dates as ISO 8601 text.

    Readers rely on its keys, which are only added to.

    Args:
        release_id: name of the release.
        given: its answers.
    """
    return {
        "contract": contract.NAME,
        "release": release_id,
        "answers": [_dated(asdict(answer)) | {"sentence": answer.sentence} for answer in given],
    }


def _dated(entry: dict[str, Any]) -> dict[str, Any]:
    """A copy of an entry with dates as ISO 8601 text, also in the entries that it lists."""
    return {
        name: value.isoformat()
        if isinstance(value, date)
        else [_dated(one) for one in value]
        if isinstance(value, tuple)
        else value
        for name, value in entry.items()
    }


def growth_answer(density_growth: pl.DataFrame) -> Answer:
    """What gets denser: skills, knowledge and compression, each with its interval, models and newest day.

    Args:
        density_growth: the published table.
    """
    found = [(quoted, quoted_rows(density_growth, quoted)) for quoted in QUOTED_GROWTH]
    estimates = tuple(
        growth_estimate(row, f"{quoted.name}, {basis}")
        for quoted, rows in found
        for basis, row in rows.items()
    )
    most = {
        quoted.name: max(
            (row for row in rows.values() if row["newest_release"]), key=lambda row: row["n_models"]
        )
        for quoted, rows in found
        if any(row["newest_release"] for row in rows.values())
    }
    as_of = max((row["as_of"] for row in most.values()), default=None)
    first = next(iter(most.values()), {})
    return Answer(
        GROWTH,
        " ".join(growth_sentences(density_growth)),
        _newest_of_rulers(most, as_of),
        int(first.get("n_models") or 0),
        first.get("newest_model"),
        first.get("newest_release"),
        as_of,
        estimates,
    )


def growth_sentences(density_growth: pl.DataFrame) -> list[str]:
    """A sentence for each of skills, knowledge and compression.

    Args:
        density_growth: the published table.
    """
    return [
        growth_sentence(quoted, quoted_rows(density_growth, quoted), is_first=not place)
        for place, quoted in enumerate(QUOTED_GROWTH)
    ]


def _newest_of_rulers(rows: Mapping[str, Mapping[str, Any]], as_of: date | None) -> str:
    """Sentence with the newest model of the first ruler, and a warning of each whose newest is old."""
    if not rows:
        return NO_MODELS
    ages = [(name, days_old(row["newest_release"], as_of)) for name, row in rows.items()]
    old = [f"the newest model for {name} is {age} days" for name, age in ages if age]
    warning = f" Warning: {listed(old)} older than the newest input of {as_of}." if old else ""
    newest = next(iter(rows.values()))["newest_model"].rpartition("/")[2]
    return f"The newest model is {newest}.{warning}"


def _density_today(tables: Tables) -> Answer:
    """Density on the newest models, by total and by active parameters, and of open weights alone."""
    law = tables["densing_law"]
    found = {
        (basis, population): current_row(law, basis, population)
        for basis in CURRENT_BASES
        for population in ("all", "open-weights")
    }
    rows = [found[basis, "all"] for basis in CURRENT_BASES]
    estimates = tuple(
        _estimate(row, f"{CURRENT[1]}, {basis}")
        for basis, row in zip(CURRENT_BASES, rows, strict=True)
    )
    of_open = tuple(
        _estimate(row, f"{CURRENT[1]}, {basis}, open weights")
        for (basis, population), row in found.items()
        if population != "all" and row.get("verdict") == "ok"
    )
    if all(one.verdict != "ok" for one in estimates):
        text = f"The data do not carry an estimate of density on MMLU: {estimates[0].reason}."
    else:
        said = [
            f"every {_with_interval(one, is_first=place == 0)} counting {words}"
            if one.months is not None
            else f"{_without_pace(one)} counting {words}"
            for place, (words, one) in enumerate(
                zip(CURRENT_BASES.values(), estimates, strict=True)
            )
        ]
        text = f"On MMLU alone, density doubles {listed(said)}.{_open_weights(found)}" + pace_text(
            tables["density_paces"], tables["pace_skill"], PACES, CURRENT_BASES
        )
    row = rows[0]
    n, newest, until, as_of = (
        int(row.get("n_models") or 0),
        row.get("newest_model"),
        row.get("newest_release"),
        row.get("as_of"),
    )
    return Answer(
        "density today",
        text,
        rests_on(n, newest, until, as_of),
        n,
        newest,
        until,
        as_of,
        estimates + of_open,
    )


def _without_pace(estimate: Estimate) -> str:
    """Text in place of a doubling time: the trend does not rise, or there is no estimate."""
    if estimate.verdict != "ok":
        return "at no pace that the data carry"
    least = "" if estimate.low is None else f" (at least {estimate.low:.1f} months)"
    return f"never, by a trend that does not rise{least},"


def current_row(law: pl.DataFrame, basis: str, population: str) -> Mapping[str, Any]:
    """The row of the series `CURRENT` of one basis and population; empty if there is none.

    Args:
        law: a `densing_law` frame.
        basis: parameter basis.
        population: `all` or `open-weights`.
    """
    rows = law.filter(
        pl.col("reference_id") == CURRENT[0],
        pl.col("score_set") == CURRENT[1],
        pl.col("params_basis") == basis,
        pl.col("window") == CURRENT[2],
        pl.col("estimator") == CURRENT[3],
        pl.col("population") == population,
    )
    return rows.row(0, named=True) if rows.height else {}


def _estimate(
    row: Mapping[str, Any], series: str, missing: str = "there is no such series"
) -> Estimate:
    """The doubling time of a row of `densing_law`; `missing` is the reason if the row is empty."""
    is_ok = row.get("verdict") == "ok"
    return Estimate(
        series=series,
        verdict=str(row.get("verdict", "insufficient")),
        months=in_months(row.get("doubling_days")) if is_ok else None,
        low=in_months(row.get("doubling_days_low")) if is_ok else None,
        high=in_months(row.get("doubling_days_high")) if is_ok else None,
        reason=str(row.get("reason", missing)),
        n=int(row.get("n_models") or 0),
        until=row.get("newest_release"),
    )


def _open_weights(found: Mapping[tuple[str, str], Mapping[str, Any]]) -> str:
    """Sentence with the doubling times of models with open weights; empty without estimates."""
    rows = [found[basis, "open-weights"] for basis in CURRENT_BASES]
    if any(row.get("verdict") != "ok" for row in rows):
        return ""
    paces = " and ".join(pace_words(row) for row in rows)
    first = rows[0]
    basis = f"{counted(first['n_models'], 'model')} to {first['newest_release']}"
    return f" Of open weights alone, {basis}: {paces}."


def rests_on(n: int, newest: str | None, until: date | None, as_of: date | None) -> str:
    """Sentence with number and newest of the models, and a warning if the newest is old."""
    if not n or newest is None or until is None:
        return NO_MODELS
    named = newest.rpartition("/")[2]
    return (
        f"It rests on {counted(n, 'model')} to {until}, the newest {named}.{_warning(until, as_of)}"
    )


def _warning(until: date, as_of: date | None) -> str:
    """Sentence that warns where the newest model or price is old; empty where it is not."""
    age = days_old(until, as_of)
    if age is None:
        return ""
    return f" Warning: that is {age} days before the newest input of {as_of}."


def days_old(until: date, as_of: date | None) -> int | None:
    """Days from the newest model or price to the newest input, if they are too many to pass over."""
    age = (as_of - until).days if as_of else 0
    return age if age > STALE_MODEL_DAYS else None


def _density(tables: Tables) -> Answer:
    law = tables["densing_law"].filter(pl.col("is_headline"))
    row: Mapping[str, Any] = law.row(0, named=True) if law.height else {}
    estimate = _estimate(row, str(row.get("score_set", "")), missing="no estimate is the headline")
    if estimate.months is None:
        text = f"The data do not carry an estimate of how fast density doubles: {estimate.reason}."
    else:
        text = (
            "By the paper's own law, on its models and averages of five benchmarks, density doubled every "
            f"{_with_interval(estimate)}.{_other_choices(tables['sensitivity'])}"
        )
    models = _models_behind(tables["densities"], row)
    n = models.height
    newest, until = models.select("model_id", "release_date").row(-1) if n else (None, None)
    as_of = row.get("as_of")
    basis = rests_on(n, newest, until, as_of)
    return Answer("density in the paper's set", text, basis, n, newest, until, as_of, (estimate,))


def _models_behind(densities: pl.DataFrame, law: Mapping[str, Any]) -> pl.DataFrame:
    """The models an estimate is based on, oldest first."""
    if not law:
        return densities.clear()
    return densities.filter(
        pl.col("reference_id") == law["reference_id"],
        pl.col("score_set") == law["score_set"],
        pl.col("params_basis") == law["params_basis"],
        pl.col("density").is_not_null(),
        pl.col("release_date").is_between(law["window_start"], law["window_end"]),
    ).sort("release_date", "model_id")


def _other_choices(sensitivity: pl.DataFrame) -> str:
    found = spread(sensitivity)
    if not found.n or found.low is None:
        return ""
    low = f"{found.low / DAYS_PER_MONTH:.1f}"
    if found.high is None:
        return f" Other defensible choices say {low} months or more, some that it never doubles."
    return f" Other defensible choices say {low} to {found.high / DAYS_PER_MONTH:.1f} months."


def price_answer(tables: Tables) -> Answer:
    """How fast the cheapest price of each capability level falls.

    Args:
        tables: price_halving and price_frontier.
    """
    # The paper's own price points are left out: they are no current capability level. So are the levels on an
    # index: most are those of the same models again.
    rows = tables["price_halving"].filter(
        pl.col("is_headline"), pl.col("level") != NMI, pl.col("level_scale").ne_missing("ECI")
    )
    lows = _record_lows(tables["price_frontier"], rows)
    of_level = {
        level: steps for (level,), steps in lows.partition_by("level", as_dict=True).items()
    }
    estimates = tuple(
        Estimate(
            series=row["level"],
            verdict=row["verdict"],
            months=row["halving_months"] if row["verdict"] == "ok" else None,
            low=row["low"],
            high=row["high"],
            reason=row["reason"],
            n=of_level[row["level"]].height if row["level"] in of_level else 0,
            until=of_level[row["level"]]["date"][-1] if row["level"] in of_level else None,
        )
        for row in rows.sort("level").to_dicts()
    )
    # The rows of the others and their ends are in the table.
    carried = [one for one in estimates if one.is_bounded]
    lacking = [one.series for one in estimates if one not in carried]
    if carried:
        each = [
            f"as capable as {one.series} {'halves ' if one is carried[0] else ''}every "
            f"{_with_interval(one, is_first=one is carried[0])}"
            for one in carried
        ]
        text = f"The cheapest price of a model {listed(each)}."
    else:
        text = "The data do not carry an estimate of how fast prices halve."
    if lacking and carried:
        text += f" For {listed(lacking)} the data do not carry an estimate."
    steps = lows.filter(pl.col("level").is_in([one.series for one in carried]))
    n = steps.height
    newest, until = steps.select("model", "date").row(-1) if n else (None, None)
    as_of = newest_day(rows["as_of"]) if rows.height else None
    basis = (
        f"It rests on {counted(n, 'record low')} since {steps['date'][0]}, the newest {newest} "
        f"on {until}.{_warning(until, as_of)}"
        if until is not None
        else "It rests on no prices."
    )
    return Answer(PRICE, text, basis, n, newest, until, as_of, estimates)


def _record_lows(frontier: pl.DataFrame, halving: pl.DataFrame) -> pl.DataFrame:
    """The record low prices that these halving times are based on, oldest first."""
    series = ["level", "blend_input_share", "curve"]
    return frontier.join(halving.select(series).unique(), on=series).sort("date", "level")


def _with_interval(estimate: Estimate, *, is_first: bool = True) -> str:
    """`4.4 months (95 % interval 2.6 to 20.9)`; later ones in a sentence are shorter."""
    if is_first:
        return estimate.text.replace("(", "(95 % interval ", 1)
    return estimate.text
