"""Bad facts are refused with file, line, column and remedy; good ones are read as written."""

import csv
import io
from datetime import date
from pathlib import Path

import pytest

from densing_pipeline.facts import FOLDER, ladders, load
from densing_pipeline.facts.reader import read
from densing_pipeline.facts.tables import BASE_MODELS, REPORTED_SCORES
from densing_pipeline.tables.schemas import TableError

GOOD = {
    "model_id": "org/model-7b",
    "benchmark": "MMLU",
    "protocol": "5-shot acc",
    "is_paper_protocol": "true",
    "score": "0.71",
    "scored_by": "maker",
    "source_confidence": "high",
    "licence_basis": "fact",
    "source": "report, Table 2",
    "source_url": "https://example.org/report",
    "observed_at": "2026-11-23",
    "published_at": "",
}


def written(tmp_path: Path, *records: dict[str, str]) -> Path:
    """A CSV of reported scores with these records, all with the first one's columns."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(records[0])
    writer.writerows(record.values() for record in records)
    path = tmp_path / "reported_scores.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(TableError) as caught:
        read(path, REPORTED_SCORES)
    return str(caught.value)


def test_a_good_row_is_read_with_its_types(tmp_path: Path) -> None:
    [row] = read(written(tmp_path, GOOD), REPORTED_SCORES).to_dicts()
    assert row == GOOD | {
        "is_paper_protocol": True,
        "score": 0.71,
        "observed_at": date(2026, 11, 23),
        "published_at": None,
    }


@pytest.mark.parametrize(
    ("column", "text", "remedy"),
    [
        ("score", "71", "write 0.71 for 71 %"),
        ("score", "-0.1", "fractions in [0, 1]"),
        ("score", "71 %", "a finite number"),
        ("score", "nan", "a finite number"),
        ("score", "inf", "a finite number"),
        ("score", "", "may not be empty"),
        ("score", "  ", "may not be empty"),
        ("benchmark", "MMMU", "write the benchmark as MMLU, BBH"),
        ("observed_at", "20204-11-23", "write the date as YYYY-MM-DD"),
        ("observed_at", "2026-1-2", "write the date as YYYY-MM-DD"),
        ("observed_at", "2026-02-30", "write the date as YYYY-MM-DD"),
        ("observed_at", "0204-11-23", "between 2018 and 2100"),
        ("is_paper_protocol", "yes", "true or false"),
    ],
)
def test_a_bad_cell_is_named_with_its_remedy(
    tmp_path: Path, column: str, text: str, remedy: str
) -> None:
    other = GOOD | {"model_id": "org/other"}
    message = refusal(written(tmp_path, other, GOOD | {column: text}))
    assert message.startswith(f"reported_scores.csv, line 3, column {column}: ")
    assert remedy in message
    assert "\n" not in message


def test_a_negative_parameter_count_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "base_models.csv"
    lines = (FOLDER / path.name).read_text(encoding="utf-8").splitlines(keepends=True)[:2]
    total = next(csv.DictReader(lines))["params_total"]
    path.write_text("".join(lines).replace(f",{total},", f",-{total},", 1), encoding="utf-8")
    with pytest.raises(TableError, match=r"params_total: -.*counts above zero"):
        read(path, BASE_MODELS)


def test_a_duplicate_key_is_shown_with_both_lines(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, GOOD, GOOD | {"score": "0.72"}))
    assert "line 2" in message
    assert "line 3" in message
    assert "duplicate key (model_id = org/model-7b, benchmark = MMLU" in message
    assert "keep one of the rows" in message


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    message = refusal(
        written(tmp_path, GOOD | {"observed_at": "20204-11-23", "score": "71", "benchmark": "X"})
    )
    columns = {line.split("column ")[1].split(":")[0] for line in message.splitlines()}
    assert columns == {"observed_at", "score", "benchmark"}


def test_line_numbers_count_lines_inside_quoted_cells(tmp_path: Path) -> None:
    two_lines = GOOD | {"source": "a title over\ntwo lines"}
    message = refusal(written(tmp_path, two_lines, GOOD | {"benchmark": "BBH", "score": "71"}))
    assert message.startswith("reported_scores.csv, line 4, column score: ")


def test_missing_and_unknown_columns_are_named(tmp_path: Path) -> None:
    renamed = {("points" if name == "score" else name): text for name, text in GOOD.items()}
    message = refusal(written(tmp_path, renamed))
    assert "line 1, column score: the column is missing" in message
    assert "line 1, column 'points': the column is not part of the table" in message


def test_a_line_with_too_many_or_too_few_cells_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    row = path.read_text(encoding="utf-8").splitlines()[1]
    path.write_text(
        path.read_text(encoding="utf-8") + f"{row},one more\norg/short,MMLU\n\n", encoding="utf-8"
    )
    message = refusal(path)
    assert "line 3" in message
    assert "the line has 13 cells, the header 12" in message
    assert "line 4" in message
    assert "line 5" in message


def test_a_column_given_twice_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    path.write_text(
        "\n".join(f"{line},{line.split(',')[0]}" for line in path.read_text().splitlines())
    )
    assert "line 1, column model_id: the column appears twice" in refusal(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "reported_scores.csv: the file is empty; its first line is the header model_id,"),
        (b"model_id\norg/caf\xe9\n", "reported_scores.csv, line 2: not UTF-8"),
        (b'model_id\n"never closed\n', "reported_scores.csv, line 2: not CSV"),
    ],
)
def test_a_file_that_is_no_csv_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "reported_scores.csv"
    path.write_bytes(content)
    assert refusal(path).startswith(said)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone.csv").startswith("gone.csv: cannot be read: ")


def test_spreadsheet_habits_are_tolerated(tmp_path: Path) -> None:
    path = written(tmp_path, dict(reversed(GOOD.items())))
    text = path.read_text(encoding="utf-8").replace("0.71", " 0.71 ").replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    frame = read(path, REPORTED_SCORES)
    assert frame["score"].to_list() == [0.71]
    assert tuple(frame.columns) == REPORTED_SCORES.names


def test_a_ladder_names_commits_not_branches(tmp_path: Path) -> None:
    bundled = (FOLDER / "ladders.csv").read_text(encoding="utf-8")
    of = "densing-law,openbmb/DensingLaw-ScalingModels:s1,{},"
    assert of.format("") in bundled
    path = tmp_path / "ladders.csv"
    path.write_text(bundled.replace(of.format(""), of.format("main")), encoding="utf-8")
    with pytest.raises(TableError, match=r"s1: revision 'main' is no commit"):
        ladders(path)
    path.write_text(bundled.replace(of.format(""), of.format("0a" * 20)), encoding="utf-8")
    assert ladders(path).height == load("ladders").height
