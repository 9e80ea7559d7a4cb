"""Epoch AI's archive: what is read of it, and what a bad member costs."""

import csv
import io
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.score_sources.parsed import ParsedReports
from densing_pipeline.score_sources.sources import SOURCES
from tests.unit.score_sources.epoch import MMLU, archive, members, revised

DAY = date(2026, 3, 12)
Members = dict[str, bytes]


def read(found: Members) -> ParsedReports:
    return SOURCES["epoch-benchmarks"].read(archive(found), DAY)


def replaced(member: str, old: bytes, new: bytes) -> Callable[[Members], Members]:
    """Members of which one has other text."""

    def change(found: Members) -> Members:
        assert old in found[member]
        return found | {member: found[member].replace(old, new)}

    return change


def test_a_good_archive_is_read_row_by_row() -> None:
    found = read(members())
    assert found.failed == {}
    assert found.left_out == {"benchmarks without a file": 1}
    assert dict(found.reports.group_by("benchmark_name").len().iter_rows()) == {
        "MMLU": 25, "BBH": 10, "MATH level 5": 5, "Aider polyglot": 2,
    }  # fmt: skip
    row = found.reports.row(by_predicate=(pl.col("entry") == "rec1e9rTGH12ziqp2"), named=True)
    assert row == {
        "source": "epoch-benchmarks",
        "benchmark_name": "MMLU",
        "benchmark": "MMLU",
        "model": "Qwen2.5-72B",
        "display_name": "Qwen2.5 72B Base",
        "entry": "rec1e9rTGH12ziqp2",
        "score": 0.85,
        "std_error": None,
        "n_items": None,
        "protocol": "5-shot EM",
        "organisation": "Alibaba",
        "release_date": date(2024, 9, 19),
        "run_date": None,
        "cost_usd": None,
        "cost_name": None,
        "cited": "DeepSeek-V3 Technical Report",
        "source_url": "https://arxiv.org/pdf/2412.19437",
        "licence_basis": "CC-BY-4.0",
        "part": MMLU,
        "is_group": False,
    }


def test_percentages_become_fractions_by_the_declared_scale_and_costs_are_kept() -> None:
    rows = read(members()).reports.filter(benchmark_name="Aider polyglot").sort("model")
    assert rows.select("score", "cost_usd", "cost_name").rows() == [
        (0.551, 1.12, "Cost"), (0.88, 29.08, "Cost"),
    ]  # fmt: skip


def test_epochs_own_runs_have_a_standard_error() -> None:
    rows = read(members()).reports.filter(model="gpt-4o-2024-05-13")
    assert rows.select("score", "std_error", "cited").row(0) == (
        0.5104796072507553, 0.01120841984218505, "Epoch AI's own run",
    )  # fmt: skip


def test_a_model_named_only_for_display_is_told_apart() -> None:
    rows = read(members()).reports.filter(pl.col("is_group"))
    assert rows["model"].sort().to_list() == ["OLMo (7B)", "Qwen1.5 (72B)"]


