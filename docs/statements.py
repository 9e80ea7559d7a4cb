"""What is listed for each written page: the statements that are kept right, and what else has numbers.

A writer who rewords a sentence with numbers changes it here too; `make docs` says where it is missed.
Formats are Python's; `!p` writes .05 for 0.05, and `!w` a word (`quoting`).

Not here: the values that the fields name (`values`).
"""

from docs.quoting import Page

README = Page(
    released=(
        "Counting all parameters, density doubles every {today[total][all].doubling_days:.0f} days "
        "({today[total][all].n_models} models to {today[total][all].newest_release}), of open weights "
        "alone every {today[total][open-weights].doubling_days:.0f} "
        "({today[total][open-weights].n_models} models to {today[total][open-weights].newest_release}); "
        "counting those active per token every {today[active][all].doubling_days:.0f} "
        "({today[active][all].n_models} models to {today[active][all].newest_release}) and "
        "{today[active][open-weights].doubling_days:.0f} ({today[active][open-weights].n_models} models "
        "to {today[active][open-weights].newest_release})",
        "the published {paper.doubling_days:.0f} days come out to the printed digits",
        "the paper's recipe on the paper's {paper.n_models} models",
        "density of skills doubles every {pooled.doubling_days:.0f} days (95 % interval "
        "{pooled.doubling_days_low:.0f} to {pooled.doubling_days_high:.0f}) counting all parameters, on "
        "{pooled.n_models} base models",
        "density doubles every {headline.doubling_days:.0f} days, **and the interval, "
        "{headline.doubling_days_low:.0f} to {headline.doubling_days_high:.0f} days, holds both",
        "it would be {headline.doubling_days_low_law_known:.0f} to "
        "{headline.doubling_days_high_law_known:.0f} ([docs/statistics.md]",
        "window and estimator say, in days, {spread.low:.0f} to {spread_high} (the middle 90 % of "
        "{spread.n:,} combinations, each distinct choice counting alike; ends {spread.shortest:.0f} and {longest}), "
        "the choice of",
    ),
    findings={
        "the choice of scores moving it most": lambda of: of["most"]["factor"] == "score set"
    },
    stated={
        "what Python, this project and the paper are": (
            "They need Python >= 3.11",
            "**It is tested on Python 3.11, 3.12 and 3.13** on Linux (x86-64)",
            "3.14 and other systems should do",
            "CPU build for 3.11",
            "(02:00 UTC)",
        ),
        "the middle of a range (`trends.sensitivity.spread`)": ("the middle 90 %",),
        "the worlds (`trends.worlds`)": ("twelve artificial worlds",),
    },
)

