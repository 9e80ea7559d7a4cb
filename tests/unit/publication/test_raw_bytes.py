"""The raw bytes behind a row: a score, a model or a law names the file that holds it, and its SHA-256."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.evaluation import measured_tables, suite
from densing_pipeline.evaluation.reported_scores import scores as bundled_scores
from densing_pipeline.files import file_sha256
from densing_pipeline.hub import bundled
from densing_pipeline.landing import LandingZone
from densing_pipeline.publication.raw_bytes import RawBytes, State, of_law, of_model, of_score
from densing_pipeline.score_sources.sources import SOURCES
from densing_pipeline.tables.published import BENCHMARK_REPORTS, CLAIMED_SCORES
from tests import evaluations
from tests.servers.hub import FIRST_DAY, base_model, llama_tensors, serving, with_weights, world
from tests.servers.observatory import LIMITS, Observatory

DAY = date(2026, 3, 12)
NOTHING = {"benchmark_reports": BENCHMARK_REPORTS.empty(), "claimed_scores": CLAIMED_SCORES.empty()}

SCORE = {
    "model_id": "maker/m", "benchmark": "MMLU", "protocol": "5-shot em", "score": 0.7,
    "source_kind": "reported", "source": "a board", "source_url": "https://example.org/report",
    "observed_at": DAY,
}  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(LandingZone(tmp_path / "landing"), tmp_path / "hub", tmp_path / "evaluations")


def reported(digest: str, **changes: Any) -> Mapping[str, pl.DataFrame]:
    """The tables with a report of the score, read from bytes of a hash."""
    row = {
        "source": "epoch-benchmarks", "benchmark_name": "MMLU", "benchmark": "MMLU", "model": "m",
        "entry": "rec1", "score": 0.7, "protocol": "5-shot EM", "model_id": "maker/m",
        "source_url": "https://example.org/report", "licence_basis": "CC-BY-4.0",
        "observed_from": DAY, "snapshot_sha256": digest, "method": "separators", "confidence": 0.97,
    } | changes  # fmt: skip
    return NOTHING | {"benchmark_reports": BENCHMARK_REPORTS.cast(pl.DataFrame([row]))}


def test_a_bundled_score_names_the_fact_table_only_if_it_stands_there():
    tables = ("reported_scores", "nmi_models", "base_models", "score_documents")
    scores = bundled_scores(*map(facts.load, tables))
    row = scores.filter(source_kind="reported").row(0, named=True)
    path = facts.FOLDER / "reported_scores.csv"
    assert of_score(row, NOTHING) == [
        RawBytes(file_sha256(path), "compiled", row["observed_at"], "facts/reported_scores.csv of the package")
    ]  # fmt: skip
    assert of_score(row | {"score": row["score"] + 0.001}, NOTHING) == []
    figure = scores.filter(source_kind="figure").row(0, named=True)
    assert "facts/nmi_models.csv" in of_score(figure, NOTHING)[0].sentence


def test_a_score_of_a_board_names_the_response_and_where_it_landed(state):
    receipt = state.landing.store(
        "epoch-benchmarks", "https://example.org", b"rows", datetime(2026, 3, 12, tzinfo=UTC)
    )
    (found,) = of_score(SCORE, reported(receipt.sha256), state)
    assert found.sentence.startswith(
        f"raw bytes: sha256 {receipt.sha256}, received on 2026-03-12, "
    )
    with gzip.open(found.place.removesuffix(" (gzip)")) as file:
        assert file.read() == b"rows"


def test_without_a_state_directory_hash_and_day_stand_without_a_place(state):
    tables = reported("a" * 64)
    said = f"raw bytes: sha256 {'a' * 64}, received on 2026-03-12"
    assert [one.sentence for one in of_score(SCORE, tables)] == [said]
    assert [one.sentence for one in of_score(SCORE, tables, state)] == [said]
    for other in ({"score": 0.71}, {"observed_from": DAY + timedelta(1)}, {"model_id": "maker/n"}):
        assert of_score(SCORE, reported("a" * 64, **other)) == []


def test_a_document_of_the_package_is_named_as_such():
    embedded = SOURCES["swallow-leaderboard"].embedded[0]
    digest = hashlib.sha256(embedded.content()).hexdigest()
    (found,) = of_score(SCORE, reported(digest))
    assert found.place == f"score_sources/embedded/{embedded.file} of the package"


def test_a_claimed_score_names_the_record_of_its_own_claim():
    claim = dict.fromkeys(CLAIMED_SCORES.names) | {
        "model_id": "maker/m", "claim_id": "1", "source_kind": "claimed", "claimed_by": "owner",
        "stated_in": "card", "benchmark": "MMLU", "protocol": "5-shot em", "score": 0.7,
        "source_url": "https://example.org/report", "observed_from": DAY, "snapshot_sha256": "b" * 64,
    }  # fmt: skip
    other = claim | {"claim_id": "2", "protocol": "0-shot em", "snapshot_sha256": "c" * 64}
    frame = pl.DataFrame([claim, other], CLAIMED_SCORES.polars_schema)
    found = of_score(SCORE | {"source_kind": "claimed"}, NOTHING | {"claimed_scores": frame})
    assert [one.sha256 for one in found] == ["b" * 64]


def test_a_measured_score_names_the_file_of_its_items(state):
    path = evaluations.write(state.evaluations, limit=2, benchmarks=("MMLU",))
    digest = file_sha256(path / "MMLU.parquet")
    evaluations.write(
        state.evaluations, limit=2, benchmarks=("MMLU",), files={"MMLU.parquet": digest}
    )
    benchmarks = suite.in_force(None)
    done, items = measured_tables.read(state.evaluations, benchmarks, 2)
    (row,) = measured_tables.scores(done, items, benchmarks, 2).to_dicts()
    (found,) = of_score(row, NOTHING, state)
    assert (found.sha256, found.what, Path(found.place)) == (
        digest,
        "measured",
        path / "MMLU.parquet",
    )
    assert of_score(row, NOTHING) == []


def test_a_model_of_the_hub_names_its_record_configuration_and_headers(tmp_path):
    there = world(per_day=2, days=3, history=2)
    repo = base_model("lab/Nova", FIRST_DAY + timedelta(hours=5), hidden=64, layers=3)
    there.repos.append(with_weights(repo, llama_tensors(repo.config or {})))
    with serving(there) as endpoint:
        night = Observatory(tmp_path, there, endpoint, replace(LIMITS, headers=50))
        assert night.night(0).outcome == "ok"
    row = night.tables()[0].row(by_predicate=pl.col("model_id") == "lab/Nova", named=True)
    found = of_model(row, State(night.zone, night.cache, tmp_path))
    assert [one.place.partition(",")[0] for one in found] == [
        "record", "config.json", "headers of the weights",
    ]  # fmt: skip
    for one in found:
        assert one.day == FIRST_DAY.date()
        with gzip.open(one.place.partition(", ")[2].removesuffix(" (gzip)")) as file:
            assert hashlib.sha256(file.read()).hexdigest() == one.sha256
    assert of_model(row) == []
    assert of_model(row | {"revision": "0" * 40}, State(night.zone, night.cache, tmp_path)) == []


def test_models_of_the_facts_and_laws_name_their_tables():
    models = bundled.models(facts.load("base_models"), facts.load("nmi_models")).to_dicts()
    assert {of_model(one)[0].place.split()[0] for one in models} == {
        "facts/base_models.csv", "facts/nmi_models.csv",
    }  # fmt: skip
    laws = {
        ("nmi-2025", "published"): "facts/reference_coefficients.csv",
        ("nmi-2025-refit", "global"): "facts/reference_points.csv",
        ("olmo-ladder", "global"): "facts/reference_points.csv",
    }
    for (reference, fit), place in laws.items():
        (found,) = of_law({"reference_id": reference, "benchmark": "MMLU", "fit": fit})
        assert found.place.split()[0] == place
    assert of_law({"reference_id": "own-ladder-1", "benchmark": "MMLU", "fit": "global"}) == []
