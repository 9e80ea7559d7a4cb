"""Benchmark of a backfill: a year of daily commits of a price list, from a git server on loopback to the book.

The list has the form, the size and the changes of LiteLLM's map: 1.2 MB, 2,300 models, forty entries a day.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Measurement, Row, compare, own_peak_mb
from densing_pipeline.landing import LandingZone
from densing_pipeline.prices import git_backfill, history
from densing_pipeline.prices.sources.litellm import SOURCE
from densing_pipeline.settings import Settings
from tests.servers.repositories import Commit, GitServer, write

MODELS, CHANGED, DAYS = 2_300, 40, 365
FIRST = date(2024, 1, 1)
LIST = "model_prices_and_context_window.json"
BATCH = 50
"""Commits that are written at once: they are held in memory."""


def benchmarks() -> Iterator[Row]:
    """The whole of `densing backfill --from-git litellm`, in a process of its own."""
    yield Row("prices.git_backfill", backfilled)


def backfilled() -> Measurement:
    """A repository made for it, served, backfilled and folded."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        served = folder / "served"
        served.mkdir()
        commits = daily_commits()
        while some := list(islice(commits, BATCH)):
            write(served / "litellm.git", some, is_new=not (served / "litellm.git").exists())
        with GitServer(served) as server:
            peak = [0.0]

            def ours() -> None:
                done = subprocess.run(  # noqa: S603
                    [sys.executable, "-m", "benchmarks.backfill", str(folder / "state"),
                     server.url("litellm.git")],
                    check=True, capture_output=True, text=True,
                )  # fmt: skip
                peak[0] = float(done.stdout)

            return compare(
                "prices.git_backfill",
                f"{DAYS} daily commits of a list of {MODELS:,} models, {CHANGED} entries changed each: "
                "fetched, checked, landed, folded",
                ours,
                lambda: shown(served / "litellm.git"),
                "git show of each commit, and json.loads (nothing fetched, checked, kept or folded)",
                repeats=1,
                peak=lambda: peak[0],
            )


def daily_commits() -> Iterator[Commit]:
    """The map on each day; most changed entries have another remark or limit, a few another price."""
    rng = np.random.default_rng(0)
    models = {f"maker-{n % 40}/model-{n}": entry(n, rng) for n in range(MODELS)}
    names = list(models)
    for day in range(DAYS):
        for number in rng.choice(MODELS, CHANGED, replace=False):
            model = models[names[number]]
            if rng.random() < 0.1:
                for cost in ("input_cost_per_token", "output_cost_per_token"):
                    model[cost] *= float(rng.choice([0.5, 0.8, 1.25]))
            else:
                model["max_tokens"] = int(rng.choice([8_192, 32_768, 131_072]))
        at = datetime.combine(FIRST + timedelta(days=day), datetime.min.time(), UTC)
        yield Commit(
            (at + timedelta(hours=15)).isoformat(), {LIST: json.dumps(models, indent=4).encode()}
        )


def entry(number: int, rng: np.random.Generator) -> dict[str, Any]:
    """An entry with the fields that most entries of the map have."""
    price = float(np.exp(rng.normal(-14, 1)))
    return {
        "cache_read_input_token_cost": price / 10,
        "input_cost_per_token": price,
        "input_cost_per_token_batches": price / 2,
        "litellm_provider": f"maker-{number % 40}",
        "max_input_tokens": 131_072,
        "max_output_tokens": 8_192,
        "max_tokens": 8_192,
        "mode": "chat",
        "output_cost_per_token": 3 * price,
        "output_cost_per_token_batches": 1.5 * price,
        "source": "https://maker.example/pricing",
        "supports_function_calling": True,
        "supports_tool_choice": True,
        "supports_vision": bool(number % 3),
    }


def shown(repository: Path) -> int:
    """The prices in every commit of the repository, one after another."""
    git = ["git", "-C", str(repository)]
    commits = subprocess.run([*git, "rev-list", "main"], check=True, capture_output=True, text=True)  # noqa: S603
    return sum(
        len(
            json.loads(
                subprocess.run(  # noqa: S603
                    [*git, "show", f"{commit}:{LIST}"], check=True, capture_output=True
                ).stdout
            )
        )
        for commit in commits.stdout.split()
    )


def main(folder: str, address: str) -> None:
    """Backfill, fold, and print the peak resident size in MB."""
    settings = Settings(state_dir=Path(folder), litellm_git_url=address)
    now = datetime.combine(FIRST + timedelta(days=DAYS), datetime.min.time(), UTC)
    outcomes = [result.outcome for result in git_backfill.backfill(settings, SOURCE.name, now=now)]
    if outcomes != ["ok"] * DAYS:
        raise AssertionError(outcomes)
    update = history.update_all(LandingZone(settings.landing_dir), settings.book_dir)[SOURCE.name]
    if update.failure or update.folded != DAYS:
        raise AssertionError(update)
    sys.stdout.write(f"{own_peak_mb():.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
