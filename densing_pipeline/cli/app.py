"""The commands of `densing`: their arguments, their help, and the module that does the work of each."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from densing_pipeline.cli import errors
from densing_pipeline.cli.screen import Screen

app = typer.Typer(
    name="densing",
    help="How fast language models get denser and cheaper: one nightly run, its tables, its answers.",
    epilog="`densing settings` lists the variables that configure it.",
    pretty_exceptions_enable=False,
    # Plain help: with markup each help screen would import a Markdown renderer first.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: of the command line; those of this process if not given.

    Returns:
        The exit status: 0 success, 1 failure, 2 a wrong argument or setting, 130 an interrupt.
    """
    screen = Screen()
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        status = typer.main.get_command(app).main(
            given, prog_name="densing", standalone_mode=False, obj=screen
        )
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "densing"
        what = error.format_message().rstrip(".")
        screen.problem(f"{what}. `{command} --help` explains.")
        return error.exit_code
    except errors.CommandError as error:
        screen.problem(str(error))
        return error.status
    except OSError as error:
        screen.problem(errors.sentence(error))
        return errors.FAILED
    except KeyboardInterrupt:
        status = errors.INTERRUPTED
    finally:
        screen.close()
    if status == errors.INTERRUPTED:
        screen.problem(errors.INTERRUPT_SENTENCE)
    return int(status or 0)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"densing-pipeline {version('densing-pipeline')}")
        raise typer.Exit


@app.callback()
def densing(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Options of every command."""


@app.command()
def run(
    ctx: typer.Context,
    live: Annotated[
        bool,
        typer.Option("--live", help="Ask the price lists and the Hub; without, nothing is polled."),
    ] = False,
) -> None:
    """Compute and publish a release, print its answers."""
    from densing_pipeline.cli import night, show

    settings = night.run(ctx.obj, is_live=live)
    show.after_a_run(ctx.obj, settings)


@app.command()
def show(
    ctx: typer.Context,
    all_tables: Annotated[bool, typer.Option("--all", help="Print the tables as well.")] = False,
) -> None:
    """Print the answers of the latest release."""
    from densing_pipeline.cli import show

    show.latest(ctx.obj, with_tables=all_tables)


@app.command()
def backfill(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Holds <source>/<YYYY-MM-DD>.json or .json.gz.")],
) -> None:
    """Load dated price lists as if polled on their days."""
    from densing_pipeline.cli import backfill

    backfill.run(ctx.obj, folder)


@app.command()
def settings(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="A variable, or a part of its name; all if left out.")
    ] = None,
) -> None:
    """Explain the variables that configure the pipeline."""
    from densing_pipeline.cli import settings

    settings.explain(ctx.obj, name or "")
