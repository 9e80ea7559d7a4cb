"""Only whole evaluations become scores, and whatever is wrong with a folder is said, not raised."""

import fcntl
import json
import os
import random
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.density.score_sets import score_sets
from densing_pipeline.evaluation import folder_format, measured_tables, sampling, suite
from densing_pipeline.files import file_sha256
from densing_pipeline.tables.published import EVAL_ITEMS, EVALUATIONS, SCORES
from tests.evaluations import REVISION, SIZES, items, write

pytestmark = pytest.mark.heavy


def read(root, limit=None):
    evaluations, kept = measured_tables.read(root, suite.SUITE, limit)
    return EVALUATIONS.validate(evaluations), EVAL_ITEMS.validate(kept)


def scored(root, limit=None):
    return SCORES.validate(measured_tables.scores(*read(root, limit), suite.SUITE, limit))


def only(root):
    evaluations, kept = read(root)
    return evaluations.row(0, named=True), kept


def test_a_whole_evaluation_becomes_five_scores_with_their_provenance(tmp_path):
    write(tmp_path)
    scores = scored(tmp_path)
    assert dict(scores.select("benchmark", "n_items").iter_rows()) == SIZES
    assert scores["revision"].unique().to_list() == [REVISION]
    assert scores["observed_at"].unique().to_list() == [date(2026, 11, 20)]
    assert scores["is_paper_protocol"].all()
    assert scores["is_in_force"].all()
    assert scores["protocol"].str.contains(suite.version()).all()
    row, _ = only(tmp_path)
    assert (row["state"], row["device"], row["dtype"]) == ("done", "H100", "bfloat16")
    assert row["seconds"] == 1400.5
    assert row["finished_at"] == datetime(2026, 11, 20, 1, 24, tzinfo=UTC)


