"""The commands of `densing`: their arguments, their help, and the module that does the work of each."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

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
        what = what.replace("Value error, ", "").replace("%Y-%m-%d", "YYYY-MM-DD")
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
        typer.Option(
            "--live", help="Poll the price lists and the Hub; otherwise nothing is polled."
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only say what would be asked, read and written, and what would stop the run.",
        ),
    ] = False,
) -> None:
    """Compute and publish a release, and print its answers."""
    if dry_run:
        from densing_pipeline.cli import dry_run as dry

        dry.run(ctx.obj, is_live=live)
        return
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
def report(
    ctx: typer.Context,
    in_browser: Annotated[
        bool,
        typer.Option("--open/--no-open", help="Open the page, or only print where it is."),
    ] = True,
) -> None:
    """Open the page of the latest release in the browser."""
    from densing_pipeline.cli import report

    report.latest(ctx.obj, in_browser=in_browser)


@app.command()
def backfill(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="Holds <source>/<YYYY-MM-DD>.json or .json.gz.")
    ] = None,
    from_git: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE",
            help="Price list whose public git repository has its past days; may be given several times.",
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day that is taken from a repository."),
    ] = None,
) -> None:
    """Load price lists of past days as if they had been polled on those days.

    Give a folder of recorded lists, or --from-git for the daily history of a list.
    """
    from densing_pipeline.cli import backfill

    if folder is None and not from_git:
        raise typer.BadParameter("give a folder, or --from-git and a source", param_hint="folder")
    backfill.run(ctx.obj, folder, from_git or (), since.date() if since else None)


releases = typer.Typer(rich_markup_mode=None)
app.add_typer(releases, name="releases")


@releases.callback(invoke_without_command=True)
def list_releases(ctx: typer.Context) -> None:
    """List the releases of DENSING_PUBLISH_URL, or compare two of them."""
    if ctx.invoked_subcommand is None:
        from densing_pipeline.cli import releases

        releases.show(ctx.obj)


@releases.command()
def compare(
    ctx: typer.Context,
    before: Annotated[
        str | None, typer.Argument(help="Release, or its folder (default: the one before).")
    ] = None,
    after: Annotated[
        str | None, typer.Argument(help="Release, or its folder (default: the latest).")
    ] = None,
) -> None:
    """Print what published numbers moved between two releases, and why, as a Markdown list."""
    from densing_pipeline.cli import releases

    releases.compare(ctx.obj, before, after)


@app.command()
def publish(
    ctx: typer.Context,
    place: Annotated[
        str | None,
        typer.Argument(
            help="s3://, gs://, az:// or hf://datasets/owner/name (default: DENSING_PUBLISH_URL)."
        ),
    ] = None,
    go: Annotated[
        bool, typer.Option("--go", help="Do it; otherwise say what would be uploaded.")
    ] = False,
) -> None:
    """Send the latest release to a place: object store or data set on the Hub."""
    from densing_pipeline.cli import publish

    publish.run(ctx.obj, place, is_trial=not go)


export = typer.Typer(
    help="Write our measured scores in the formats of others.", rich_markup_mode=None
)
app.add_typer(export, name="export")


@export.callback()
def export_what() -> None:
    """Write our measured scores in the formats of others."""


@export.command("every-eval-ever")
def export_every_eval_ever(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder to write to, a file an evaluation.")],
) -> None:
    """Write records of Every Eval Ever, a JSON document for each evaluation."""
    from densing_pipeline.cli import export

    export.every_eval_ever(ctx.obj, folder)


@export.command("eval-results")
def export_eval_results(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder to write to, a folder a model.")],
) -> None:
    """Write .eval_results, the YAML in which repositories of the Hub state results."""
    from densing_pipeline.cli import export

    export.eval_results(ctx.obj, folder)


@app.command()
def storage(ctx: typer.Context) -> None:
    """Create Dagster's database, or check the one that is there.

    Run it before the webserver and the daemon start.
    """
    from densing_pipeline.cli import storage

    storage.check(ctx.obj)


@app.command()
def backup(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write, such as backup.tar.gz.")],
) -> None:
    """Write the whole state directory to one file; what runs meanwhile may go on."""
    from densing_pipeline.cli import backup

    backup.make(ctx.obj, file)


@app.command()
def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `densing backup` wrote.")],
) -> None:
    """Make the state directory from a backup; it must be absent or empty."""
    from densing_pipeline.cli import backup

    backup.restore(ctx.obj, file)


@app.command()
def maintenance(
    ctx: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be deleted; delete nothing.")
    ] = False,
) -> None:
    """Delete Dagster's old runs with their events and logs (DENSING_KEEP_RUNS_DAYS)."""
    from densing_pipeline.cli import maintenance

    maintenance.run(ctx.obj, is_dry=dry_run)