BAD: dict[str, tuple[Callable[[Members], Members], str, str]] = {
    "a renamed column": (
        replaced(MMLU, b"Model version,EM,", b"Model version,Exact match,"), MMLU,
        "has no column 'EM' (columns: Model version, Exact match,",
    ),
    "a column twice": (
        replaced(MMLU, b"Model version,EM,", b"Model version,EM,EM,"), MMLU,
        "has more than one column 'EM'",
    ),
    "no member": (
        lambda found: {k: v for k, v in found.items() if k != MMLU}, MMLU, "no such member",
    ),
    "no rows": (lambda found: found | {MMLU: b"Model version,EM\n"}, MMLU, "has no rows"),
    "an empty member": (lambda found: found | {MMLU: b""}, MMLU, "has no column 'Model version'"),
    "not UTF-8": (replaced(MMLU, b"falcon-7b", b"falc\xf3n-7b"), MMLU, "not UTF-8 (byte "),
    "a huge cell": (
        replaced(MMLU, b"GPT-4 Technical Report", b"x" * 200_000), MMLU, "field larger than",
    ),
    "a quote that is never closed": (
        replaced(MMLU, b"GPT-4 Technical Report", b'"GPT-4'), MMLU, "expected after",
    ),
    "too many cells in most rows": (
        replaced(MMLU, b",rec", b",1,2,3,rec"), MMLU,
        "25 of 25 rows cannot be read (first: line 2 has 14 cells, the header 11)",
    ),
    "no rows but a damaged one": (
        lambda found: found | {MMLU: b"Model version,EM\nfalcon-7b\n"}, MMLU,
        "1 of 1 rows cannot be read (first: line 2 has 1 cells, the header 2)",
    ),
    "another unit": (
        lambda found: found | {MMLU: _in_percent(found[MMLU])}, MMLU,
        "rows cannot be read (first: a fraction is between 0 and 1)",
    ),
    "no scale": (
        replaced("benchmark_metadata.csv", b"EM,1.0,", b"EM,all,"), MMLU,
        "gives the scale 'all': not a number",
    ),
    "a scale of a hundred": (
        replaced("benchmark_metadata.csv", b"EM,1.0,", b"EM,100,"), MMLU,
        "more than 0, at most 1 is expected",
    ),
    **{
        f"the scale {scale}": (
            replaced("benchmark_metadata.csv", b"EM,1.0,", f"EM,{scale},".encode()), MMLU, reason
        )
        for scale, reason in {
            "NaN": "more than 0, at most 1 is expected",
            "-sNaN": "more than 0, at most 1 is expected",
            "Infinity": "more than 0, at most 1 is expected",
            "-inf": "more than 0, at most 1 is expected",
            "-1": "more than 0, at most 1 is expected",
            "0": "more than 0, at most 1 is expected",
            "": "not a number",
        }.items()
    },
    "a benchmark whose row is too short": (
        replaced("benchmark_metadata.csv", b"\nMMLU,True,mmlu_external.csv,", b"\nMMLU,"), MMLU,
        "no row of benchmark_metadata.csv names it, and one cannot be read",
    ),
    "one file for two benchmarks": (
        replaced("benchmark_metadata.csv", b"bbh_external.csv", MMLU.encode()), MMLU,
        "names it for 2 benchmarks",
    ),
    "a benchmark without a name": (
        replaced("benchmark_metadata.csv", b"\nMMLU,", b"\n,"), MMLU, "no name for the benchmark",
    ),
    "an absolute path": (
        lambda found: found | {"/etc/passwd.csv": b"x"}, "/etc/passwd.csv", "an absolute path",
    ),
    "a path that climbs": (
        lambda found: found | {"../../evil.csv": b"x"}, "../../evil.csv", "leaves the archive",
    ),
    "an archive within": (
        lambda found: found | {"more.zip": archive(found)}, "more.zip", "an archive within",
    ),
}  # fmt: skip


def _in_percent(content: bytes) -> bytes:
    """The same scores as percentages, which the list of benchmarks does not say."""
    lines = content.decode().splitlines()
    rows = list(csv.reader(lines))
    return "\n".join(
        ",".join(["Model version,EM"] if row is rows[0] else [row[0], str(100 * float(row[1]))])
        for row in rows
        if row[:1] != [""] and len(row) > 1
    ).encode()


@pytest.mark.parametrize("case", BAD)
def test_a_bad_member_costs_only_itself_and_is_named(case: str) -> None:
    change, part, reason = BAD[case]
    found = read(change(members()))
    assert list(found.failed) == [part]
    assert reason in found.failed[part]
    assert any(f"{part}: " in remark for remark in found.remarks)
    good = set(read(members()).reports["benchmark_name"])
    lost = {"MMLU"} if part == MMLU else set()
    if case == "one file for two benchmarks":
        lost = {"MMLU", "BBH"}
    assert set(found.reports["benchmark_name"]) == good - lost


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"gpt-4-0314,0.864,", b"gpt-4-0314,86.4,", "a fraction is between 0 and 1"),
        (b"gpt-4-0314,0.864,", b"gpt-4-0314,-0.1,", "a fraction is between 0 and 1"),
        (b"gpt-4-0314,0.864,", b"gpt-4-0314,nan,", "not a finite number"),
        (b"gpt-4-0314,0.864,", b"gpt-4-0314,1e999999,", "not a finite number"),
        (b"gpt-4-0314,0.864,", b"gpt-4-0314,good,", "not a number"),
        (b"gpt-4-0314,0.864,2023-03-14,OpenAI,2.1e+25,GPT-4 (initial release),",
         b",0.864,,,,,", "a row without a model"),
        (b"gpt-4-0314", b"x" * 300, "a name of 300 characters: 200 at most"),
        (b"recP6zUYu6rVqvynx", b"recZxu6DjE1qtZ1S3", None),
        (b"recZxu6DjE1qtZ1S3", b"rec,1,2,3", "line 2 has 14 cells, the header 11"),
        (b"http://arxiv.org/abs/2407.14885,,recZxu6DjE1qtZ1S3", b"",
         "line 2 has 9 cells, the header 11"),
    ],
)  # fmt: skip
def test_a_bad_row_costs_only_itself(old: bytes, new: bytes, reason: str | None) -> None:
    found = read(replaced(MMLU, old, new)(members()))
    assert found.failed == {}
    assert found.quarantined["reason"].to_list() == ([reason] if reason else [])
    rows = found.reports.filter(benchmark_name="MMLU")
    assert rows.height == (24 if reason else 25), "another model may share the identifier of a row"


