"""Play a year of nights into Dagster's database and measure its pages and services: `make year`.

    python -m benchmarks.year [PART ...] [--nights 365] [--ticks 2000] [--answers 400] [--minutes 15] [--state FOLDER]

One real night is run, and its runs, events and logs are put on every day of a year as that night wrote them. Then come
the parts, all of them if none is named; a part that is not measured keeps the results it had:

    pages     the pages are loaded in Chromium, their queries are asked again and again, old runs are deleted as
              maintenance does it, and the pages are loaded once more
    ticks     the loops of the daemon run by a fast clock
    idle      the services wait, by the machine's clock

Each takes a quarter of an hour on two idle processors, and needs at most one of them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler
from importlib.metadata import version
from pathlib import Path
from typing import Any

import densing_pipeline
from benchmarks.measure import machine, others_processors
from benchmarks.year import history, report, services
from densing_pipeline.clock import now
from densing_pipeline.orchestration.run_retention import DATABASES
from densing_pipeline.units import MIB
from tests.servers.loopback import LoopbackServer

LAUNCHER = """
run_launcher:
  module: benchmarks.year.daemon
  class: EndingLauncher
"""
"""What is added to `dagster.yaml`, for the schedules' runs are not to be nights."""

LOOKS = 40
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
    parts = given.parts or list(PARTS)
    if chromium is None and "pages" in parts:
        sys.exit("this needs Chromium: install it as `chromium`")
    with tempfile.TemporaryDirectory() as folder, LoopbackServer(_Taking) as alerts:
        year = Year(Path(folder), given, chromium or "", alerts.url)
        found = dict(report.stored() or {}) | year.played()
        for part in parts:
            found[part] = {"on": now().date().isoformat(), "machine": machine()} | PARTS[part](year)
            report.RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, table in report.places(found).items():
        print(f"{name}\n\n{table}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.year", description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what is measured, or all")
    parser.add_argument("--nights", type=int, default=365)
    parser.add_argument("--ticks", type=int, default=2000, help="of the daemon, five minutes each")
    parser.add_argument(
        "--pause", type=float, default=0, help="seconds between two ticks, to leave processors free"
    )
    parser.add_argument(
        "--answers", type=int, default=400, help="of the web server, for its memory"
    )
    parser.add_argument("--minutes", type=float, default=15, help="for which the services wait")
    parser.add_argument(
        "--state",
        type=Path,
        help="a state directory with one night, which is copied in place of running one",
    )
    return parser.parse_args()


class _Taking(BaseHTTPRequestHandler):
    """Takes alerts."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class Year:
    """A state directory with a year of nights, and what is measured over it."""

    def __init__(self, folder: Path, given: argparse.Namespace, chromium: str, alerts: str) -> None:
        """Take an empty folder.

        Args:
            folder: for the state and all else.
            given: the arguments of the command.
            chromium: path of the browser.
            alerts: address of a server that takes alerts.
        """
        self.folder, self.given, self._chromium = folder, given, chromium
        self.state_dir, home = folder / "state", folder / "home"
        home.mkdir()
        configuration = Path(densing_pipeline.__file__).parents[1] / "dagster.yaml"
        (home / "dagster.yaml").write_text(configuration.read_text() + LAUNCHER)
        self.environment = {
            "DAGSTER_HOME": str(home),
            "DENSING_STATE_DIR": str(self.state_dir),
            "DENSING_PUBLISH_URL": str(folder / "published"),
            "DENSING_BOOTSTRAP_DRAWS": "100",
            "DENSING_ALERT_URLS": alerts.replace("http:", "json:"),
            "PYTHONPATH": str(configuration.parent),
        }
        self.place = services.place(folder, self.environment)

    def played(self) -> dict[str, Any]:
        """Run one night, and put it on every day of the year."""
        if self.given.state:
            shutil.copytree(self.given.state, self.state_dir, symlinks=True)
        else:
            _densing(self.environment, "run")
        one = _size_mib(self.state_dir / "history")
        history.repeat(self.state_dir, self.given.nights)
        return {
            "version": version("densing-pipeline"),
            "nights": self.given.nights,
            "night_mib": one,
            "year_mib": _size_mib(self.state_dir / "history"),
        }

    def pages(self) -> dict[str, Any]:
        """What loading the pages takes before and after maintenance, and the memory of the web server as it answers."""
        databases = (self.state_dir / DATABASES).glob("*-*.db")
        newest = max(databases, key=lambda path: path.stat().st_size)
        paths = {name: path.format(run=newest.stem) for name, path in PAGES.items()}
        with services.service(self.place, "code") as code:
            with services.service(self.place, "webserver") as web:
                before, asked = self._loaded(code, web, paths)
                memory = services.asked_again(
                    self.place.address, web, asked, self.given.answers, LOOKS
                )
            began = time.monotonic()
            _densing(self.environment, "maintenance")
            took = round(time.monotonic() - began, 1)
            with services.service(self.place, "webserver") as web:
                after, _ = self._loaded(code, web, paths)
        kept = _size_mib(self.state_dir / "history")
        return {
            "before": before, "after": after, "webserver": memory,
            "maintenance_s": took, "kept_mib": kept,
        }  # fmt: skip

    def _loaded(
        self, code: int, web: int, paths: Mapping[str, str]
    ) -> tuple[dict[str, Any], list[str]]:
        """What loading every page took, with how many processors other programs had meanwhile; and the queries."""
        with others_processors([os.getpid()]) as others:
            loaded, asked = services.pages(self.place.address, [code, web], paths, self._chromium)
        return {"others_processors": others[0], "pages": [asdict(each) for each in loaded]}, asked

    def ticks(self) -> dict[str, Any]:
        """Memory of daemon and code server as the loops of the daemon run by a fast clock."""
        told = self.folder / "daemon.json"
        with services.service(self.place, "code") as code:
            command = [
                sys.executable, "-m", "benchmarks.year.daemon", str(self.given.ticks), str(LOOKS),
                str(self.given.pause), str(self.place.workspace), str(code), str(told),
            ]  # fmt: skip
            subprocess.run(command, env=os.environ | self.environment, check=True)  # noqa: S603
        return {"looks": json.loads(told.read_bytes())}

    def idle(self) -> dict[str, Any]:
        """Processor time and memory of the services that wait."""
        return services.idle(self.place, self.given.minutes)


PARTS: dict[str, Callable[[Year], dict[str, Any]]] = {
    "pages": Year.pages,
    "ticks": Year.ticks,
    "idle": Year.idle,
}
"""What measures each part."""


def _densing(environment: Mapping[str, str], command: str) -> None:
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "densing_pipeline", command],
        env=os.environ | environment,
        check=True,
    )


def _size_mib(folder: Path) -> float:
    sizes = (path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return round(sum(sizes) / MIB, 1)


if __name__ == "__main__":
    main()