@app.command()
def alerts(
    ctx: typer.Context,
    test: Annotated[bool, typer.Option("--test", help="Send a test message instead.")] = False,
    send: Annotated[
        bool, typer.Option("--send", help="Tell what is new to DENSING_ALERT_URLS as well.")
    ] = False,
) -> None:
    """Print what is wrong with this installation now."""
    from densing_pipeline.cli import alerts

    alerts.show(ctx.obj, is_test=test, is_told=send)


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


class FitGroup(typer.core.TyperGroup):
    """The commands of `densing fit`; a file in place of a command is fitted by what its columns are for."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments, with the command in front if the first of them is a file."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            path = Path(args[0])
            if path.suffix or path.exists():
                from densing_pipeline.cli import studies

                args = [studies.fit_kind(path), *args]
        return super().parse_args(ctx, args)


fit = typer.Typer(
    cls=FitGroup, help="Fit a law to a file of your own numbers.", rich_markup_mode=None
)
app.add_typer(fit, name="fit")

Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="ROLE=NAME", help="Which column is which, if not recognised."),
]
Units = Annotated[
    list[str] | None,
    typer.Option("--unit", metavar="ROLE=UNIT", help="Unit of a column, as in tokens=billions."),
]
Decimal = Annotated[Literal["point", "comma"] | None, typer.Option(help="The decimal mark.")]
Dates = Annotated[
    Literal["day-first", "month-first"] | None, typer.Option(help="How 03/04/2024 is meant.")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the resamples.")]
Draws = Annotated[
    int | None,
    typer.Option(min=1, help="Bootstrap resamples (1,000, or fewer for long files)."),
]


@fit.callback()
def fit_what() -> None:
    """Fit a law to a delimited file: `densing fit FILE` goes by its columns."""


@fit.command()
def losses(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Columns N, D (or FLOP) and loss, and perhaps run.")],
    irreducible: Annotated[
        bool, typer.Option("--irreducible", help="Fit the irreducible term E.")
    ] = False,
    objective: Annotated[
        Literal["least_squares", "huber_log"],
        typer.Option(help="Squares of the loss, or Huber(1e-3) of its logarithm."),
    ] = "least_squares",
    draws: Draws = None,
    seed: Seed = 0,
    column: Columns = None,
    unit: Units = None,
    decimal: Decimal = None,
) -> None:
    """Fit L = a N^-alpha + b D^-beta (+ E) to the losses of training runs."""
    from densing_pipeline.cli import studies

    told = studies.told(column or (), unit or (), decimal, None)
    studies.fit_losses(
        ctx.obj, file,
        irreducible=irreducible, objective=objective, draws=draws, seed=seed, told=told,
    )  # fmt: skip


@fit.command()
def densities(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="Columns date and density (or effective and params), and perhaps family."
        ),
    ],
    draws: Draws = None,
    seed: Seed = 0,
    column: Columns = None,
    unit: Units = None,
    decimal: Decimal = None,
    dates: Dates = None,
) -> None:
    """Fit the doubling time of the density of models."""
    from densing_pipeline.cli import studies

    told = studies.told(column or (), unit or (), decimal, dates)
    studies.fit_densities(ctx.obj, file, draws=draws, seed=seed, told=told)


@fit.command()
def prices(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Columns date and price, and perhaps provider.")],
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last day the prices are known for."),
    ] = None,
    draws: Draws = None,
    seed: Seed = 0,
    column: Columns = None,
    unit: Units = None,
    decimal: Decimal = None,
    dates: Dates = None,
) -> None:
    """Fit the halving time of the cheapest price."""
    from densing_pipeline.cli import studies

    told = studies.told(column or (), unit or (), decimal, dates)
    studies.fit_prices(
        ctx.obj, file, as_of=as_of and as_of.date(), draws=draws, seed=seed, told=told
    )


@fit.command()
def tasks(
    ctx: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(
            help="weirdml_data.csv of the WeirdML site, or a folder of logs of Every Eval Ever."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(help="CSV that the estimates are written to.")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Bootstrap resamples.")] = 1000,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed (default: DENSING_SEED).")] = None,
) -> None:
    """Estimate how fast the cost of a task of fixed quality falls, from runs of leaderboards."""
    from densing_pipeline.cli import studies

    studies.fit_tasks(ctx.obj, path, output=output, draws=draws, seed=seed)


@app.command()
def backtest(ctx: typer.Context) -> None:
    """Print how good forecasts made at past month ends would have been."""
    from densing_pipeline.cli import studies

    studies.backtest(ctx.obj)


simulate = typer.Typer(rich_markup_mode=None)
app.add_typer(simulate, name="simulate")


@simulate.callback(invoke_without_command=True)
def simulate_estimators(
    ctx: typer.Context,
    prices: Annotated[
        bool, typer.Option("--prices", help="Of the halving time of prices instead of density.")
    ] = False,
) -> None:
    """Print bias and coverage of the estimators on simulated trends, or simulate published intervals."""
    if ctx.invoked_subcommand is None:
        from densing_pipeline.cli import studies

        studies.simulate(ctx.obj, of_prices=prices)


@simulate.command()
def intervals(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="CSV to write (default: the one of the package).")
    ] = None,
    worlds: Annotated[int, typer.Option(min=1, help="Draws of each world.")] = 1000,
    draws: Annotated[int, typer.Option(min=20, help="Resamples behind each interval.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of worlds and resamples.")] = 0,
    estimate: Annotated[
        list[str] | None,
        typer.Option(help="Estimate and basis, such as pooled/total (default: all)."),
    ] = None,
    world: Annotated[list[str] | None, typer.Option(help="World (default: all).")] = None,
    window: Annotated[
        list[str] | None, typer.Option(help="Window of a pooled estimate (default: all of them).")
    ] = None,
) -> None:
    """Simulate how often the published intervals of the pace of density hold it; takes hours.

    Rows of the file that are not simulated anew stay. Finished draws are kept in the state directory: called
    again, the command continues where it was stopped.
    """
    from densing_pipeline.cli import studies

    studies.simulate_intervals(
        ctx.obj, file, worlds=worlds, draws=draws, seed=seed,
        estimates=estimate or (), names=world or (), windows=window or (),
    )  # fmt: skip


@simulate.command()
def items(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV or parquet with model_id, benchmark, item_id, score and, if known, subject."
        ),
    ],
    sample_error: Annotated[
        float, typer.Option(min=0.01, max=1, help="Largest standard error of ln N_eff.")
    ] = 0.15,
    repeats: Annotated[int, typer.Option(min=1, help="Samples of each model.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first sample.")] = 1,
    by_difficulty: Annotated[
        bool, typer.Option("--by-difficulty", help="Use how hard items were for the other models.")
    ] = False,
) -> None:
    """Sample recorded item results, and compare the estimates with the scores on all items."""
    from densing_pipeline.cli import studies

    studies.simulate_items(
        ctx.obj,
        file,
        target=sample_error,
        repeats=repeats,
        seed=seed,
        by_difficulty=by_difficulty,
    )


@simulate.command("price-nights")
def price_nights(
    ctx: typer.Context,
    nights: Annotated[int, typer.Option(min=35, help="Number of nights.")] = 365,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the market and its faults.")] = 0,
) -> None:
    """Poll simulated price lists that slip, lie and fail, and compare the cheapest prices with the true ones."""
    from densing_pipeline.cli import studies

    studies.simulate_price_nights(ctx.obj, nights, seed)


@app.command()
def evaluate(
    model: Annotated[str | None, typer.Argument(help="Hub id, such as Qwen/Qwen3-8B-Base.")] = None,
    revision: Annotated[
        str | None, typer.Option(help="Commit, branch or tag (default: main).")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Folder with the model, instead of fetching it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Evaluation folder (default: the pipeline's own).")
    ] = None,
    benchmarks: Annotated[
        str | None, typer.Option(help="Some benchmarks, with commas between them (default: all).")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Items of each benchmark, for a trial.")
    ] = None,
    sample_error: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=1,
            help="Measure samples, enlarged up to this standard error of the model's ln N_eff.",
        ),
    ] = None,
    released: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Day of the model's release; fresh text is younger."
        ),
    ] = None,
    hang_seconds: Annotated[
        float | None, typer.Option(help="Longest silence of the engine (default: 1800).")
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Try this installation, with a tiny model of its own instead."
        ),
    ] = False,
) -> None:
    """Measure one model in the evaluation environment."""
    from densing_pipeline.cli import evaluate

    if check:
        evaluate.check()
    if model is None:
        raise errors.CommandError("a model is needed, or --check: see densing evaluate --help")

    day = released and released.date()
    evaluate.run(model, revision, weights, out, benchmarks, limit, sample_error, day, hang_seconds)


class ExplainGroup(typer.core.TyperGroup):
    """The commands of `densing explain`; a model in place of a command has its density explained."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments, with the command in front if the first of them is a model."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["densities", *args]
        return super().parse_args(ctx, args)