STATISTICS = Page(
    constants=(
        # reference laws
        "| `nmi-2025` | as published in NMI, measured off its figure | {in_trillions[nmi]:.0f}T |",
        "| `nmi-2025-v2` | the same | {in_trillions[choices][0]:.0f}T, as in arXiv v2 |",
        "runs between guessing ({floor!p:.2f}) and 1",
        "It takes {measured_laws.FEWEST_LOSSES} losses of {measured_laws.FEWEST_RUNGS} sizes whose tokens per "
        "parameter differ at least twofold, and {measured_laws.FEWEST_SCORES} models of the score step",
        "`reference_law_draws` holds {reference_law_draws.LAW_DRAWS} refits of every law ({headline_laws:,} of the "
        "quoted one)",
        "without {reference_law_draws.FEWEST_DISTINCT!w} different runs and "
        "{reference_law_draws.FEWEST_DISTINCT!w} different models",
        "at least {direct_laws.FEWEST_FAMILY_SIZES!w} sizes over a factor of {direct_laws.LEAST_RANGE!w}",
        "Fitted to the {fitted_share:.0f} % with the least training compute",
        "Both are read within {direct_law.REACH!w} times their smallest and largest model",
        "give k2 = {params_bases.COMPUTE_OVER_MEMORY} k1",
        "or within {score_sets.CHANCE_ERRORS!w} standard errors of guessing",
        "A score more than {far:.0f} points from the median of the others is left out",
        "every pair of reports more than {far:.0f} points apart",
        "A gap is large from {large_gap:.0f} points on",
        "once there are {score_gaps.FEWEST_OTHERS!w}",
        # files of one's own
        "up to {largest_file_mb:.0f} MB and {most_rows:,} rows",
        "fewer than {fit.FEWEST_FITTED} points ({fit_points_with_e} with E), {fit.FEWEST_SIZES} sizes, "
        "{fit.FEWEST_SIZES} token counts or {fit.FEWEST_RUNS} runs; tokens that go with a power of size within "
        "{fit.LEAST_FOLD}-fold",
        "Files of over {fewer_draws_from:,} rows have fewer than {effort.MOST_DRAWS:,} resamples, at least "
        "{effort.FEWEST_DRAWS}",
        # trend
        "`densing_law` regresses ln density on days since {dates.DAY_ZERO}",
        "- **Intervals** are {level:.0f} % percentiles over resamples",
        "for G families: {factors[0]:.2f} at 5, {factors[1]:.2f} at 10, {factors[2]:.2f} at 40",
        "above {lost:.0f} % of such resamples the estimate is refused",
        "covers below {densing_law.TRUSTED_COVERAGE[0]!p:.2f} or above "
        "{densing_law.TRUSTED_COVERAGE[1]!p:.2f} in simulation says so",
        "fewer than {series.FEWEST_MODELS} models with a density, {series.FEWEST_DAYS} release days, "
        "{series.FEWEST_FAMILIES} families, or {estimate.TRUSTED_RECORDS} records (for `paper`",
        "{draws:,} resamples ({headline_draws:,} for the quoted row, under {headline_laws:,} draws of its "
        "law)",
        "ends over {width.WIDE_FOLD!w} times apart",
        "ends are over {width.MOST_FOLD}-fold apart",
        "the lower end is told if the upper one is over {width.MOST_FOLD} times as long",
        "farther from the value is left out where both are over {width.MOST_FOLD}-fold apart, and each end over "
        "{width.MOST_FOLD}-fold from the value",
        "within {same_slope:.0f} % at the median",
        # simulations
        "Frontiers with a known doubling time of {simulate.TRUE_DOUBLING_DAYS:.0f} days",
        "(mean {simulate.MEAN_SHORTFALL:.0f} in ln density)",
        "({simulate.SIMULATIONS} frontiers, half as many for `frontier-exponential`; "
        "{simulate.RESAMPLES_PER_SIMULATION} resamples; noise {simulate.NOISE!p:.1f}; the law known)",
        # pooled over benchmarks
        "A benchmark needs {series.FEWEST_MODELS} models, {series.FEWEST_DAYS} release days and "
        "{series.FEWEST_FAMILIES} families in the window and {pooled_growth.FEWEST_LINES} lines; a pool needs "
        "{pooled_growth.FEWEST_BENCHMARKS} benchmarks",
        "with a known pace of {simulate.TRUE_DOUBLING_DAYS:.0f} days",
        "It covers {held[steady]!p:.3f} or more in the first four worlds and {held[otherwise]!p:.3f} or more in the "
        "others about the average pace",
        "It covers {held[law_steady]!p:.3f} or more in the first four worlds, so it is wider",
        "its interval holds the pace in {held[pooled_other_law]!p:.3f} of the draws "
        "({held[pooled_otherwise]!p:.3f} or more in every other world)",
        "in the stationary world a share of {held[narrow_share]!p:.3f} of the draws has ends at most "
        "{coverage_table.NARROW_FOLD!w} times apart",
        "in {held[narrow_lowest]!p:.3f} of them (`narrow_share`",
        "by {held[bias_steady]:+.0f} % at the median in the stationary world and by {held[bias_lowest]:+.0f} to "
        "{held[bias_highest]:+.0f} % in the others",
        "holds the current one in {held[current]!p:.3f} of the draws",
        "Every world of the headline is drawn at least {held[fewest_worlds]:,} times (`worlds`), those of "
        "the other candidates {held[other_worlds]:,} times",
        # breaks
        "- **Known date**: ChatGPT, {trend_breaks.CHATGPT}",
        "Needs {series.FEWEST_MODELS} models on either side",
        "with {trim:.0f} % of the models on either side",
        "finds a bend at p < {breakpoints.SIGNIFICANCE!p:.2f} on simulated",
        "with a {breakpoints.ACCELERATION}-fold one ({breakpoints.TEST_SIMULATIONS} each",
        # paces
        "(tried: half a year to {longest_half_life:.0f} years, or never)",
        "needs {trim:.0f} % of the models, and {series.FEWEST_MODELS} ({record_setters.FEWEST_RECORDS} records)",
        "under the same resamples (at most {density_paces.MOST_DRAWS})",
        "released in the following {pace_skill.PACE_HORIZONS[0]} and {pace_skill.PACE_HORIZONS[1]} months",
        "by the pinball loss at {pace_skill.TAU}",
        "the quantile or mean of the last {lookback_months:.0f} months' models",
        # what gets denser
        "one per cent is {text_ruler.BITS_PER_PERCENT} bits per byte",
        "through the {text_ruler.FEWEST_LINE_SIZES!w} sizes of Qwen2.5 that were measured",
        "{text_ruler.LINE_DRAWS} draws of the line",
        "once {text_ruler.FEWEST_LINE_SIZES!w} sizes of Qwen2.5 are measured",
        "those with {knowledge_probes.FEWEST_ITEMS} answers or more enter",
        "the smoothed {knowledge_growth.TAU} quantile",
        "where the Densing Law's {printed.DENSITY_DOUBLING_MONTHS} months would need",
        "the median of at least {benchmark_gap.FEWEST_OTHERS!w} other models",
        # sensitivity
        "| D0 | {in_trillions[choices][0]:.0f}T, {in_trillions[choices][1]:.0f}T, "
        "{in_trillions[choices][2]:.0f}T tokens |",
        "none, or {sensitivity.FAMILY_CAPS[1]} models of a family",
        "the others rest on {sensitivity.MOST_DRAWS} resamples",
        # implications
        "FLOPS per dollar double every {hardware_years:.1f} years "
        "({implications.HARDWARE_DOUBLING_DAYS:.0f} days), so the paper's "
        "{printed.DENSITY_DOUBLING_DAYS:.0f} days become 1 / "
        "(1/{printed.DENSITY_DOUBLING_DAYS:.0f} + 1/{implications.HARDWARE_DOUBLING_DAYS:.0f}) = "
        "{combined:.1f}",
        "2^({dates.DAYS_PER_YEAR} / T), alone and with hardware",
    ),
    released=(
        "for its scores (at most {ladder[most]!p:.2f}) fix no ceiling",
        "off by {ladder[7B-final]!p:+.3f} (7B) and {ladder[13B-final]!p:+.3f} (13B)",
        "instead of {ladder[sse]!p:.4f}; -.017",
        "densities about {refit_ratio:.0f} times smaller and turns {paper.doubling_days:.0f} days into "
        "{refit.doubling_days:.0f}",
        "without these draws: of the quoted row {own_minimum[0]} to {own_minimum[1]} days instead of "
        "{headline.doubling_days_low:.0f} to {headline.doubling_days_high:.0f}",
        "it misses the scores of the rest by {one_step_law.largest_out_error!p:.3f} (root mean square), "
        "the law through the loss by {one_step_law.two_step_largest_out_error!p:.3f}",
        "It rests on two sizes, so it is read from {one_step_range[0]:.1f} to {one_step_range[1]:.0f} B "
        "parameters only",
        "It is Qwen2.5 ({family[MMLU].n_points!w} sizes, {family_trillions:.0f}T)",
        "left out: {family[MMLU].largest_out_error!p:.3f} on MMLU, "
        "{family[AVERAGE].largest_out_error!p:.3f} on the average",
        "it runs from {interval[nmi-2025][0]!p:.3f} to {interval[nmi-2025][1]:.2f} times the density "
        "(`nmi-2025`) or from {interval[nmi-2025-refit][0]!p:.2f} times it (`nmi-2025-refit`, both minima, with no upper "
        "end told of {refit_open} models); the score alone gives {score_alone[0]!p:.2f} to {score_alone[1]:.2f}",
        "the slope's, {headline.slope_low!p:.5f} and {headline.slope_high!p:.5f} a day, have Monte Carlo "
        "errors of {headline.slope_low_mc_error!p:.5f} and {headline.slope_high_mc_error!p:.5f}",
        "moves by about {days_error[0]:.0f} day and the upper one, near a slope of zero, by about "
        "{days_error[1]:.0f}",
        "Were the law known, its interval would be {headline.doubling_days_low_law_known:.0f} to "
        "{headline.doubling_days_high_law_known:.0f}",
        "reproduced to its last digit ({paper.n_points} records, slope {paper.slope_per_day!p:.6f}, R2 "
        "{paper.r_squared!p:.4f})",
        "the same data allow anything from {months[0]:.1f} to {months[1]:.0f} months",
        "({shortfall.mean:.1f} and {shortfall.correlation!p:.2f} below the quantile-0.9 line)",
        "Of {combinations:,} combinations {spread.n:,} carry an estimate: **the middle 90 % say, in days, "
        "{spread.low:.0f} to {spread_high}, half of them less than {spread_median}, the ends "
        "{spread.shortest:.0f} and {longest}.** The quoted row of `densing_law`, {headline.doubling_days:.0f} "
        "days, lies {spread_side} the median",
        "`reported_fresh_text` holds {growth.text_models} models of at most {growth.text_billions:.0f} B parameters",
        "`knowledge_probes` holds {growth.probed} open-weight models",
        "stretch for {growth.vendors} vendors",
        "{gap.tests} of {gap.models} models are denser on tests, {gap.text} on fresh text",
        "({gap.benchmark:.2f} on MMLU, {gap.of_text:.2f} on text)",
        "and our {pooled.doubling_days:.0f} become {hardware.value:.0f}",
        "is the narrowest of those that qualify: {pooled.doubling_days_low:.0f} to {pooled.doubling_days_high:.0f} "
        "days, {fold[pooled]:.1f}-fold",
        "`densing-law` qualifies, but its interval is {fold[law]:.1f}-fold wide",
        "the families of its {paper.n_models} models alone would give {headline.doubling_days_low_law_known:.0f} to "
        "{headline.doubling_days_high_law_known:.0f} days",
        "chance makes such bends {bends.p[0]:.1f} to {bends.p[1]:.0f} % of the time; that of `mmlu` is the one "
        "that chance seldom makes. At {paper.n_models} "
        "models a real {breakpoints.ACCELERATION}-fold acceleration would be found {bends.power:.0f} % of the "
        "time",
        "our MMLU scores hold {bends.before}, and {series.FEWEST_MODELS} are needed. Under `olmo-ladder` "
        "the slowdown has p = {bends.ladder!p:.3f}, one of {bends.tests} tests",
        "Of the paper's {pairs[all]!w} pairs Gemma2-9B is denser than its original "
        "({ratio[Gemma2-9B / Gemma2-27B][0]:.2f}, {ratio[Gemma2-9B / Gemma2-27B][1]:.2f} to "
        "{ratio[Gemma2-9B / Gemma2-27B][2]:.1f}), Gemma2-2B ({ratio[Gemma2-2B / Gemma2-27B][0]!p:.2f}, "
        "{ratio[Gemma2-2B / Gemma2-27B][1]!p:.2f} to {ratio[Gemma2-2B / Gemma2-27B][2]:.2f}) and "
        "Mistral-NeMo-Minitron-8B ({ratio[Mistral-NeMo-Minitron-8B / Mistral-Nemo][0]!p:.2f}, "
        "{ratio[Mistral-NeMo-Minitron-8B / Mistral-Nemo][1]!p:.2f} to "
        "{ratio[Mistral-NeMo-Minitron-8B / Mistral-Nemo][2]:.2f}) are not told apart from theirs, the "
        "other {pairs[less dense]!w} are less dense ({less_dense[0]!p:.2f} to {less_dense[1]!p:.2f})",
    ),
    findings={
        "that of GitHub and arXiv grows, that of prose does not": lambda of: (
            of["growth"].text_grows
        ),
        "the largest gap is that of Hunyuan-7B-Pretrain": lambda of: (
            of["gap"].largest == "Hunyuan-7B-Pretrain"
        ),
        "No acceleration is found; the best bends are slowdowns": lambda of: (
            of["bends"].slowest < 1
        ),
        "that of `mmlu` is the one that chance seldom makes": lambda of: of["bends"].p[0] < 5,
        "**The paper's acceleration at ChatGPT cannot be judged**": lambda of: (
            not of["bends"].judged
        ),
    },
    stated={
        "the paper and the literature": (
            "arXiv 2412.04315 (v2, 2024) and Nature Machine Intelligence 7, 1823-1833 (2025)",
            "MMLU only: 25 ladder runs and 277 checkpoints (Bhagia et al. 2024)",
            "(D = 10..60 N)",
            "D = 60 N.",
            "on the ten published models below 4B",
            "twelve open base models below 4B",
            "On the 240 points of Besiroglu et al. 2024",
            "they print 482.0, .348, 2085.4, .366, 1.817",
            "The paper prints k1 = 2.45 k2; its numbers (100 tokens x 2 FLOP at 82.58 TFLOPS against one "
            "byte at 1.01 TB/s)",
            "Koenker and Bassett 1978",
            "Meeusen and van den Broeck 1977; Aigner, Lovell and Schmidt 1977",
            "(Hesterberg 2015; Cameron and Miller 2015)",
            "Bloomfield and Steiger 1983",
            "(Waldman 1982)",
            "DerSimonian and Laird 1986",
            "Box and Cox 1964; Guerrero and Johnson 1982",
            "Pregibon 1980, solved as by Amemiya and Powell 1981",
            "Satterthwaite's (1946)",
            "would reject a straight line 45 % of the time (Andrews 1993)",
            "(null imposed, Cameron, Gelbach and Miller 2008; six-point weights, Webb 2014)",
            "Ge et al. (arXiv 2602.04836)",
            "*Incompressible Knowledge Probes* (Li, arXiv 2604.24827)",
            "+.00131 of the score a month and .1494 per log10 N (n 100)",
            "would need +.01285",
            "it rests on 3 points before the date",
            "the paper's 51 models",
        ),
        "formulas, and names of quantities": (
            "(NMI Methods; E = 0 in the paper)",
            "| `nmi-2025-refit` | our fit of the published points, global minimum | 5T |",
            "| `nmi-2025-refit-local` | our fit, the minimum the published coefficients lie in | 5T |",
            "Bhagia et al. 2024) | 5T |",
            "losses and scores that we measured ourselves | 5T |",
            "one anchor (loss 0, score 1) and d >= 0",
            "the 95 % intervals",
            "the dense 16-bit model",
            "at 4 bits",
            "each with a 95 and an 80 % interval",
            "whether the 95 % interval lies above zero",
            "is 100 times the negative log likelihood",
            "the law's constant, 2.38 a year",
            "each model: 1 is the average model",
            "Ends are the 2.5 % and 97.5 % draws",
            "the slope goes with 1/alpha",
            "tau .9",
            "`t(.975, G - 1) / 1.96 x sqrt(G / (G - 1))`",
            "the 95 % interval",
            "is `nmi-2025` at 1T)",
            "the line over the 24 months up to the newest model",
            "the quantile .9 and the mean",
            "quantile .9 and all models",
            "correlated 1/3 within its family",
            "2 N operations",
            "c + d (1.022 on BBH), and 1 on benchmarks",
            "G - 1 and k - 1",
            "1. *Scale.* On each",
            "2. *Pace of a benchmark.* The slope",
            "3. *Pooled.* The plain mean",
            "(at 80 %; at 95 %)",
            "D = C / 6N",
        ),
        "the rule that chooses the headline; the settings are those of `trends.worlds`": (
            "`family-share-0.8`",
            "standard deviation .6 of the pace",
            "standard deviation .4 of the pace",
            "from .5 to 1.8 of its size",
            "by .15 per unit",
            "off by 30 days",
            "from .2 to 1 |",
            "the interval over all years has to hold the average pace, that over the last 24 months the current one",
            "1. *Coverage.* A candidate qualifies if its 95 % interval covers at least .92 in each of the first "
            "four worlds, and at least .80 in each of the others",
            "2. *Width.* Of those that qualify, the one whose 95 % interval of the doubling time",
            "3. *Skill.* If",
            "4. If none qualifies",
            "quantile .9 of the densities",
            "each by quantile .9 of effective size",
            "Coverage of the 95 % and the 80 % interval, and bias",
            "at bend 0",
            "of their central 95 % over 1.96",
            "The 80 % interval is beside the 95 % one",
        ),
        "today's facts, by `trends.pooled_growth` with the seeds and resamples named": (
            "settled by 1,000 resamples",
            "its ends were 3.1 to 6.5-fold apart",
            "the common bend is .30",
            "with 20,000 resamples its interval is 4.5-fold wide, that of the headline 3.3-fold",
        ),
        "examples": ("(1731M)", "such as 1.7 parameters or a loss of 30"),
        "a fifth (`own_files.reading.MOST_LEFT_OUT`)": ("up to a fifth of them",),
        "fits of bundled points, held by tests/unit/density": (
            "within 1 % (MMLU's `b` within 1.3 %",
            "within 0.2 %",
            "(SSE .0015 instead of",
            "-.017, +.004), but its best score",
            "at 5T tokens is .74",
            "A 477.8 (285-718), alpha .3473, B 2143 (1050-5838), beta .3672, E 1.817",
            "is .4 % higher",
            "the factor is far from 1",
            "Error at the 72B",
        ),
        "another computation of bundled facts, held by tests/unit/trends": (
            "none above 15 B",
            "gave .05 [-.27, .31] a year on 25 models, and 1.32 [.78, 1.78] for MMLU",
            "GitHub (313 days), arXiv (688) and prose (-.27 a year)",
            "gave a mean of .25 [-.16, .81] by total and 1.45 [.73, 2.28] by active parameters, frontier "
            ".10 [-.15, 1.05] and .97 [.60, 2.66]",
            "by its smoothing (at most .01)",
        ),
        "simulations, as printed by `python -m densing_pipeline.trends.simulate`": (
            "with four or five its interval covers .2 to .5 in simulation",
            "(1,000 frontiers of 200 resamples",
            "standard error of a coverage about .007, .015)",
            "40 models at noise .3",
            "covers .965 to .980 in eleven of the twelve cells; at n = 51 and noise .3 it is a little too "
            "wide, .985",
            "it covered .91 at n = 29 and .88 to .92 with five families or fewer",
            "a bias of up to 5 %",
            "standard error of a power .3 is .03",
            "All rows together take about 6 seconds with 1,000 resamples",
        ),
    },
)

