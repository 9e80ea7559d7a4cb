"""Play the quarter twice, compare, and write the results: `python -m benchmarks.quarter --help`."""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.quarter import report
from benchmarks.quarter.compare import compare
from benchmarks.quarter.play import REFIT_EVERY, ROOT
from densing_pipeline.publication.consistency import running

NIGHTS, SEED = 90, 0
MOODS = ("quiet", "chaos")


def main() -> int:
    """Play, compare and write; 1 if anything was lost, differs or was told wrongly."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quarter", description=__doc__)
    parser.add_argument("--nights", type=int, default=NIGHTS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--refit-every", type=int, default=REFIT_EVERY, metavar="NIGHTS")
    parser.add_argument(
        "--folder", type=Path, help="where both runs are kept; by default they are deleted"
    )
    parser.add_argument("--results", type=Path, default=report.RESULTS)
    given = parser.parse_args()
    folder = (given.folder or Path(tempfile.mkdtemp(prefix="quarter-"))).absolute()
    try:
        _play(folder, given.nights, given.seed, given.refit_every)
        found = results(folder, given.nights, given.seed)
    finally:
        if given.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    given.results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for row in report.outcome_rows(found):
        print(": ".join(filter(None, row)))
    wrong = problems(found)
    print("\n".join(wrong) or "nothing was lost")
    return 1 if wrong else 0


def _play(folder: Path, nights: int, seed: int, refit_every: int) -> None:
    """Play both runs at once, each in a mount namespace of its own if this machine allows that."""
    own = ["unshare", "--map-root-user", "--mount"]
    can = shutil.which("unshare") and subprocess.run([*own, "true"], check=False).returncode == 0  # noqa: S603
    commands = [
        [
            *(own if can else []), sys.executable, "-m", "benchmarks.quarter.play", str(folder / mood), str(nights),
            str(seed), mood, "--refit-every", str(refit_every),
        ]
        for mood in MOODS
    ]  # fmt: skip
    playing = [subprocess.Popen(command, cwd=ROOT) for command in commands]  # noqa: S603
    if any([process.wait() for process in playing]):  # noqa: C419 - every one is waited for
        raise SystemExit("a run ended before its last night")


def results(folder: Path, nights: int, seed: int) -> dict[str, Any]:
    """What came of both runs."""
    quiet, chaos = (json.loads((folder / mood / "played.json").read_text()) for mood in MOODS)
    attempts = chaos["attempts"]
    good = {each["night"] for each in attempts if each["outcome"] == "ok"}
    here = running()
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return {
        "nights": nights,
        "seed": seed,
        "digest": report.digest(here.code.encode(), here.facts.encode(), *(path.read_bytes() for path in sources)),
        "faults": report.faults(attempts),
        "not_injected": sorted(set(chaos["not_injected"])),
        "nights_lost": nights - len(good),
        "attempts": len(attempts),
        "killed": sum(each["outcome"] == "killed" for each in attempts),
        "failed": sum(each["outcome"] == "failed" for each in attempts),
        "unreported": chaos["unreported"],
        "quiet_failed": sum(each["outcome"] != "ok" for each in quiet["attempts"]),
        "tables": [asdict(each) for each in compare(folder / "quiet" / "tables", folder / "chaos" / "tables")],
        "alerts": report.alerts(quiet, chaos),
        "misjudged": report.misjudged(attempts),
        "growth": report.growth(chaos["growth"]),
        "seconds": median(each["seconds"] for each in quiet["attempts"] if not each["whole"]),
        "cpu_s": _cpu_seconds(quiet["attempts"]),
        "cpu_s_more_after_100_nights": _growth_of_time(quiet["attempts"]),
        "unmaintained": [*quiet["unmaintained"], *chaos["unmaintained"]],
    }  # fmt: skip


def _cpu_seconds(attempts: Sequence[Mapping[str, Any]]) -> list[float]:
    """Median seconds of CPU of a night without refit: of the first third, the middle one and the last one."""
    used = [each["cpu_s"] for each in attempts if not each["whole"]]
    third = max(len(used) // 3, 1)
    return [round(median(used[part : part + third]), 1) for part in (0, third, len(used) - third)]


def _growth_of_time(attempts: Sequence[Mapping[str, Any]]) -> float:
    """Seconds of CPU that a night without refit takes more after 100 further nights, by a line through all of them."""
    used = [(each["night"], each["cpu_s"]) for each in attempts if not each["whole"]]
    if len(used) < 2:
        return 0.0
    nights, seconds = np.array(used, dtype=float).T
    return round(float(np.polyfit(nights, seconds, 1)[0]) * 100, 2)


def problems(found: dict[str, Any]) -> list[str]:
    """What is wrong with the results, a sentence each."""
    told = found["alerts"]
    return [
        *([f"{found['nights_lost']} nights were lost"] if found["nights_lost"] else []),
        *([f"{found['quiet_failed']} attempts of the quiet run failed"] if found["quiet_failed"] else []),
        *([f"{found['unreported']} landed documents are in no report"] if found["unreported"] else []),
        *(f"maintenance, {each}" for each in found["unmaintained"]),
        *report.over_budget(found["growth"], found["nights"]),
        *(
            f"{each['table']}: {each['differing']} of {each['rows']} rows differ"
            for each in found["tables"]
            if each["differing"]
        ),
        *(f"not told: {each}" for each in told["missing"]),
        *(f"told without reason: {each}" for each in told["unexpected"]),
        *(f"misjudged sources: {each}" for each in found["misjudged"]),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