explain = typer.Typer(
    cls=ExplainGroup,
    help="Show where a number comes from, as a tree down to the raw bytes; a MODEL alone has its density explained.",
    rich_markup_mode=None,
)
app.add_typer(explain, name="explain")


@explain.callback()
def explain_what() -> None:
    """Show where a number comes from, as a tree down to the raw bytes; a MODEL alone has its density explained."""


@explain.command("densities")
def explain_density(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="Model id, or a part of it.")],
    law: Annotated[
        str | None, typer.Option(help="Reference law (default: that of the headline).")
    ] = None,
    scores: Annotated[
        str | None,
        typer.Option(
            help="Score set, such as mmlu or average (default: the headline's if the model has it)."
        ),
    ] = None,
    params: Annotated[
        str | None,
        typer.Option(
            help="Parameter basis, such as total or active (default: that of the headline)."
        ),
    ] = None,
) -> None:
    """The density of a model: parameters, scores with sources, law, draws."""
    from densing_pipeline.cli import explain

    explain.density(ctx.obj, model, law, scores, params)


@explain.command("prices")
def explain_price(
    ctx: typer.Context,
    model: Annotated[
        str, typer.Argument(help="Name in a price list, Hub id, or another spelling of one.")
    ],
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day, UTC (default: today).")
    ] = None,
) -> None:
    """The prices of a model on a day: every offer under the name, with the list it is from."""
    from densing_pipeline import clock
    from densing_pipeline.cli import explain

    explain.price(ctx.obj, model, on.date() if on else clock.now().date())