def write_samples(root, asked, **provenance):
    """An evaluation by samples: MMLU of three subjects, of which one counts as much as the others together."""
    version = suite.version(sample_error=0.15)
    told = {f"sampled {name}": asked if name == "MMLU" else SIZES[name] for name in AVERAGED}
    path = write(root, suite_version=version, provenance=told | provenance)
    sampled = items("MMLU", asked).with_columns(
        subject=pl.when(pl.int_range(asked) < asked // 2).then(pl.lit("large")).otherwise(pl.lit("small")),
        item_weight=pl.when(pl.int_range(asked) < asked // 2).then(3 * 14042 / 4 / (asked // 2))
        .otherwise(14042 / 4 / (asked // 2)),
    )  # fmt: skip
    sampled.write_parquet(path / "MMLU.parquet")
    return path


@pytest.mark.parametrize("right", [0, 9, 10])
def test_the_error_of_a_sample_is_that_of_the_estimate(tmp_path, right):
    path = write_samples(tmp_path, 1000)
    sampled = pl.read_parquet(path / "MMLU.parquet").with_columns(
        score=(pl.int_range(1000) < right).cast(pl.Float64)
    )
    sampled.write_parquet(path / "MMLU.parquet")
    row = scored(tmp_path).row(by_predicate=pl.col("benchmark") == "MMLU", named=True)
    sizes = {"large": 3 * 14042 / 4, "small": 14042 / 4}
    found = sampling.estimate(sampled["score"], sampled["subject"].to_list(), sizes)
    assert row["sampling_error"] == pytest.approx(found.error)
    assert found.error > 0


def test_the_score_of_a_sample_is_weighted_and_marked(tmp_path):
    write_samples(tmp_path, 1000)
    evaluations, kept = read(tmp_path)
    assert evaluations["state"].to_list() == ["done"]
    mmlu = scored(tmp_path).row(by_predicate=pl.col("benchmark") == "MMLU", named=True)
    parts = (
        kept.filter(benchmark="MMLU")
        .group_by("subject")
        .agg(pl.col("score").mean(), pl.col("score").var().alias("v"))
    )
    means = dict(parts.select("subject", "score").iter_rows())
    assert mmlu["score"] == pytest.approx(0.75 * means["large"] + 0.25 * means["small"])
    assert (mmlu["source_kind"], mmlu["n_items"], mmlu["sampled_from"]) == ("sampled", 1000, 14042)
    variances = dict(parts.select("subject", "v").iter_rows())
    expected = sum(
        share**2 * (1 - 500 / (share * 14042)) * variances[name] / 500
        for name, share in (("large", 0.75), ("small", 0.25))
    )
    assert mmlu["sampling_error"] == pytest.approx(expected**0.5)
    assert mmlu["is_paper_protocol"]
    whole = scored(tmp_path).row(by_predicate=pl.col("benchmark") == "BBH", named=True)
    assert (whole["source_kind"], whole["sampled_from"], whole["sampling_error"]) == (
        "measured",
        None,
        None,
    )


def test_a_sample_counts_only_where_nothing_was_measured_whole(tmp_path):
    write_samples(tmp_path, 1000)
    sampled = score_sets(scored(tmp_path))
    kinds = dict(sampled.select("score_set", "score_source_kind").iter_rows())
    assert (kinds["mmlu"], kinds["bbh"], kinds["average"]) == ("sampled", "measured", "mixed")
    write(tmp_path, share=0.9)
    both = score_sets(scored(tmp_path))
    assert set(both["score_source_kind"]) == {"measured"}
    assert both.filter(score_set="mmlu")["score"].item() == pytest.approx(0.9, abs=0.01)


def test_a_sample_with_fewer_items_than_its_provenance_says_is_not_whole(tmp_path):
    write_samples(tmp_path, 1000, **{"sampled MMLU": 1100})
    row, _ = only(tmp_path)
    assert (row["state"], row["reason"]) == ("failed", "MMLU: 1000 of 1100 items")


@pytest.mark.parametrize(("share", "is_marked"), [(0.19, False), (0.21, True)])
def test_a_model_that_answers_as_in_a_chat_is_marked(tmp_path, share, is_marked):
    path = write(tmp_path)
    chat = pl.int_range(SIZES["BBH"]) < share * SIZES["BBH"]
    answers = items("BBH", SIZES["BBH"]).with_columns(
        response=pl.when(chat)
        .then(pl.lit("<think>It may be"))
        .otherwise(pl.lit("So the answer is"))
    )
    answers.write_parquet(path / "BBH.parquet")
    bbh = scored(tmp_path).row(by_predicate=pl.col("benchmark") == "BBH", named=True)
    assert bbh["n_role_starts"] == pytest.approx(share * SIZES["BBH"], abs=1)
    assert bbh["is_chat_formatted"] is is_marked
    row, _ = only(tmp_path)
    assert row["state"] == "done"
    assert (
        f"BBH: {share:.0%} of the answers begin with a think or role token" in row["reason"]
    ) is is_marked


def test_no_folder_no_rows(tmp_path):
    assert scored(tmp_path / "absent").is_empty()


def test_the_error_of_a_score_is_clustered_by_subject(tmp_path):
    path = write(tmp_path, benchmarks=())
    for name in AVERAGED:
        items(name, SIZES[name]).write_parquet(path / f"{name}.parquet")
    # Whole subjects right or wrong: 57 throws of a coin, not 14,042.
    coarse = items("MMLU", SIZES["MMLU"]).with_columns(
        score=(pl.col("subject").str.extract(r"(\d+)").cast(pl.Int64) % 2).cast(pl.Float64)
    )
    coarse.write_parquet(path / "MMLU.parquet")
    errors = dict(scored(tmp_path).select("benchmark", "std_error").iter_rows())
    assert errors["MMLU"] == pytest.approx(0.5 / np.sqrt(56), rel=0.02)
    assert errors["MBPP"] == pytest.approx(0.5 / np.sqrt(499), rel=1e-3)


def test_a_clustered_error_is_that_of_resampled_subjects(tmp_path):
    rng = np.random.default_rng(1)
    path = write(tmp_path)
    rate = np.repeat(rng.beta(2, 2, 57), 250)[: SIZES["MMLU"]]
    frame = items("MMLU", SIZES["MMLU"]).with_columns(
        subject=pl.Series(np.repeat(np.arange(57), 250)[: SIZES["MMLU"]]).cast(pl.String),
        score=pl.Series((rng.random(SIZES["MMLU"]) < rate).astype(float)),
    )
    frame.write_parquet(path / "MMLU.parquet")
    found = scored(tmp_path).filter(benchmark="MMLU")["std_error"].item()
    sums = frame.group_by("subject").agg(pl.col("score").sum(), n=pl.len())
    draws = rng.integers(0, sums.height, (4000, sums.height))
    means = sums["score"].to_numpy()[draws].sum(1) / sums["n"].to_numpy()[draws].sum(1)
    assert found == pytest.approx(means.std(), rel=0.1)


def test_subjects_that_agree_do_not_make_a_score_surer_than_its_items(tmp_path):
    write(tmp_path)
    row = scored(tmp_path).filter(benchmark="MMLU").row(0, named=True)
    assert row["std_error"] == pytest.approx(0.5 / np.sqrt(14042), rel=0.01)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_agreement_of_all_items_is_not_certainty(tmp_path, share):
    write(tmp_path, share=share)
    assert (scored(tmp_path)["std_error"] > 0).all()


def test_a_folder_without_outcome_is_never_read(tmp_path):
    (write(tmp_path) / folder_format.OUTCOME).unlink()
    row, kept = only(tmp_path)
    assert kept.is_empty()
    assert (row["state"], row["is_resumable"]) == ("failed", True)
    assert "broke off" in row["reason"]
    assert row["finished_at"] is None


@pytest.mark.parametrize("state", ["failed", "blocked"])
def test_an_evaluation_that_did_not_succeed_gives_no_scores(tmp_path, state):
    write(tmp_path, state=state, reason="no tokenizer in the repository", resumable=False)
    row, kept = only(tmp_path)
    assert (row["state"], row["reason"]) == (state, "no tokenizer in the repository")
    assert not row["is_resumable"]
    assert kept.is_empty()


def test_while_its_job_lives_an_evaluation_is_running(tmp_path):
    path = write(tmp_path)
    with (path / folder_format.LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        row, kept = only(tmp_path)
        assert (row["state"], kept.height) == ("running", 0)
    assert only(tmp_path)[0]["state"] == "done", "the kernel drops the lock with the process"


def test_a_damaged_file_costs_itself_alone_and_is_named(tmp_path):
    path = write(tmp_path)
    (path / "BBH.parquet").write_bytes(b"PAR1 and then nothing of the kind")
    write(tmp_path, "lab/other")
    evaluations, kept = read(tmp_path)
    row = evaluations.filter(model_id="lab/model").row(0, named=True)
    assert (row["state"], row["is_resumable"]) == ("failed", True)
    assert "BBH.parquet: damaged" in row["reason"]
    ours = kept.filter(model_id="lab/model")["benchmark"].unique()
    assert set(ours) == set(AVERAGED) - {"BBH"}
    assert evaluations.filter(model_id="lab/other")["state"].item() == "done"


def test_no_damage_to_a_file_ends_the_night(tmp_path):
    """Cut, flipped, emptied, in every place: a row with a reason, or the items as they were."""
    path = write(tmp_path, limit=40, benchmarks=("MATH",))
    whole, items_of_whole = (path / "MATH.parquet").read_bytes(), read(tmp_path, 40)[1]
    assert items_of_whole.height == 40
    rng = random.Random(5)  # noqa: S311
    for _ in range(60):
        bad = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        (path / "MATH.parquet").write_bytes(bad[: rng.choice([len(bad), rng.randrange(len(bad))])])
        evaluations, kept = read(tmp_path, 40)
        if "MATH.parquet" in evaluations["reason"].item():
            assert kept.is_empty()
        else:
            assert kept.equals(items_of_whole)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"score": pl.lit(1.5)}, "score: 1.5 is not allowed"),
        ({"score": pl.lit(float("nan"))}, "score"),
        ({"item_id": pl.lit("the same")}, "duplicate key"),
        ({"benchmark": pl.lit("MMLU")}, "no items of this benchmark"),
        ({"prompt_tokens": pl.lit("many")}, "does not fit"),
        ({"prompt_tokens": pl.lit(-3)}, "prompt_tokens"),
    ],
)
def test_items_that_cannot_be_right_are_refused_with_the_reason(tmp_path, change, told):
    path = write(tmp_path)
    items("MBPP", SIZES["MBPP"]).with_columns(**change).write_parquet(path / "MBPP.parquet")
    row, kept = only(tmp_path)
    assert row["state"] == "failed"
    assert "MBPP" in row["reason"]
    assert told in row["reason"]
    assert "MBPP" not in kept["benchmark"]


def test_a_part_of_a_benchmark_is_no_score(tmp_path):
    path = write(tmp_path)
    items("MMLU", 20).write_parquet(path / "MMLU.parquet")
    row, kept = only(tmp_path)
    assert row["state"] == "failed"
    assert "MMLU: 20 of 14042 items" in row["reason"]
    assert "MMLU" not in scored(tmp_path)["benchmark"]
    assert "MMLU" not in kept["benchmark"]


def test_trials_and_whole_evaluations_are_never_mixed(tmp_path):
    write(tmp_path, limit=20, share=0.1)
    write(tmp_path)
    assert set(scored(tmp_path)["n_items"]) == set(SIZES.values())
    trial = scored(tmp_path, limit=20)
    assert set(trial["n_items"]) == {20}
    assert trial["protocol"].str.contains("first 20 items").all()
    assert read(tmp_path)[0]["item_limit"].to_list() == [20, None]


def test_a_trial_that_broke_off_is_none_of_the_whole_evaluation(tmp_path):
    (write(tmp_path, limit=20) / folder_format.OUTCOME).unlink()
    (
        tmp_path / "lab--model" / REVISION / f"{suite.version()}-first-20" / "provenance.json"
    ).unlink()
    write(tmp_path)
    states = dict(read(tmp_path)[0].select("item_limit", "state").iter_rows())
    assert states == {None: "done", 20: "failed"}


def test_the_same_evaluation_in_two_folders_is_read_once(tmp_path):
    trial = write(tmp_path, limit=20)
    trial.rename(trial.with_name(suite.version()))
    write(tmp_path, limit=20)
    row = read(tmp_path, 20)[0].row(0, named=True)
    assert (row["state"], row["item_limit"]) == ("done", 20)
    assert "the same once more" in row["reason"]
    assert scored(tmp_path, 20).height == 5


def test_bytes_that_are_not_those_written_are_refused_unread(tmp_path):
    """A flipped bit can pass the reader unnoticed, or end the process that reads."""
    path = write(tmp_path)
    files = {f"{name}.parquet": file_sha256(path / f"{name}.parquet") for name in AVERAGED}
    write(tmp_path, files=files)
    assert only(tmp_path)[0]["state"] == "done"
    whole = bytearray((path / "MATH.parquet").read_bytes())
    whole[len(whole) // 2] ^= 1
    (path / "MATH.parquet").write_bytes(whole)
    row, kept = only(tmp_path)
    assert (row["state"], row["is_resumable"]) == ("failed", True)
    assert "MATH.parquet: damaged (not the bytes that were written)" in row["reason"]
    assert set(kept["benchmark"]) == set(AVERAGED) - {"MATH"}


def test_scores_of_another_suite_version_enter_nothing(tmp_path):
    write(tmp_path, suite_version="0123456789ab", share=0.9)
    old = scored(tmp_path)
    assert old.height == 5
    assert not old["is_paper_protocol"].any()
    assert not old["is_in_force"].any()
    assert score_sets(old).is_empty()
    write(tmp_path, share=0.3)
    both = scored(tmp_path)
    assert both.height == 10
    average = score_sets(both).filter(score_set="average")["score"].item()
    assert average == pytest.approx(0.3, abs=0.01)


def test_a_few_failed_items_count_as_wrong_and_many_leave_no_score(tmp_path):
    path = write(tmp_path, share=1.0)

    def failing(share):
        is_failed = pl.int_range(pl.len()) < share * SIZES["MBPP"]
        items("MBPP", SIZES["MBPP"], 1.0).with_columns(
            score=pl.when(~is_failed).then("score"),
            answer_nll_nats_per_token=None,
            failed_reason=pl.when(is_failed).then(pl.lit("no sandbox")),
        ).write_parquet(path / "MBPP.parquet")

    failing(0.01)
    row = scored(tmp_path).filter(benchmark="MBPP").row(0, named=True)
    assert (row["score"], row["n_failed"]) == (0.99, 5)
    failing(0.012)
    assert "MBPP" not in scored(tmp_path)["benchmark"], "6 of 500 are more than one in a hundred"
    failing(1.0)
    assert "MBPP" not in scored(tmp_path)["benchmark"]
    assert "500 of 500 items failed, most as: no sandbox" in only(tmp_path)[0]["reason"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"state": "splendid"}', b"[" * 100_000])
def test_an_unreadable_outcome_is_not_believed(tmp_path, damage):
    (write(tmp_path) / folder_format.OUTCOME).write_bytes(damage)
    row, kept = only(tmp_path)
    assert row["state"] == "failed"
    assert "outcome.json is not to be trusted" in row["reason"]
    assert kept.is_empty()


@pytest.mark.parametrize(
    "provenance", [{"model_id": "lab/other"}, {"revision": "b" * 40}, {"suite_version": "other"}]
)
def test_a_folder_that_holds_another_models_scores_gives_none(tmp_path, provenance):
    write(tmp_path, provenance=provenance)
    row, kept = only(tmp_path)
    assert row["state"] == "failed"
    assert "of another" in row["reason"]
    assert kept.is_empty()


def test_impossible_provenance_is_left_empty(tmp_path):
    odd = {"seconds": float("inf"), "tensor_parallel": "two", "prompt_tokens": 10**30, "dtype": 7}
    write(tmp_path, provenance=odd, finished_at="0001-01-01T00:00:00", started_at=[])
    row, _ = only(tmp_path)
    assert (row["seconds"], row["tensor_parallel"], row["prompt_tokens"]) == (None, None, None)
    assert row["dtype"] == "7"
    assert row["finished_at"].year >= 2026, "the time the file was written"


def test_attempts_are_counted_even_if_nobody_lived_to_tell(tmp_path):
    path = write(tmp_path)
    (path / folder_format.OUTCOME).unlink()
    asked = {"attempt": 2, "requested_revision": "main", "started_at": "2026-11-20T01:00:00Z"}
    folder_format.write_json(path / folder_format.REQUEST, asked)
    row, _ = only(tmp_path)
    assert (row["attempts"], row["requested_revision"]) == (2, "main")
    assert row["started_at"] == datetime(2026, 11, 20, 1, tzinfo=UTC)
    assert json.loads((path / folder_format.REQUEST).read_text()) == asked


def test_stray_files_and_folders_are_passed_over(tmp_path):
    path = write(tmp_path)
    (tmp_path / "lab--model" / "note.txt").write_text("hello")
    (tmp_path / ".trash" / "a" / "b").mkdir(parents=True)
    (path / "notes.parquet").write_bytes(b"x")
    (path / "MMLU-CF.parquet").mkdir()
    row, _ = only(tmp_path)
    assert row["state"] == "done"
    assert "notes.parquet: no benchmark of this name" in row["reason"]
    assert read(tmp_path)[0].height == 1


@pytest.mark.parametrize(
    ("told", "column", "expected"),
    [
        ({"reason": "half a character: \ud800"}, "reason", "half a character: ?"),
        ({"provenance": {"device": "\udfff"}}, "device", "?"),
        ({"provenance": {"seconds": 10**400}}, "seconds", None),
    ],
)
def test_values_that_no_table_holds_do_not_take_it_with_them(tmp_path, told, column, expected):
    write(tmp_path, state="failed", **told)
    row, _ = only(tmp_path)
    assert row[column] == expected


def test_a_clock_that_was_not_set_gives_no_time(tmp_path):
    path = write(tmp_path, finished_at="1970-01-01T00:00:00+00:00")
    os.utime(path / folder_format.OUTCOME, (0, 0))
    row, _ = only(tmp_path)
    assert (row["state"], row["finished_at"]) == ("done", None)


def test_evaluations_of_another_suite_keep_their_own_sizes(tmp_path):
    path = write(tmp_path, suite_version="earlier")
    items("MBPP", 427).write_parquet(path / "MBPP.parquet")
    row, kept = only(tmp_path)
    assert row["state"] == "done"
    assert kept.filter(pl.col("benchmark") == "MBPP").height == 427