FORECASTS = Page(
    constants=(
        "forecasts {forecasts.HORIZONS[0]}, {forecasts.HORIZONS[1]}, {forecasts.HORIZONS[2]} and "
        "{forecasts.HORIZONS[3]} months ahead",
        "(`cheapest_ever`, input share {input_share!p:.2f})",
        "have not yet held for {admission.PERSISTENCE_DAYS} days",
        "for three months ({vintages.WATCHED_DAYS} days) makes no forecast",
        "| doubles every {methods.PAPER_MONTHS[density]} months | halves every "
        "{methods.PAPER_MONTHS[price]} months |",
        "resampled by family ({methods.CURVE_RESAMPLES} times)",
        "At most {forecasts.MOST_FORECAST_DRAWS} draws",
        "; {pace_resamples} resamples), plus how far",
        "more than {forecasts.FARTHEST_FOLD:,.0f} times the current record",
        "the ends of whose interval are over {width.MOST_FOLD}-fold apart is refused",
        "whose ends are over {width.MOST_FOLD}-fold apart the",
        "coverage of the {level:.0f} % interval",
        "needs {skill.FEWEST_VINTAGES} vintages and twice the horizon. **The outcome",
        "with the interval of {draws:,} resamples",
        "A verdict needs {skill.FEWEST_VINTAGES} vintages and twice the horizon. The table",
        "hindsight: {methods.PAPER_MONTHS[density]} months was fitted",
        "needs {estimate.TRUSTED_RECORDS!w} records.",
        "contains {level:.0f} % of simulated record sequences",
        "density doubles every {claimed_days:.0f} days. The {methods.PAPER_MONTHS[density]} months are",
        "come from {claims.RANGE_DRAWS:,} draws",
    ),
    released=(
        "newest density is of {newest_density[nmi-2025-average]} in the paper's score set "
        "(`nmi-2025-average`), of {newest_density[average]} in `average` and of {newest_density[mmlu]} in "
        "`mmlu`, all by parameters without embeddings; the last vintages with a forecast are those of "
        "{last_forecast[nmi-2025-average]}, {last_forecast[average]} and {last_forecast[mmlu]}",
        "these are {refused[density paper-recipe][all]} lines of `paper-recipe` ({refused[density "
        "paper-recipe][year]} of {refused[density paper-recipe][made]} a year ahead), {refused[density "
        "trend][all]} of the density trend ({refused[density trend][year]} of "
        "{refused[density trend][made]} a year ahead) and {refused[price trend][all]} of the price trend",
        "(skill of the trend {skill_constant.skill_constant!p:.2f}, "
        "{skill_constant.skill_constant_low!p:.2f} to {skill_constant.skill_constant_high!p:.2f})",
        "holds {price_coverage[0]:.0f} to {price_coverage[1]:.0f} % of the time instead of {level:.0f} %",
        "record rose {claim.actual_fold:.2f}-fold ({claim.low:.2f} to {claim.high:.2f}) in three months "
        "against {claim.claimed_fold:.2f} promised",
        "({fell[gpt-3.5].actual_fold:.1f}- and {fell[gpt-4].actual_fold:.1f}-fold in {fell_months} months, both below",
        "That of GPT-4o halved every {fell[gpt-4o].months:.1f} months",
    ),
    findings={
        "**One month ahead the trend is not shown to beat no change**, neither for prices nor for density": (
            lambda of: (
                max(of["skill_at"](1, target, "trend")[0] for target in ("density", "price")) <= 0
            )
        ),
        "**Density, three and six months ahead**: the trend beats no change at both": lambda of: (
            min(of["skill_at"](months, "density", "trend")[0] for months in (3, 6)) > 0
        ),
        "**Six months ahead the trend is shown to be ahead of the paper's constant**": lambda of: (
            of["skill_constant"].skill_constant_low > 0
        ),
        "three and six months ahead no method is shown to beat no change": lambda of: (
            max(of["skill_at"](months, "price")[0] for months in (3, 6)) <= 0
        ),
        "not for GPT-3.5 and GPT-4**": lambda of: all(
            of["fell"][level].is_within is False for level in ("gpt-3.5", "gpt-4")
        ),
        "both below their ranges": lambda of: all(
            of["fell"][level].actual_fold < of["fell"][level].claimed_low
            for level in ("gpt-3.5", "gpt-4")
        ),
        "no range can be told of it": lambda of: of["fell"]["gpt-4o"].is_within is None,
    },
    stated={
        "the paper, its versions and the data": (
            "the reference law was published in 2025",
            "The paper's claims since December 2024",
            "what happened after 31 December 2024",
            "the paper was in version 2",
            "had seen the models up to April 2025",
            "between autumn 2025 and October 2026",
        ),
        "formulas, and names of quantities": (
            "through the models of the last 24 months",
            "stood off it in the last 24 months",
            "Gompertz curve of the quantile .9",
            "pinball losses at 10, 50 and 90 %",
            "`last-12-months`, `paper-constant` and `no-change`",
            "**Skill** is 1 - CRPS / CRPS of a rival",
            "(no interval lies above 0)",
        ),
    },
)

