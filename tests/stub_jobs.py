"""Programs that stand for the evaluation environment's Python, and runs of the asset that starts them."""

import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl

from densing_pipeline.assets.evaluation import evaluation
from densing_pipeline.evaluation import measured_tables, suite
from densing_pipeline.orchestration.launchers.launcher import Launcher
from densing_pipeline.orchestration.launchers.local import LocalLauncher
from densing_pipeline.orchestration.partitions import partition_key
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import EVALUATION_QUEUE
from densing_pipeline.tables.storage import write_parquet
from tests.evaluations import REVISION

LIMIT = 4
MODELS = ("lab/model", "lab/other")
REPOSITORY = Path(__file__).parents[1]
SENDS = """
from densing_pipeline.evaluation.folder_store import open_store
from densing_pipeline.evaluation.folder_writer import FolderWriter
from tests.evaluations import REVISION, items
PADDING = {"bits_per_byte": None, "text_bytes": None, "item_weight": None}
suite_version = out.name.partition("-first-")[0]
provenance = {"model_id": model, "revision": REVISION, "suite_version": suite_version, "limit": 4, "device": "H100",
              "vllm_version": "0.32.0", "dtype": "bfloat16", "tensor_parallel": 1, "engine": "vllm"}
def measure(writer, name, most=4):
    before = writer.unfinished(name)
    done = {row["item_id"] for row in before}
    rows = [PADDING | row for row in items(name, 4).to_dicts() if row["item_id"] not in done][:most]
    for row in rows:
        writer.record(row)
    if most == 4:
        writer.finish(name, [*before, *rows])
    return len(before)
"""
"""What a job begins with whose folder travels through a store."""

WHOLE = (
    SENDS
    + """
from densing_pipeline.benchmarks import AVERAGED
with FolderWriter(out, order=order, store=open_store(given("--store"))) as writer:
    writer.begin(provenance)
    before = [measure(writer, name) for name in AVERAGED if writer.finished(name) is None]
    (out / "before").write_text(str(sum(before)))
    writer.write_provenance({**provenance, "seconds": 1.0})
    writer.end("done", "whole suite", resumable=False)
"""
)
"""What such a job does that measures its model; the file `before` has the number of items of earlier jobs."""

WRITES = (
    "from tests.evaluations import write\nwrite(out.parents[2], model, limit=4, attempt=attempt)\n"
)
"""What a job does that measures its model."""


def settings(folder: Path, **given: object) -> Settings:
    """Settings of an installation whose evaluation environment is a stub."""
    return Settings(
        state_dir=folder / "state",
        publish_url=str(folder / "published"),
        evaluation_python=folder / "python",
        evaluation_limit=LIMIT,
        hub_endpoint="http://127.0.0.1:9",
        **given,
    )


def queue(told: Settings, *models: str) -> None:
    """Write a queue with these models in it."""
    rows = pl.DataFrame({"model_id": models}).with_columns(
        revision=pl.lit(REVISION), state=pl.lit("queued"), reason=pl.lit("a base model"), priority=1, attempts=0,
        updated_at=pl.lit(datetime(2026, 11, 1, tzinfo=UTC)),
    )  # fmt: skip
    write_parquet(EVALUATION_QUEUE.cast(rows), told.tables_dir / "evaluation_queue.parquet")


def job(told: Settings, *does: str) -> None:
    """Make the evaluation environment's Python a program that does these with the job's arguments."""
    script = told.evaluation_python.with_suffix(".py")
    script.write_text(
        "import json, os, signal, sys, time\nfrom pathlib import Path\n"
        # What fetches the package first becomes this program afterwards, as it becomes its own Python.
        "if sys.argv[1] == '-c':\n"
        f"    sys.executable, code = {str(told.evaluation_python)!r}, sys.argv.pop(2)\n"
        "    sys.argv.pop(0)\n"
        "    exec(code)\n"
        f"sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "def given(name): return sys.argv[sys.argv.index(name) + 1]\n"
        "out, model, order = Path(given('--out')), given('--model'), given('--order')\n"
        "request = out / 'request.json'\n"
        "attempt = json.loads(request.read_text())['attempt'] if request.exists() else None\n"
        + "\n".join(map(textwrap.dedent, does))
    )
    told.evaluation_python.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    told.evaluation_python.chmod(0o755)


def evaluate(told: Settings, launcher: Launcher, model: str = "lab/model") -> str | None:
    """Evaluate a model; what failed in words, None if nothing did."""
    key = partition_key(model)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("models", [key])
        result = dg.materialize(
            [evaluation],
            partition_key=key,
            instance=instance,
            resources={"settings": told, "launcher": launcher},
            raise_on_error=False,
        )
        if result.success:
            return None
        failure = result.failure_data_for_node("evaluation")
        data = failure and failure.user_failure_data
        return data.description if data else str(failure and failure.error)


def row(told: Settings, model: str = "lab/model") -> dict:
    """The model's row of `evaluations`."""
    rows = measured_tables.read(told.evaluations_dir, suite.SUITE, LIMIT)[0]
    return rows.row(by_predicate=pl.col("model_id") == model, named=True)


def at_once_and_here(
    told: Settings, launcher: Callable[[Settings], Launcher], folder: Path
) -> tuple[list[str | None], list[tuple[pl.DataFrame, pl.DataFrame]]]:
    """Evaluate two models at the same time through a launcher, and again one by one on this machine.

    Returns:
        What failed of each of the four evaluations, and each table of the results of both ways.
    """
    meets = """
    (out.parents[2] / f"met-{model.replace('/', '-')}").touch()
    while len(list(out.parents[2].glob("met-*"))) < 2:
        time.sleep(0.1)
    """
    job(told, meets, WRITES)
    with ThreadPoolExecutor(2) as pool:
        failed = list(pool.map(lambda model: evaluate(told, launcher(told), model), MODELS))
    here = settings(folder / "here")
    here.evaluation_python.parent.mkdir()
    queue(here, *MODELS)
    job(here, WRITES)
    failed += [evaluate(here, LocalLauncher(), model) for model in MODELS]
    there, own = (
        measured_tables.read(each.evaluations_dir, suite.SUITE, LIMIT) for each in (told, here)
    )
    return failed, list(zip(there, own, strict=True))