def test_two_values_of_one_row_are_not_both_taken() -> None:
    same = b"falcon-7b,0.262,2023-04-24,Technology Innovation Institute,6.3e+22,Falcon 7B,5,Qwen"
    changed = replaced(MMLU, b"recCqMLHKTiaKiBA0", b"recWf7mxbT8We02eo")(members())
    found = read(changed)
    assert same in members()[MMLU]
    assert found.quarantined["reason"].to_list() == ["a second row of one key, with other values"]
    backwards = read(changed | {MMLU: _backwards(changed[MMLU])})
    assert backwards.reports.equals(found.reports), "the same one stays, wherever it stands"


def _backwards(content: bytes) -> bytes:
    """A CSV document with its rows in reverse order."""
    head, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
    written = io.StringIO()
    csv.writer(written).writerows([head, *reversed(rows)])
    return written.getvalue().encode()


def test_damaged_rows_of_the_list_of_benchmarks_keep_what_the_others_name() -> None:
    row = b"MMLU,True,mmlu_external.csv,EM,1.0,0.25,1.0,2020-09-07,"
    for damaged in (b"MMLU", row + b",", row[:-1]):
        found = read(replaced("benchmark_metadata.csv", row, damaged)(members()))
        assert set(found.reports["benchmark_name"]) == {"BBH", "MATH level 5", "Aider polyglot"}
        assert list(found.failed) == [MMLU], "what is known of it stays"
        assert found.quarantined["reason"].str.contains("cells, the header 9").to_list() == [True]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda found: {k: v for k, v in found.items() if k != "benchmark_metadata.csv"},
         "benchmark_metadata.csv: no such member"),
        (lambda found: found | {"benchmark_metadata.csv": b"benchmark,file\nMMLU,m.csv\n"},
         "benchmark_metadata.csv: has no column 'source_file'"),
        (lambda found: {"benchmark_metadata.csv": found["benchmark_metadata.csv"]},
         "no such member in the archive"),
    ],
)  # fmt: skip
def test_an_archive_without_its_list_or_without_files_is_refused(
    change: Callable[[Members], Members], reason: str
) -> None:
    with pytest.raises(SnapshotError) as error:
        read(change(members()))
    assert reason in str(error.value)


def test_files_that_the_list_does_not_name_are_counted() -> None:
    found = read(members() | {"new_benchmark.csv": b"Model version,Score\na,1\n", "notes.txt": b""})
    assert found.left_out["files that benchmark_metadata.csv does not name"] == 1


def test_versions_belong_to_models_and_a_row_without_one_costs_only_itself() -> None:
    found = SOURCES["epoch-versions"].read(archive(members()), DAY)
    assert found.quarantined.select("key", "reason").rows() == [("Orphan", "a row without a model")]
    assert found.reports.select("model", "model_group", "training_flop").sort("model").rows() == [
        ("Qwen2.5-72B", "Qwen2.5-72B", 7.8e24),
        ("falcon-7b", "Falcon 7B", 6.3e22),
        ("gpt-5-2025-08-07_high", "GPT-5", 6.6e25),
    ]


def test_the_revision_for_the_tests_differs_as_it_says() -> None:
    before, after = read(members()).reports, read(revised()).reports
    gone = before.join(after, on=before.columns, how="anti", nulls_equal=True)
    new = after.join(before, on=before.columns, how="anti", nulls_equal=True)
    assert set(gone["entry"]) == {"reci0A7hEp1NCjbaL", "recP6zUYu6rVqvynx"}
    assert set(new["entry"]) == {"recP6zUYu6rVqvynx", "recNew"}


@pytest.mark.shared
def test_every_recorded_score_is_read(recorded: Path) -> None:
    columns = {
        "arc_ai2_external.csv": "Challenge score",
        "bbh_external.csv": "Average",
        "gsm8k_external.csv": "EM",
        "hella_swag_external.csv": "Overall accuracy",
        "math_level_5.csv": "mean_score",
        "mmlu_external.csv": "EM",
        "trivia_qa_external.csv": "EM",
        "wino_grande_external.csv": "Accuracy",
    }
    files = sorted((recorded / "epoch" / "hub_2026-03").glob("*.csv"))
    listed = "\n".join(f"{f.stem},{f.name},{columns[f.name]},1.0" for f in files)
    metadata = f"benchmark,source_file,score_column,scale\n{listed}\n".encode()
    found = read({f.name: f.read_bytes() for f in files} | {"benchmark_metadata.csv": metadata})
    scores = {
        f.stem: sum(
            bool(row[columns[f.name]])
            for row in csv.DictReader(io.StringIO(f.read_text(), newline=""))
        )
        for f in files
    }
    assert found.failed == {}
    assert found.rows_quarantined == 0
    assert dict(found.reports.group_by("benchmark_name").len().iter_rows()) == scores