PRICES = Page(
    constants=(
        "| `suspect` | above {comparison.HIGHEST_PLAUSIBLE:,.0f} USD per million tokens",
        "({endpoints} in all)",
        "fewer than half of its entries state a price that can be read (in lists of "
        "{snapshot.FEWEST_COUNTED} and more",
        "if it has less than {smallest_share:.0f} % of the input prices of its predecessor",
        "if it has less than {smallest_share:.0f} % of the prices above zero",
        "below {comparison.LOWEST_PLAUSIBLE} (the lowest price known",
        "A list of the same new shape on {judging.NIGHTS_TO_TAKE} nights",
        "moved more than {common_factor.LARGEST_MEDIAN_FACTOR!w}fold, or if more than {common_share:.0f} % of them",
        "If for over {poll.LONGEST_UNCHANGED_DAYS} days a server only answered",
        "| the price before again, within {confirmation.REVERSAL_DAYS} days |",
        "the price before is back within {confirmation.REVERSAL_DAYS} days: the other one was a slip",
        "for the rule of {admission.PERSISTENCE_DAYS} days below",
        "its list took it back within {confirmation.REVERSAL_DAYS} days (below)",
        "at the same price | within {confirmation.REVERSAL_DAYS} days of the first look without it",
        "at another price | within {confirmation.REVERSAL_DAYS} days of the first look without it",
        "so do up to {confirmation.REVERSAL_DAYS} days on which an offer is free or promotional",
        "did not return within {confirmation.REVERSAL_DAYS} days, it is `suspect`",
        "source is more than {comparison.APART!w} times apart",
        "names the kinds of offer of which less than {smallest_share:.0f} % are left",
        "of\nat least {common_factor.FEWEST_WITNESSED!w} offers most must agree",
        "When the last sign is over {presumed.SILENT_DAYS} days older",
        "`correction` when it is {tenfold} or more, when it comes in the offer's first {first_days},",
        *(
            f"| `{method}` | {rule} | {{confidence[{method}]:.2f}} |"
            for method, rule in {
                "table": "listed by hand in `facts/offer_names.csv` (provider `*`: wherever it is sold)",
                "exact": "the name is the id",
                "provider_prefix": "same name after prefixes of provider, region or maker",
                "separators": "same name but for case, separators, `v3p1`, `llama3`, `Meta-`",
                "dated_suffix": "a full date (`-2024-05-13`) or `-001` dropped",
                "hub_id": "no rule found a model, but the list names its Hub repository, and has named "
                "no other since the offer appeared",
            }.items()
        ),
        "only after `-instruct` | {confidence[variant_suffix]:.2f} |",
        "under different or unstated protocols, {levels.PROTOCOL_STD_ERROR}² (the root",
        "models with probability {levels.MEMBERSHIP} or more",
        "(input share {frontier.BLENDS[0]:.0f}, {frontier.BLENDS[1]}, {frontier.BLENDS[2]}, "
        "{frontier.BLENDS[3]}):",
        "at that price or less for {admission.PERSISTENCE_DAYS} days on end",
        "its list has not been looked at for {records.UNWATCHED_DAYS} days",
        "that was not yet seen over {admission.PERSISTENCE_DAYS} days counts. What began less than "
        "{admission.PERSISTENCE_DAYS} days before the newest data",
        "{membership.DRAWS} times the members are drawn",
        "`nmi-2025` ({paper_window[0]} to {paper_window[1]}; the paper's own two days",
        "Over more than {widest_gap:.0f} months that says little about the pace",
        "The central {level:.0f} % of the resamples is widened for few steps",
        "An upper end above {halving.SLOWEST_MONTHS} months is left empty",
        "With fewer than {halving.MIN_STEPS!w} steps there is no interval",
        "({coverage.STUDY_MARKETS:,} markets of {coverage.STUDY_DRAWS} resamples;",
        "({coverage.MARKETS_PER_ROW} markets of {coverage.DRAWS_PER_ROW} resamples: standard error",
        "needs {halving.MIN_MONTHS} months, {halving.MIN_CHANGES} dated changes and "
        "{halving.MIN_PROVIDERS} providers",
        "the run in which it held {admission.PERSISTENCE_DAYS} days",
        "the first month with {index.MIN_MODELS!w} models",
        "intervals are {index_level:.0f} %, with errors clustered by model",
        "({anchors_count!w} announced list prices must be in the book and believed)",
        "by half or more within {floor_days} days: {admission.PERSISTENCE_DAYS} to persist, and a week)",
        "or is {stale_days!w} days old)",
        "beyond the {admission.PERSISTENCE_DAYS} days",
    ),
    released=(
        "bundled facts {linked[list-prices][0]} of {linked[list-prices][1]} names of `list-prices` and "
        "{linked[genai-prices][0]} of {linked[genai-prices][1]:,} of `genai-prices` are linked",
        "{paper_prices[0]:.0f} → {paper_prices[1]:.0f} → {paper_prices[2]} → {paper_prices[3]} → "
        "{paper_prices[4]} USD: {paper_level.fold:.1f}-fold",
        "its {paper_level.halving_months:.2f} months rest on {paper_level.n_changes!w} changes",
        "Of {embedded[standard]:,} standard prices at base length {embedded[undated]:,} are undated and "
        "open, and {embedded[recent]} of {embedded[dated]} dated ones begin in October or November 2026",
        "record events ({gpt35.halving_months:.1f} months, {gpt35.low:.1f} to {gpt35.high:.1f})",
    ),
    stated={
        "what a list says, as an example": (
            "Nothing, 0 and a negative amount",
            "free (`free`, 0)",
            "0.051831 per million, not 0.05183100000000001",
            "LiteLLM's `2.9999900000000004e-06` is 2.99999",
            "| 0 | offer `free` |",
            "| -1 (OpenRouter's routers)",
            "(LiteLLM of early 2024)",
            "So 2 USD for text-davinci-003 in one list loses against the dated 20 USD",
            "rises after a promotion of 90 %",
            "the lowest price known is 0.003",
            "the largest such share in real months is 9 %",
        ),
        "the paper, and dates of data": (
            "the paper's Fig. 3a",
            "(27 entries in 0.2.3)",
            "later snapshots since 2024-10",
            "from 2022 on. It saturates",
            "since late 2025, do not count",
        ),
        "the bundled history (`prices.bundled`, tests/unit/prices/test_bundled.py)": (
            "from July and November 2023 on and almost daily since September 2024",
            "the first look at OpenRouter's list (July 2023)",
            "OpenRouter in September, LiteLLM in November 2026",
        ),
        "repositories of the lists, as they were in 2026": (
            "| `litellm` | the map itself | 2023 |",
            "| `genai-prices` | version 2 of the data, before July 2026 version 1; renames are followed | 2025-06 |",
            "the list is made of them as the site makes it | 2025-10 |",
            "the site's checks of each value are not repeated | 2025-06 |",
        ),
        "GPT-3 in `facts/list_prices.csv` (tests/unit/facts/test_facts.py)": (
            "`gpt-3` is GPT-3 as it was first sold (`davinci`, 60 USD, 20 from September 2022)",
        ),
        "how near a score can lie to a level, as an example": (
            "a level .002 lower can gain a record",
        ),
        "the index of the source": ("the value and its 90 % interval",),
        "headline and paper's level, fixed in advance": ("blend 0.75, window `all`", "(= 100)"),
        "read by hand": ("over 104 models)",),
        "names of the recorded lists, and the sample of tests/unit/prices/link_sample.csv": (
            "Of the 11,329 names in the recorded lists",
            "5,554 are linked; 1,645 were before",
            "of Claude 4.5 91 %, Claude 4.6 90 %, GPT-5 83 %, GPT-5.4 95 %, GPT-5.6 89 %, gpt-oss 86 %, "
            "Gemini 2.5 76 %, Gemini 3.1 72 %, Qwen3.5 94 %, Kimi K2.5 87 %, GLM-4.7 86 %, MiniMax-M2.5 "
            "79 %, Grok 4 40 %",
            "In 240 names drawn by rule, family and list",
            "A second one of 230 names",
            "the last preview of Gemini 2.5 Pro",
            "180 of them sell a model of the facts",
            "newer than September 2026 are unlinked",
        ),
        "ends of a central 95 %": ("they are the 2.5 and 97.5 % points",),
        "`densing simulate price-nights` of other seeds and lengths, made once, and `cost.simulated_nights`": (
            "a server fails on 3 % of nights",
            "Of the year of seed 2, two of 365 days differ at one level (99.45 %)",
            "only the guess that this was a thousandth",
            "That happened on 8 of 120 nights of a shorter run of seed 2",
        ),
        "simulation, made once": (
            "gave .974 with eleven changes and .976 with twenty",
            "(correlations of .24)",
            "the last cell came to .971",
            "scatters by .44, and that of the estimates by .49",
            "covered the true rate 26 to 82 % of the time, blocks of weeks 23 to 85 %.",
            "intervals cover .83 to .94 of the random markets",
        ),
        "the papers compared with, and tests/unit/cost/test_comparisons.py": (
            "input share of 0.75 and MMLU scores",
            "finds that its economy tier halves in 1.10 years, its mid-tier in 1.55",
            "within 30 days. Unlike Epoch AI's",
            "recipes are 90 %, as theirs",
            "its own numbers, 42.0 for GPQA and GPT-4, 9.3 for MMLU and GPT-3.5 Turbo",
            "regression gives 9.03 (frontier) and 4.41 (all) for GPQA",
        ),
        "tests/unit/cost/test_halving_edges.py": (
            "found 22 months after the last one would make the GPT-3.5 level's 3.40 months 5.24",
        ),
        "the table beside it (`densing simulate --prices`)": (
            "Intervals cover .935 to .97 of every market, with exact",
        ),
        "the simulated markets (`cost.coverage`), and binomial standard errors": (
            "and coverage of the 95 % interval, of `record-events`",
            "and n changes (12,000 markets of 200 resamples; standard error of a coverage .002, in the 4,000 markets "
            "of the study before it .0034)",
            "w - g / (exp(g / w) - 1) days before the end",
            "counts as g / w / (1 - exp(-g / w)) of them",
            "standard error of a coverage about .015)",
            "of .5 (*regular*), 1 (*random*: cuts at random times by random factors), 1 and 1.4 (*as measured*, the",
            "1 and 2 (*few large falls*,",
            "vary too little by (n - 1) / n, and their spread is known with few degrees of freedom",
            "Without the rule on the fast end intervals cover .91 to .92 of the markets with few large falls",
            "in its place (.927 to .934) and beside it (.946 to .950, and ends 30-fold apart in place of 22-fold",
            "with exact dates are within .93 and .97",
        ),
        "recorded lists (tests/unit/prices/sources/test_recorded.py, tests/unit/cost/"
        "test_recorded_months.py)": (
            "(to 68 %, 67 % and 14 % in real months)",
            "(19 of OpenRouter from 2024-09, 29 of LiteLLM from 2023-11)",
            "the largest fall is to 91 %",
            "(wandb in 2026-10, from 15,000 to 0.03 USD: an error of unit)",
            "With the 48 recorded lists (`densing backfill`; OpenRouter 2024-09 to 2026-08, LiteLLM "
            "2023-11 to 2026-11,",
            "249 rises and 270 cuts of input prices",
            "2.6 months (0.6 to 10.6) at blend 0.75, 2.5 (0.6 to 7.7) for input alone; 7 and 8 dated changes",
            "Over all data 3.5 months (1.3 to 9.2), but the last record is 15 months old: the floor was "
            "0.0125 USD in September 2025 and is 0.0175 in November 2026, 1.40 times as much. Since 2025",
            "by -6.5 on known dates: entry of models -4.9, further offers of known models -3.5, exits "
            "+1.9, repricing 0:",
        ),
        "limits of tests/unit/cost/test_simulated_nights.py": (
            "to 99.5 % of days stated and 99 % equal",
        ),
        "measured by `make bench`": ("(0.1 to 0.3 s for 4,500 offers and 5 million rows;",),
    },
)