@explain.command("halvings")
def explain_halving(
    ctx: typer.Context,
    level: Annotated[str, typer.Argument(help="Level of capability, such as gpt-4.")],
    share: Annotated[
        float | None,
        typer.Option(help="Share of input tokens in the price (default: the largest)."),
    ] = None,
) -> None:
    """The halving time of the cheapest price of a level: every price that its curve consists of."""
    from densing_pipeline.cli import explain

    explain.halving(ctx.obj, level, share)


@explain.command("growth")
def explain_growth(
    ctx: typer.Context,
    ruler: Annotated[
        str | None,
        typer.Argument(help="By what density is measured (default: as in the headline)."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Benchmarks or texts, such as MMLU, code or fresh-text.")
    ] = None,
    params: Annotated[
        str | None, typer.Option(help="Parameter basis, such as total or active.")
    ] = None,
) -> None:
    """How fast density grows: the estimate, its newest models with their scores."""
    from densing_pipeline.cli import explain

    explain.growth(ctx.obj, ruler, group, params)


@app.command()
def price(
    ctx: typer.Context,
    model: Annotated[
        str, typer.Argument(help="Name in a price list, Hub id, or another spelling of one.")
    ],
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day, UTC (default: today).")
    ] = None,
    known: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Answer with what was known on this day (default: all)."
        ),
    ] = None,
    seller: Annotated[str | None, typer.Option(help="Offers of this seller alone.")] = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Offers of the model under its other names as well.")
    ] = False,
) -> None:
    """Say what a model cost on a day: each seller's prices, since when, how sure, and from which bytes."""
    from densing_pipeline import clock
    from densing_pipeline.cli import price

    day = on.date() if on else clock.now().date()
    price.run(ctx.obj, model, day, known and known.date(), seller, show_all=show_all)


