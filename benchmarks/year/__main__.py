"""Play a year of nights into Dagster's database and measure its pages and services: `make year`.

    python -m benchmarks.year [--nights 365] [--ticks 500] [--answers 1000] [--state FOLDER]

One real night is run, and its runs, events and logs are put on every day of a year as that night wrote them. Then
the loops of the daemon run by a fast clock, the pages are loaded in Chromium, their queries are asked again and again,
old runs are deleted as maintenance does it, and the pages are loaded once more. Takes 20 minutes on two idle processors.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import densing_pipeline
from benchmarks.measure import machine
from benchmarks.year import history, report, services
from densing_pipeline.orchestration.run_retention import DATABASES
from densing_pipeline.units import MIB

LAUNCHER = """
run_launcher:
  module: benchmarks.year.daemon
  class: EndingLauncher
"""
"""What is added to `dagster.yaml`, for the schedules' runs are not to be nights."""

LOOKS = 20
"""Times that memory is measured."""

PAGES = {
    "overview": "/overview/activity/timeline",
    "list of runs": "/runs",
    "one run": "/runs/{run}",
    "asset graph": "/asset-groups",
    "table with a chart": "/assets/density_growth",
    "its events": "/assets/density_growth?view=events",
    "table of prices": "/assets/prices",
    "checks of a table": "/assets/source_health?view=checks",
    "schedules and sensors": "/automation",
}
"""Path of each page by what it shows."""


def main() -> None:
    """Play, measure, print and store."""
    given = _arguments()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("this needs Chromium: install it as `chromium`")
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder), given, chromium)
    report.RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, table in report.places(found).items():
        print(f"{name}\n\n{table}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.year", description=__doc__.partition("\n")[0])
    parser.add_argument("--nights", type=int, default=365)
    parser.add_argument("--ticks", type=int, default=500, help="of the daemon, five minutes each")
    parser.add_argument(
        "--answers", type=int, default=1000, help="of the web server, for its memory"
    )
    parser.add_argument(
        "--state",
        type=Path,
        help="a state directory with one night, which is copied in place of running one",
    )
    return parser.parse_args()


def measured(folder: Path, given: argparse.Namespace, chromium: str) -> dict[str, Any]:
    """Play and measure in an empty folder."""
    state_dir, home = folder / "state", folder / "home"
    home.mkdir()
    configuration = Path(densing_pipeline.__file__).parents[1] / "dagster.yaml"
    (home / "dagster.yaml").write_text(configuration.read_text() + LAUNCHER)
    environment = {
        "DAGSTER_HOME": str(home),
        "DENSING_STATE_DIR": str(state_dir),
        "DENSING_PUBLISH_URL": str(folder / "published"),
        "DENSING_BOOTSTRAP_DRAWS": "100",
        "PYTHONPATH": str(configuration.parent),
    }
    if given.state:
        shutil.copytree(given.state, state_dir, symlinks=True)
    else:
        _densing(environment, "run")
    one = _size_mib(state_dir / "history")
    history.repeat(state_dir, given.nights)
    said: dict[str, Any] = {
        "version": version("densing-pipeline"),
        "machine": machine(),
        "nights": given.nights,
        "night_mib": one,
        "year_mib": _size_mib(state_dir / "history"),
        "daemon": _daemon(environment, given.ticks, folder / "daemon.json"),
    }
    newest = max((state_dir / DATABASES).glob("*-*.db"), key=lambda path: path.stat().st_size)
    paths = {name: path.format(run=newest.stem) for name, path in PAGES.items()}
    with services.serving(environment) as (address, process):
        loaded, asked = services.pages(address, process, paths, chromium)
        said["pages"] = [asdict(each) for each in loaded]
        said["webserver"] = services.asked_again(address, process, asked, given.answers, LOOKS)
    began = time.monotonic()
    _densing(environment, "maintenance")
    said["maintenance_s"] = round(time.monotonic() - began, 1)
    said["kept_mib"] = _size_mib(state_dir / "history")
    with services.serving(environment) as (address, process):
        loaded, _ = services.pages(address, process, paths, chromium)
        said["pages_kept"] = [asdict(each) for each in loaded]
    return said


def _densing(environment: Mapping[str, str], command: str) -> None:
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "densing_pipeline", command],
        env=os.environ | environment,
        check=True,
    )


def _daemon(environment: Mapping[str, str], ticks: int, told: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.year.daemon", str(ticks), str(LOOKS), str(told)]
    subprocess.run(command, env=os.environ | environment, check=True)  # noqa: S603
    found: list[dict[str, Any]] = json.loads(told.read_bytes())
    return found


def _size_mib(folder: Path) -> float:
    sizes = (path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return round(sum(sizes) / MIB, 1)


if __name__ == "__main__":
    main()
