"""The raw bytes that a row of a release was read from: their SHA-256, the day they came, and where they lie.

Raw bytes are a response as it landed, a document or a fact table of the package, or a file of one of our own
evaluations. Rows read from a response have its hash; fact tables of the package are named only if the row stands
in them, since a release may have been made by another version. Without a state directory the answer is the
same without the place of what landed; records of the Hub and evaluations are then not found.

A release does not hold the hashes of these two, so that its size does not grow with every poll: a lineage says so (`UNNAMED`).

Not here: what a number rests on otherwise (`lineage`), and the bytes behind prices (`past_prices.evidence`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import sha256 as hashed
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline import facts
from densing_pipeline.density.reference_laws import REFITTED
from densing_pipeline.evaluation.folder_format import folder_path
from densing_pipeline.evaluation.folder_reader import read_folder
from densing_pipeline.files import file_sha256
from densing_pipeline.hub import observations, tensor_headers
from densing_pipeline.hub.models import SOURCE as HUB
from densing_pipeline.landing import LandingZone, Receipt
from densing_pipeline.paper import NMI, NMI_PREFIX
from densing_pipeline.score_sources.sources import SOURCES
from densing_pipeline.settings import Settings

MEASURED = ("measured", "sampled")
"""Values of `scores.source_kind` of models that we measured."""

COMPILED = ("base-models",)
"""Sources of `facts/sources.csv` that are compiled by hand, on the day they give."""

OF_FACT = ("model_id", "benchmark", "protocol", "source", "score")
"""What identifies a bundled score with its value."""


@dataclass(frozen=True)
class RawBytes:
    """Bytes that a row was read from.

    Attributes:
        sha256: their SHA-256, in hexadecimal.
        what: what happened on the day: `received`, `compiled`, `from a source published`, `published` or `measured`.
        day: the day, UTC.
        place: where they lie, in words; empty if that is not known.
    """

    sha256: str
    what: str
    day: date
    place: str = ""

    @property
    def sentence(self) -> str:
        """Hash, day and place in a line."""
        return f"raw bytes: sha256 {self.sha256}, {self.what} on {self.day}" + (
            f", {self.place}" if self.place else ""
        )


UNNAMED = "raw bytes: in the state directory of the installation that made the release, where `densing explain` names them"
"""What is said of a row whose bytes a release does not name: a record of the Hub, or an evaluation of our own."""


@dataclass(frozen=True)
class State:
    """The folders of a state directory in which raw bytes lie.

    Attributes:
        landing: the landing zone.
        hub_cache: what was read from landed pages of the Hub.
        evaluations: folders of our own evaluations.
    """

    landing: LandingZone
    hub_cache: Path
    evaluations: Path

    @classmethod
    def of(cls, settings: Settings) -> "State":
        """The state directory of the settings."""
        return cls(
            LandingZone(settings.landing_dir), settings.hub_cache_dir, settings.evaluations_dir
        )


def of_score(
    row: Mapping[str, Any], tables: Mapping[str, pl.DataFrame], state: State | None = None
) -> list[RawBytes]:
    """The bytes that a row of `scores` was read from; none if they cannot be named here.

    Args:
        row: the row.
        tables: benchmark_reports and claimed_scores of its release.
        state: where landed bytes and evaluations are looked for.
    """
    if row["source_kind"] in MEASURED:
        return _measured(row, state)
    is_figure = row["source_kind"] == "figure"
    table, columns = (
        ("nmi_models", ("model_id", "source")) if is_figure else ("reported_scores", OF_FACT)
    )
    if _is_fact(table, row, columns):
        return [_fact(table, "compiled", row["observed_at"])]
    given = {name: row[name] for name in ("model_id", "benchmark", "score", "source_url")}
    given["observed_from"] = row["observed_at"]
    reports = tables["benchmark_reports"].filter(**given)
    claims = tables["claimed_scores"].filter(**given, protocol=row["protocol"])
    digests = pl.concat([reports["snapshot_sha256"], claims["snapshot_sha256"]])
    return [_received(digest, row["observed_at"], state) for digest in digests.unique().sort()]


def of_model(row: Mapping[str, Any], state: State | None = None) -> list[RawBytes]:
    """The bytes that a row of `models` was read from; none if they cannot be named here.

    Args:
        row: the row.
        state: where the answers of the Hub are looked for, if it is from there.
    """
    if row["source"] == HUB:
        return [] if state is None else _of_hub(row, state)
    is_paper = row["model_id"].startswith(NMI_PREFIX)
    name, source = ("nmi_models", NMI) if is_paper else ("base_models", "base-models")
    return _of_table(name, source) if _is_fact(name, row, ("model_id", "source")) else []


def of_law(row: Mapping[str, Any]) -> list[RawBytes]:
    """The fact table that a row of `reference_laws` or `direct_laws` was read from, or fitted to.

    None of a law of our own, which is fitted to evaluations, or if the package has no such law.
    """
    law = ("reference_id", "benchmark")
    if row.get("fit") == "published" and _is_fact("reference_coefficients", row, law):
        return _of_table("reference_coefficients", row["reference_id"])
    is_refit = row["reference_id"].startswith(f"{REFITTED}-refit")
    points = {"reference_id": REFITTED} if is_refit else row
    has_points = _is_fact("reference_points", points, ("reference_id",))
    return _of_table("reference_points", points["reference_id"]) if has_points else []


def of_ruler(row: Mapping[str, Any]) -> list[RawBytes]:
    """The fact table that a row of `ruler_densities` was read from; none of a polled or measured one."""
    rows = [
        (name, day)
        for name in ("reported_fresh_text", "knowledge_probes")
        for day in facts.load(name)
        .filter(
            pl.col("model_id" if name == "reported_fresh_text" else "model") == row["model_id"],
            source_url=row["source_url"],
        )["observed_at"]
        .unique()
    ]
    return [_fact(name, "compiled", day) for name, day in rows[:1]]


def _is_fact(name: str, row: Mapping[str, Any], columns: tuple[str, ...]) -> bool:
    """Whether a row stands in a fact table of the package, going by some of its columns, all of them known."""
    return tuple(row[column] for column in columns) in _known_facts(name, columns)


@cache
def _known_facts(name: str, columns: tuple[str, ...]) -> frozenset[tuple[Any, ...]]:
    return frozenset(facts.load(name).select(columns).drop_nulls().iter_rows())


def _of_table(name: str, source: str) -> list[RawBytes]:
    """A fact table with the day on which its source was published, or on which it was compiled by hand."""
    what = "compiled" if source in COMPILED else "from a source published"
    return [_fact(name, what, one) for one in _published_on(source)]


@cache
def _published_on(source: str) -> tuple[date, ...]:
    return tuple(facts.load("sources").filter(source=source)["published_at"])


def _fact(name: str, what: str, day: date) -> RawBytes:
    return RawBytes(_fact_sha256(name), what, day, f"facts/{name}.csv of the package")


@cache
def _fact_sha256(name: str) -> str:
    return file_sha256(facts.FOLDER / f"{name}.csv")


@cache
def _embedded() -> dict[str, str]:
    """File name of each document of the package by its SHA-256."""
    return {
        hashed(each.content()).hexdigest(): each.file
        for source in SOURCES.values()
        for each in source.embedded
    }


def _received(digest: str, day: date, state: State | None) -> RawBytes:
    """A response, or the document of the package that stands for it."""
    if (file := _embedded().get(digest)) is not None:
        return RawBytes(digest, "published", day, f"score_sources/embedded/{file} of the package")
    landed = state.landing.find(digest) if state is not None else None
    return RawBytes(digest, "received", day, "" if landed is None else f"{landed} (gzip)")


def _measured(row: Mapping[str, Any], state: State | None) -> list[RawBytes]:
    """The items of a benchmark that we measured, as the evaluation's outcome names them."""
    if state is None:
        return []
    key = row["model_id"].replace("/", "--")
    path = folder_path(
        state.evaluations, key, row["revision"], row["suite_version"], row["item_limit"]
    )
    name = f"{row['benchmark']}.parquet"
    digest = read_folder(path).files.get(name) if path.is_dir() else None
    return (
        []
        if digest is None
        else [RawBytes(digest, "measured", row["observed_at"], f"{path / name}")]
    )


def _of_hub(row: Mapping[str, Any], state: State) -> list[RawBytes]:
    """The newest record, configuration and headers of the weights of a model that landed."""
    names = {row["model_id"], row["renamed_to"] or row["model_id"]}
    zone, revision = state.landing, row["revision"]
    found = [
        ("record", observations.newest_record(zone, state.hub_cache, names, revision)),
        ("config.json", observations.newest_config(zone, names, revision)),
        ("headers of the weights", tensor_headers.newest(zone, revision)),
    ]
    return [_answer(what, receipt, zone) for what, receipt in found if receipt is not None]


def _answer(what: str, receipt: Receipt, zone: LandingZone) -> RawBytes:
    landed = zone.find(receipt.sha256)
    place = f"{what}, {landed} (gzip)" if landed else what
    return RawBytes(receipt.sha256, "received", receipt.fetched_at.date(), place)