HUB = Page(
    constants=(
        "within {same_size:.1f} %, the parameters of a widely known model of another owner "
        "(`hub/known_sizes.csv`, {known_sizes} models)",
        "{pretraining_evidence.ENOUGH!w} make a base model, {pretraining_evidence.SOME!w} a doubtful one",
        "If the remaining difference exceeds {count_tolerance:.0f} %",
        "**Families.** {model_types} model types",
        "creation came from {release_date.AFTER_CREATION} days before the announcement (BLOOM 7B1) to "
        "{release_date.BEFORE_CREATION} days after (GPT-J, re-uploaded), so the window runs from "
        "creation - {release_date.BEFORE_CREATION} to creation + {release_date.AFTER_CREATION} days. "
        "{release_date.HUB_EPOCH} is the day",
        "at most {claim_files} of a model and {claim_file_kib} KiB each",
        "a card of {fewest_copied!w} or more results",
        "5,000 results ({claims_read} are read), an answer larger than {claims_mib} MiB",
    ),
    rest="recorded crawls and composed records: `densing recognition`, tests/unit/hub",
)

PAGES = {
    "README.md": README,
    "docs/statistics.md": STATISTICS,
    "docs/forecasts.md": FORECASTS,
    "docs/prices.md": PRICES,
    "docs/hub.md": HUB,
    "docs/api.md": Page(rest="worked examples, run as tests"),
    "docs/architecture.md": Page(rest="the design; models counted by the paper"),
    "docs/assistants.md": Page(rest="a worked example, with an address of its own"),
    "docs/data_dictionary.md": Page(rest="generated from tables/columns.py"),
    "docs/evaluation.md": Page(
        rest="estimates of cost, held by tests/unit/evaluation/test_queue.py"
    ),
    "docs/extending.md": Page(rest="worked examples"),
    "docs/glossary.md": Page(),
    "docs/operations.md": Page(rest="defaults of settings, and sizes measured by `make bench`"),
    "docs/past_prices.md": Page(
        rest="worked examples, and the rules held by tests/unit/past_prices"
    ),
    "docs/performance.md": Page(rest="measured by `make bench`"),
    "docs/reliability.md": Page(
        rest="bounds of faults, held by the tests it names; the quarter's figures from benchmarks/quarter"
    ),
    "docs/report.md": Page(rest="bounds held by tests/unit/publication/report"),
    "docs/releases.md": Page(rest="sizes of the code, held by tests/unit/publication"),
    "docs/reading.md": Page(rest="worked examples, run as tests"),
    "docs/sandbox.md": Page(
        rest="limits of the sandbox, held by its tests; times measured by them"
    ),
    "docs/scale.md": Page(rest="computed by benchmarks/capacity.py, held by tests/unit/docs"),
    "docs/scores.md": Page(rest="rules and bounds of score sources, held by their tests"),
    "docs/suite.md": Page(rest="the benchmarks as declared, held by tests/unit/evaluation/suite"),
}
"""Every written page."""