@app.command()
def mcp(
    ctx: typer.Context,
    http: Annotated[
        bool, typer.Option("--http", help="On loopback, instead of standard input and output.")
    ] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of --http.")] = 8765,
) -> None:
    """Serve the latest release to assistants, read-only, by the Model Context Protocol."""
    from densing_pipeline.cli import mcp

    mcp.run(ctx.obj, http=http, port=port)


facts = typer.Typer(help="The fact tables bundled with the package.", rich_markup_mode=None)
app.add_typer(facts, name="facts")


@facts.callback()
def facts_what() -> None:
    """The fact tables bundled with the package."""


@facts.command()
def check(ctx: typer.Context) -> None:
    """Check every cell of the fact tables, and that the tables agree."""
    from densing_pipeline.cli import studies

    studies.check_facts(ctx.obj)


@facts.command("compile-prices")
def compile_prices(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(help="Holds price_history.parquet and raw/, recorded price lists.")
    ],
) -> None:
    """Compile the bundled history of price lists anew, in facts/price_history.parquet."""
    from densing_pipeline.cli import studies

    studies.compile_prices(ctx.obj, folder)


@app.command()
def benchmarks(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Benchmarks; all if left out.")] = None,
    mirror: Annotated[
        Path | None, typer.Option(help="Folder with the data sets, instead of the Hub.")
    ] = None,
    declare: Annotated[
        bool,
        typer.Option("--declare", help="Write the file that declares the mirror's own questions."),
    ] = False,
) -> None:
    """Print hash and number of records of the parts of each benchmark's data."""
    from densing_pipeline.cli import studies

    studies.benchmarks(ctx.obj, names or [], mirror, is_declared=declare)


@app.command()
def architectures(
    ctx: typer.Context,
    site_packages: Annotated[
        Path,
        typer.Argument(help="Folder with vllm and transformers: an environment's site-packages."),
    ],
    file: Annotated[
        Path | None,
        typer.Option(help="Where to write the list; printed as a difference if left out."),
    ] = None,
) -> None:
    """List the architectures that the evaluation environment implements."""
    from densing_pipeline.cli import studies

    studies.architectures(ctx.obj, site_packages, file)


@app.command()
def recognition(
    ctx: typer.Context,
    data: Annotated[Path, typer.Argument(help="Folder with hub/ and models/, recorded responses.")],
    labels: Annotated[Path, typer.Argument(help="CSV with hf_id and is_base, labelled by hand.")],
    composed: Annotated[
        Path | None,
        typer.Option(help="CSV of models whose records are composed, labelled by hand."),
    ] = None,
) -> None:
    """Print how often models are wrongly taken for base models, missed, and not queued."""
    from densing_pipeline.cli import studies

    studies.recognition(ctx.obj, data, labels, composed)
