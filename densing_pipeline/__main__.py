"""The command line: `densing run` runs one nightly cycle here, `densing show` prints its result."""

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
    command = parser.parse_args(arguments).command
    console = Console() if sys.stdout.isatty() else Console(width=SCREEN_WIDTH)
    try:
        settings = Settings()
        if command == "run":
            run(settings, console)
        show(settings, console)
    except ValidationError as error:
        for problem in error.errors():
            console.print(f"DENSING_{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']}")
        return 2
    except (TableError, RunFailedError) as error:
        console.print(f"[red]{error}[/red]", highlight=False)
        return 1
    return 0


class RunFailedError(RuntimeError):
    """The nightly job did not finish; the previous release is untouched."""


def run(settings: Settings, console: Console) -> None:
    """Run the nightly job in this process, recorded in the instance that `make dev` shows.

    Raises:
        RunFailedError: naming the steps that failed.
    """
    os.environ.setdefault("DAGSTER_HOME", str(Path.cwd()))
    os.environ.setdefault("DENSING_STATE_DIR", str(settings.state_dir.absolute()))
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    # Importing dagster takes seconds; `densing show` does without.
    from densing_pipeline.orchestration.nightly import run_nightly

    with console.status("Running the nightly job"):
        failures = run_nightly(settings)
    if failures:
        raise RunFailedError(
            "\n".join(f"{step}: {message}" for step, message in failures.items())
            + "\nThe previous release is untouched."
        )


def show(settings: Settings, console: Console) -> None:
    """Print the latest release."""
    # matplotlib-free and dagster-free, but polars and rich tables take a moment.
    from densing_pipeline.publication.release import read_latest
    from densing_pipeline.publication.summary import show as print_summary

    print_summary(
        read_latest(settings.publish_dir),
        (settings.publish_dir / "latest").resolve(),
        console,
    )


if __name__ == "__main__":
    sys.exit(main())
