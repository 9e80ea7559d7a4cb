"""The command line: run one nightly cycle, show its result, load recorded price lists."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console

from densing_pipeline.settings import Settings
from densing_pipeline.tables.schemas import TableError

SCREEN_WIDTH = 130
"""Columns assumed where there is no terminal to ask, as in a log."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="densing", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the nightly job once and print the headline numbers")
    commands.add_parser("show", help="print the headline numbers of the latest release")
    backfilled = commands.add_parser(
        "backfill", help="load dated snapshots of price lists as if each had been polled on its day"
    )
    backfilled.add_argument(
        "folder", type=Path, help="holds <source>/<YYYY-MM-DD>.json or .json.gz"
    )
    asked = parser.parse_args(arguments)
    command: str = asked.command
    console = Console() if sys.stdout.isatty() else Console(width=SCREEN_WIDTH)
    try:
        settings = Settings()
        if command == "backfill":
            backfill(settings, asked.folder, console)
            return 0
        if command == "run":
            run(settings, console)
        show(settings, console)
    except ValidationError as error:
        for problem in error.errors():
            variable = (
                f"DENSING_{'_'.join(map(str, problem['loc'])).upper()}: " if problem["loc"] else ""
            )
            console.print(f"{variable}{problem['msg']}", markup=False, soft_wrap=True)
        return 2
    except (TableError, CommandError, OSError) as error:
        console.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        return 1
    return 0


class CommandError(RuntimeError):
    """A command cannot be carried out; the message says why."""


class RunFailedError(CommandError):
    """The nightly job did not finish; the previous release is untouched."""


def run(settings: Settings, console: Console) -> None:
    """Run the nightly job in this process, recorded in the instance that `make dev` shows.

    Raises:
        RunFailedError: naming the steps that failed.
    """
    state = settings.state_dir.absolute()
    state.mkdir(parents=True, exist_ok=True)
    # dagster.yaml is that of the checkout; without one, everything stays in the state directory.
    home = Path.cwd() if Path("dagster.yaml").exists() else state
    os.environ.setdefault("DAGSTER_HOME", str(home))
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    os.environ.setdefault("DENSING_STATE_DIR", str(state))
    # Importing dagster takes seconds; `densing show` does without.
    from densing_pipeline.nightly import run_nightly

    with console.status("Running the nightly job"):
        failures = run_nightly(settings)
    if failures:
        raise RunFailedError(
            "\n".join(f"{step}: {message}" for step, message in failures.items())
            + "\nThe previous release is untouched."
        )


def backfill(settings: Settings, folder: Path, console: Console) -> None:
    """Land dated snapshots, fold them, and say what came of each; the next night publishes them.

    Raises:
        CommandError: the folder holds no snapshots.
    """
    # Readers of five formats; the other commands do without.
    from densing_pipeline.landing import LandingZone
    from densing_pipeline.prices import history
    from densing_pipeline.prices.backfill import BackfillError, find, land, passed_over

    zone = LandingZone(settings.landing_dir)
    try:
        snapshots = find(folder)
    except BackfillError as error:
        raise CommandError(str(error)) from error
    for path in passed_over(folder):
        console.print(f"passed over: {path}", highlight=False, markup=False, soft_wrap=True)
    for result in land(zone, snapshots):
        console.print(
            f"{result.source} {result.polled_at:%Y-%m-%d} {result.outcome}: {result.message}",
            highlight=False,
        )
    for source, update in history.update_all(zone, settings.book_dir).items():
        if update.failure:
            raise CommandError(f"{source}: {update.failure}")
        if update.folded:
            counts = update.counts
            console.print(
                f"[bold]{source}[/bold]: {update.folded} snapshots folded, {counts.added} prices "
                f"added, {counts.changed} changed ({counts.corrected} of them corrections), "
                f"{counts.listed} listed now, {counts.absent} no longer",
                highlight=False,
            )
    console.print("`densing run` computes the tables from it.")


def show(settings: Settings, console: Console) -> None:
    """Print the latest release."""
    # Drawing and tables take a moment to import; `densing --help` does without.
    from densing_pipeline.publication.release import read_latest
    from densing_pipeline.publication.summary import show as print_summary

    print_summary(
        read_latest(settings.publish_dir),
        (settings.publish_dir / "latest").resolve(),
        console,
    )


if __name__ == "__main__":
    sys.exit(main())
