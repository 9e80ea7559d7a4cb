"""Commands that compute something from files or from the latest release and print it.

`densing fit`, `backtest`, `simulate`, `benchmarks`, `architectures`, `recognition`,
`facts check` and `facts compile-prices`.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from rich.table import Table

from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import current_settings
from densing_pipeline.density.fit_loss import Objective
from densing_pipeline.own_files.days import Order
from densing_pipeline.own_files.delimited import FileError
from densing_pipeline.own_files.quantities import Mark
from densing_pipeline.own_files.reading import Told
from densing_pipeline.tables.schemas import TableError
from densing_pipeline.tables.width import MOST_FOLD, told_high
from densing_pipeline.text import clean, plain


def told(
    columns: Sequence[str], units: Sequence[str], decimal: Mark | None, dates: Order | None
) -> Told:
    """What the options of `densing fit` say of a file.

    Raises:
        CommandError: an option is no NAME=VALUE.
    """
    pairs = list[dict[str, str]]()
    for option, given in (("--column", columns), ("--unit", units)):
        for each in given:
            if not all(each.partition("=")):
                raise CommandError(f"{option} {each}: write it as {option} params=VALUE")
        pairs.append({name: value for name, _, value in (each.partition("=") for each in given)})
    return Told(columns=pairs[0], units=pairs[1], decimal=decimal, dates=dates)


def fit_losses(
    screen: Screen,
    file: Path,
    *,
    irreducible: bool,
    objective: Objective,
    draws: int | None,
    seed: int,
    told: Told,
) -> None:
    """Print the coefficients of the loss law of a file of training runs, with 95 % intervals.

    Raises:
        CommandError: the file cannot be read or does not determine the law.
    """
    from densing_pipeline.density.fit import LOSS_COEFFICIENTS, fit_file
    from densing_pipeline.density.fit_loss import FitError

    try:
        fit = fit_file(
            file, irreducible=irreducible, objective=objective, draws=draws, seed=seed, told=told
        )
    except FitError as error:
        raise CommandError(f"{file}: {error}") from error
    except FileError as error:
        raise CommandError(str(error)) from error
    others = fit.minima[1:]
    rows = [
        ["coefficient", "global minimum", "95 % interval"]
        + [f"minimum {number}" for number in range(2, len(fit.minima) + 1)]
    ]
    for name in LOSS_COEFFICIENTS if irreducible else LOSS_COEFFICIENTS[:4]:
        interval = fit.intervals[name]
        rows.append(
            [
                name,
                f"{getattr(fit.minima[0].law, name):.6g}",
                _interval(interval),
                *(f"{getattr(other.law, name):.6g}" for other in others),
            ]
        )
    rows.append(
        [
            objective,
            f"{fit.minima[0].objective:.6g}",
            "",
            *(f"{one.objective:.6g}" for one in others),
        ]
    )
    screen.show(_table(rows))
    _say_notes(screen, fit.notes)
    screen.say(f"{fit.n_points} points, {fit.n_runs} runs resampled {fit.draws} times")


def _interval(interval: tuple[float, float] | None) -> str:
    """The interval of a coefficient as text."""
    if interval is None:
        return "not determined"
    low, high = interval
    return f"{low:.4g} to {high:.4g}" if told_high(low, high) else f"over {MOST_FOLD}-fold wide"


def fit_tasks(
    screen: Screen, path: Path, *, output: Path | None, draws: int, seed: int | None
) -> None:
    """Print how fast the cost of a task falls on the boards of a copy, and each record with its factors.

    Args:
        screen: where it is shown.
        path: the copy.
        output: CSV that the estimates are written to, in the form of `facts/task_cost_halving.csv`.
        draws: resamples behind each interval.
        seed: seed of the resampling; that of the settings if None.

    Raises:
        CommandError: the copy has no runs in a known form, or no level can be named in it.
    """
    from densing_pipeline import facts
    from densing_pipeline.cost import task_costs, task_files

    try:
        found = task_files.read(path)
    except task_files.TaskFileError as error:
        raise CommandError(str(error)) from error
    levels = task_costs.task_levels(found.runs, facts.load("task_levels"))
    if levels.is_empty():
        raise CommandError(
            f"{path}: no level: a board needs a run named in facts/task_levels.csv, or {task_costs.FEWEST_BOARD_RUNS} "
            "runs over more than one calendar year"
        )
    estimates = task_costs.task_cost_halving(
        found.runs, levels, draws=draws, seed=current_settings().seed if seed is None else seed
    )
    screen.show(_table(task_costs.halving_rows(estimates)))
    screen.show(_table(task_costs.record_rows(task_costs.task_cost_records(found.runs, levels))))
    left_out = "; ".join(f"{count} {reason}" for reason, count in sorted(found.left_out.items()))
    screen.say(f"{found.runs.height} runs read" + (f"; left out: {left_out}" if left_out else ""))
    if output is not None:
        task_costs.derived(estimates).write_csv(output, line_terminator="\n")
        screen.say(f"Written to {output}")


def fit_densities(screen: Screen, file: Path, *, draws: int | None, seed: int, told: Told) -> None:
    """Print the doubling time of the densities in a file, with 95 % intervals.

    Raises:
        CommandError: the file cannot be read or does not determine a trend.
    """
    from densing_pipeline.trends.fit_densities import fit_densities

    try:
        fit = fit_densities(file, draws=draws, seed=seed, told=told)
    except FileError as error:
        raise CommandError(str(error)) from error
    rows = [["estimator", "doubling days", "95 % interval", "ln density a year", "points"]]
    for trend in fit.trends:
        if trend.slope is None or trend.slope_low is None or trend.slope_high is None:
            rows.append([trend.estimator, "none", trend.reason, "", str(trend.n)])
            continue
        low, high = (365.25 * end for end in (trend.slope_low, trend.slope_high))
        ends = f"at least {trend.low:.0f}" if trend.low else "does not grow"
        if trend.low and trend.high:
            ends = f"{trend.low:.0f} to {trend.high:.0f}"
        rows.append(
            [
                trend.estimator,
                f"{trend.days:.0f}" if trend.days else trend.reason,
                ends,
                f"{365.25 * trend.slope:.2f} ({low:.2f} to {high:.2f})",
                str(trend.n),
            ]
        )
    screen.show(_table(rows))
    _say_notes(screen, fit.notes)
    screen.say(
        f"{fit.n_models} models, {fit.n_families} families resampled {fit.draws} times; "
        "the error of the reference law is not in the intervals"
    )


def fit_prices(
    screen: Screen, file: Path, *, as_of: date | None, draws: int | None, seed: int, told: Told
) -> None:
    """Print the halving time of the prices in a file, with its 95 % interval.

    Raises:
        CommandError: the file cannot be read, or its prices carry no estimate.
    """
    from densing_pipeline.cost.fit_prices import fit_prices

    try:
        fit = fit_prices(file, as_of=as_of, draws=draws, seed=seed, told=told)
    except FileError as error:
        raise CommandError(str(error)) from error
    found = fit.estimate
    months, low, high = (found[name] for name in ("halving_months", "low", "high"))
    ends = "none"
    if low:
        ends = f"{low:.1f} to {high:.1f}" if high else f"at least {low:.1f}"
    rows = [
        ["halving months", "95 % interval", "first price over the lowest", "record lows"],
        [
            f"{months:.1f}" if months else "does not fall",
            ends,
            f"{found['fold']:.4g}",
            str(found["n_changes"]),
        ],
    ]
    screen.show(_table(rows))
    _say_notes(screen, fit.notes)
    screen.say(f"{fit.n_prices} prices, their steps resampled {fit.draws} times; {found['reason']}")


def fit_kind(file: Path) -> str:
    """Which of `losses`, `densities` and `prices` the columns of a file are for.

    Raises:
        CommandError: the file cannot be read, or its columns are for none of them.
    """
    from densing_pipeline.cost import fit_prices as prices
    from densing_pipeline.density import fit as losses
    from densing_pipeline.own_files.delimited import DELIMITERS_IN_WORDS, read_sheet
    from densing_pipeline.own_files.reading import tells
    from densing_pipeline.trends import fit_densities as densities

    try:
        header = read_sheet(file).header
    except FileError as error:
        raise CommandError(str(error)) from error
    for name, module in (("losses", losses), ("densities", densities), ("prices", prices)):
        if tells(header, module.ROLES, module.NEEDED):
            return name
    if len(header) == 1:
        raise CommandError(
            f"{file}: its header, {clean(header[0], 80)}, is one cell: put {DELIMITERS_IN_WORDS} between cells"
        )
    raise CommandError(
        f"{file}: its columns ({clean(', '.join(header), 300)}) are known for none of losses (N, D, loss), densities "
        "(date, density) and prices (date, price). Say which: densing fit losses FILE --column loss=NAME"
    )


def _say_notes(screen: Screen, notes: Sequence[str]) -> None:
    """Print how a file was read, and which rows were left out."""
    for note in notes:
        screen.say(f"Note: {note}")


def backtest(screen: Screen) -> None:
    """Print how good forecasts made at every past month end of the latest release were.

    Raises:
        CommandError: there is no release.
    """
    from densing_pipeline.forecasts.backtest import backtest as run_backtest
    from densing_pipeline.forecasts.backtest import claims_rows, skill_rows
    from densing_pipeline.publication.release import read_latest

    settings = current_settings()
    try:
        tables = read_latest(settings.publish_dir)
    except TableError as error:
        raise CommandError(str(error)) from error
    result = run_backtest(tables, draws=settings.bootstrap_draws, seed=settings.seed)
    skill, claims = skill_rows(result.skill), claims_rows(result.claims)
    screen.show(_table(skill, "How good the forecasts were (ln units, all series)"))
    screen.say()
    screen.show(_table(claims, "A reader of the paper in December 2024"))


def simulate(screen: Screen, *, of_prices: bool) -> None:
    """Print bias and coverage of the estimators on frontiers whose truth is known, in Markdown.

    Args:
        screen: where they are printed.
        of_prices: whether the frontiers are of prices; of density otherwise.
    """
    from densing_pipeline.cost import coverage
    from densing_pipeline.trends.simulate import study

    for table in (coverage.study(),) if of_prices else study():
        screen.line(table)


def simulate_price_nights(screen: Screen, nights: int, seed: int) -> None:
    """Print what was wrong with simulated price lists and how the cheapest prices came out, in Markdown."""
    from densing_pipeline.cost.simulated_nights import simulated, tables

    screen.say(f"{nights} nights of five lists")
    screen.line("\n\n".join(tables(simulated(nights, seed))))


def simulate_items(
    screen: Screen, file: Path, *, target: float, repeats: int, seed: int, by_difficulty: bool
) -> None:
    """Print how many items samples of recorded results take, and how far their estimates are off, in Markdown.

    Of each benchmark by itself, and of models with results on all benchmarks of the average, of all together.

    Args:
        screen: where the table is printed.
        file: item results, CSV or parquet.
        target: largest standard error of ln N_eff.
        repeats: orders of the questions.
        seed: seed of the first order.
        by_difficulty: whether estimates use how hard each question was for the other models.

    Raises:
        CommandError: the file cannot be read.
    """
    from densing_pipeline.evaluation import simulated_samples, simulated_suites

    try:
        items = simulated_samples.read(file)
    except simulated_samples.ItemFileError as error:
        raise CommandError(str(error)) from error
    rows = list(
        simulated_samples.simulate(items, target, repeats, seed, by_difficulty=by_difficulty)
    )
    screen.line(simulated_samples.table(rows))
    if suites := list(simulated_suites.simulate(items, target, repeats, seed)):
        screen.line(f"\n{simulated_suites.table(suites)}")


def simulate_intervals(
    screen: Screen,
    file: Path | None,
    *,
    worlds: int,
    draws: int,
    seed: int,
    estimates: Sequence[str],
    names: Sequence[str],
    windows: Sequence[str],
) -> None:
    """Write simulated coverage of the published intervals, one world after another, and print it.

    Finished draws are kept in the state directory, so that the command continues where it was stopped.

    Args:
        screen: where each finished world is printed.
        file: CSV that is written; that of the package if None. Its other rows stay.
        worlds: draws of each world.
        draws: resamples behind each interval.
        seed: seed of worlds and resamples.
        estimates: such as `pooled/total`; all if empty.
        names: worlds; all if empty.
        windows: windows of the pooled estimates; all if empty.

    Raises:
        CommandError: an estimate, a world or a window is not known.
    """
    from densing_pipeline.trends import coverage_table
    from densing_pipeline.trends import interval_coverage as coverage
    from densing_pipeline.trends.worlds import WORLDS

    candidates = {"/".join(one): one for one in coverage.CANDIDATES}
    known = [world.name for world in WORLDS]
    for what, asked, among in (
        ("estimate", estimates, [*candidates]),
        ("world", names, known),
        ("window", windows, [*coverage.WINDOWS]),
    ):
        if unknown := sorted(set(asked) - set(among)):
            raise CommandError(f"no {what} {', '.join(unknown)}: choose of {', '.join(among)}")
    target = file or coverage_table.FILE
    folder = current_settings().state_dir / "simulated_intervals"
    for name in [*(estimates or candidates)]:
        for world in [one for one in known if one in names or not names]:
            found = coverage.study(
                worlds=worlds, draws=draws, seed=seed, candidates=[candidates[name]], names=[world],
                windows=windows or coverage.WINDOWS, folder=folder,
            )  # fmt: skip
            coverage_table.save(found, target)
            for row in found.iter_rows(named=True):
                screen.line(
                    f"{name} {row['window']} {world} {row['truth']}: {row['coverage']:.3f} "
                    f"({row['coverage_mc_error']:.3f}), 80 %: {row['coverage_80']:.3f}"
                )


def benchmarks(
    screen: Screen, names: Sequence[str], mirror: Path | None, *, is_declared: bool
) -> None:
    """Print hash and size of every part of the named benchmarks, or declare a mirror's own.

    Args:
        screen: where they are printed.
        names: benchmarks; all if empty.
        mirror: folder with the data sets; the Hub if None.
        is_declared: whether to write the file that declares the mirror's own content.

    Raises:
        CommandError: a benchmark is not known, or its data cannot be had.
    """
    from densing_pipeline.evaluation import suite
    from densing_pipeline.evaluation.suite import content

    wanted = names or list(suite.BENCHMARKS)
    lines, lost = list[str](), list[str]()
    chosen: tuple[suite.Benchmark, ...] = ()
    try:
        if is_declared and mirror is None:
            raise CommandError("--declare: say which mirror (--mirror)")
        if is_declared and mirror is not None:
            lines = content.declare(mirror, suite.select(wanted))
        else:
            chosen = suite.select(wanted, mirror)
    except (ValueError, suite.DataError) as error:
        raise CommandError(str(error)) from error
    for benchmark in chosen:
        try:
            data = suite.load(benchmark, suite.Store(mirror))
        except suite.DataError as error:
            lost.append(str(error))
            continue
        lines += content.lines(benchmark.name, data.records)
    for line in lines:
        screen.line(line)
    if lost:
        raise CommandError("\n".join(lost))


def architectures(screen: Screen, site_packages: Path, file: Path | None) -> None:
    """Compare the installed architectures with the list of the package, or write the list anew.

    Raises:
        CommandError: the sources cannot be read, or the list differs from them.
    """
    from densing_pipeline.hub import architectures as known

    try:
        found = known.build(site_packages)
    except known.RegistryError as error:
        raise CommandError(str(error)) from error
    if file:
        known.write(found, file)
        screen.line(f"{file}: {len(found[known.GENERATORS])} classes")
        return
    if lines := known.differences(found):
        raise CommandError("\n".join(lines))
    screen.line(f"the list is that of {known.versions()}")


def recognition(screen: Screen, data: Path, labels: Path, composed: Path | None) -> None:
    """Print the confusion tables of the recognition of base models on recorded records.

    With `composed`, print also how many base models of that list reach the queue, and every miss.
    """
    from densing_pipeline.hub.recognition_errors import measure, rows, sets, shown

    wanted = {row["hf_id"]: row["is_base"] == "true" for row in rows(labels)}
    for title, labelled in sets(data, wanted).items():
        screen.line(shown(title, measure(labelled)).rstrip("\n"))
    if composed:
        from densing_pipeline.evaluation import recognition as queued
        from densing_pipeline.tables import markdown

        for table in queued.tables(queued.outcomes(queued.read(composed))).values():
            screen.line(markdown.table(table))


def compile_prices(screen: Screen, folder: Path) -> None:
    """Compile the bundled history of price lists from recorded ones, and say how large it is.

    Raises:
        CommandError: the folder holds no recorded history.
    """
    from densing_pipeline.files import write
    from densing_pipeline.prices import bundled
    from densing_pipeline.prices.compile_history import RECORDED, compile_history

    if not (folder / RECORDED).is_file():
        raise CommandError(f"{folder}: no {RECORDED}, the recorded history, is there")
    content = compile_history(folder)
    write(bundled.FILE, content)
    bundled.bundled_prices.cache_clear()
    rows = sum(prices.height for prices in bundled.bundled_prices().values())
    screen.say(f"{bundled.FILE}: {rows} rows, {len(content)} bytes")


def check_facts(screen: Screen) -> None:
    """Read every bundled fact table, check what must hold, and list findings for a person to check.

    Also listed: scores in use that differ from the latest release, publishers on the Hub without a
    score, and facts that the Hub contradicts.

    Raises:
        CommandError: a cell is bad or contradicts another; every problem is a line.
    """
    from densing_pipeline import facts
    from densing_pipeline.facts.score_rules import review, review_models
    from densing_pipeline.facts.tables import FACTS

    problems, rows = [], 0
    for name in FACTS:
        try:
            rows += facts.load(name).height
        except TableError as error:
            problems.append(str(error))
    ladders = current_settings().ladders
    try:
        facts.ladders(ladders)
    except TableError as error:
        problems.append(str(error))
    if problems:
        raise CommandError("\n".join(dict.fromkeys("\n".join(problems).splitlines())))
    screen.say(
        f"{len(FACTS)} fact tables with {rows:,} rows agree with their declarations and each other."
    )
    findings = review(facts.load("reported_scores")) + review_models(facts.load("base_models"))
    for finding in findings:
        screen.line(f"{finding.rule}: {finding.what}")
    _say_what_changes(screen)
    _say_what_the_hub_has(screen)


def _say_what_changes(screen: Screen) -> None:
    """List the scores in use that differ from those of the latest release."""
    from densing_pipeline import facts
    from densing_pipeline.density.score_changes import score_changes
    from densing_pipeline.evaluation import reported_scores
    from densing_pipeline.publication.release import published_before
    from densing_pipeline.tables.published import SCORES

    before = published_before(current_settings().publish_dir, "scores")
    if before is None or "known_from_basis" not in before.columns:
        screen.say("No release to compare the facts with; `densing run` publishes one.")
        return
    tables = ("reported_scores", "nmi_models", "base_models", "score_documents")
    changes = score_changes(SCORES.cast(before), reported_scores.scores(*map(facts.load, tables)))
    screen.say(f"Scores in use that differ from the latest release: {len(changes) or 'none'}.")
    for change in changes:
        screen.line(change)


def _say_what_the_hub_has(screen: Screen) -> None:
    """List publishers without scores and facts that landed answers of the Hub contradict."""
    from densing_pipeline import facts
    from densing_pipeline.hub import bundled, fact_findings
    from densing_pipeline.hub import models as known
    from densing_pipeline.landing import LandingZone
    from densing_pipeline.publication.release import published_before

    settings = current_settings()
    base_models = facts.load("base_models")
    ids = set(base_models["model_id"])
    found, refused = known.landed(LandingZone(settings.landing_dir), settings.hub_cache_dir, ids)
    if found.is_empty():
        screen.say(
            f"No answers of the Hub are in {settings.landing_dir}, so that publishers without scores and "
            "facts that the Hub contradicts are not listed. `DENSING_HUB_POLL=true densing run` asks it."
        )
        return
    models, _ = known.models(bundled.models(base_models, facts.load("nmi_models")), found, refused)
    scored = set(facts.load("reported_scores")["model_id"])
    for name in ("scores", "benchmark_reports", "claimed_scores"):
        table = published_before(settings.publish_dir, name)
        scored |= set() if table is None else set(table["model_id"].drop_nulls())
    findings = fact_findings.contradictions(base_models, found)
    for finding in [*findings, *fact_findings.without_scores(models, scored)]:
        screen.line(f"{finding.rule}: {finding.what}")


def _table(rows: Sequence[Sequence[str]], title: str | None = None) -> Table:
    """A table whose first row is the head."""
    table = Table(title=title and plain(title), title_justify="left", box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(plain(name))
    for row in rows[1:]:
        table.add_row(*map(plain, row))
    return table
