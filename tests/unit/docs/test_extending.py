"""The examples of docs/extending.md do what the page says; each is built as it is printed there.

The benchmark is built in tests/unit/test_benchmarks.py, the price list polled in
tests/integration/test_new_price_list.py.
"""

import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from densing_pipeline.facts import reader, score_rules
from densing_pipeline.facts.tables import FACTS
from densing_pipeline.prices.sources.source import Source
from densing_pipeline.score_sources.source import ScoreSource
from densing_pipeline.tables import columns
from densing_pipeline.tables.published import SCORES
from densing_pipeline.tables.schemas import Table
from densing_pipeline.trends import estimators
from tests.conftest import one_row
from tests.examples import PAGE, example


def test_the_example_of_an_estimator_returns_a_known_growth() -> None:
    names = dict(vars(estimators))
    exec(example("above `_DECLARED`:"), names)  # noqa: S102
    (declared,) = eval(f"[{example('and in `_DECLARED`:')}]", names)  # noqa: S307
    assert declared.name not in estimators.TREND_ESTIMATORS
    days = np.arange(0.0, 100.0, 10)
    values = np.stack([np.where(days % 20 == 0, days, days - 1000)] * 2) * 0.006
    lines, count = declared.lines(days, values, np.ones((2, 10)), estimators.ALWAYS, np.arange(2))
    assert lines.slope == pytest.approx([0.006, 0.006])
    assert count.tolist() == [5, 5]


def test_the_example_of_a_price_list_reads_its_document_and_quarantines_a_bad_entry() -> None:
    names: dict[str, Any] = {}
    exec(example("`densing_pipeline/prices/sources/toy_prices.py`:"), names)  # noqa: S102
    source = names["SOURCE"]
    assert isinstance(source, Source)
    shown = example("In `DOCUMENTS` of `tests/servers/price_documents.py`:")
    ((name, document),) = eval(f"{{{shown}}}").items()  # noqa: S307
    assert name == source.name
    content = repr(document | {"odd": {"input": "call us"}}).replace("'", '"').encode()
    found = source.read(content, date(2026, 11, 1))
    assert found.quotes.select("model", "input_usd_per_mtok", "output_usd_per_mtok").rows() == [
        (f"m{n}", 1.0, 2.0) for n in range(4)
    ]
    assert found.quarantined["key"].to_list() == ["odd"]


def test_the_example_of_a_table_is_cast_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = re.split(
        r"^# ([\w/.]+).*$", example("Example: the number of scores of each model."), flags=re.M
    )
    by_file = dict(zip(parts[1::2], parts[2::2], strict=True))
    column = eval(f"{{{by_file['densing_pipeline/tables/columns.py']}}}", dict(vars(columns)))  # noqa: S307
    for name, declared in column.items():
        assert name not in columns.COLUMNS
        monkeypatch.setitem(columns.COLUMNS, name, declared)
    names: dict[str, Any] = {"Table": Table, "pl": pl}
    exec(by_file["densing_pipeline/tables/published.py"], names)  # noqa: S102
    exec(by_file["densing_pipeline/evaluation/score_counts.py"], names)  # noqa: S102
    table, count = names["SCORE_COUNTS"], names["score_counts"]
    score = one_row(SCORES)
    scores = pl.concat([score, score.with_columns(model_id=pl.lit("a first model")), score])
    assert table.validate(count(scores)).rows() == [("a first model", 1), ("a model_id", 2)]


def test_the_example_of_a_score_source_reads_its_document_and_quarantines_a_bad_row() -> None:
    names: dict[str, Any] = {}
    exec(example("`densing_pipeline/score_sources/sources/toy_board.py`:"), names)  # noqa: S102
    source = names["SOURCE"]
    assert isinstance(source, ScoreSource)
    assert f" {source.address_setting}:" in example("In `densing_pipeline/settings.py`:")
    found = source.read(b"model,mmlu\nlab/a,64.2\nlab/b,50\nlab/c,best\n", date(2026, 11, 1))
    assert found.reports.select("benchmark", "model", "score").rows() == [
        ("MMLU", "lab/a", 0.642),
        ("MMLU", "lab/b", 0.5),
    ]
    assert found.quarantined["key"].to_list() == ["lab/c"]


def test_the_example_of_a_reported_score_is_a_valid_row(tmp_path: Path) -> None:
    scores, documents = example("In `reported_scores.csv` and in `score_documents.csv`:").split(
        "\n\n"
    )
    (tmp_path / "reported_scores.csv").write_text(scores + "\n")
    (tmp_path / "score_documents.csv").write_text(documents)
    score = reader.read(tmp_path / "reported_scores.csv", FACTS["reported_scores"])
    document = reader.read(tmp_path / "score_documents.csv", FACTS["score_documents"])
    score_rules.check_scores(score)
    assert score["is_paper_protocol"].to_list() == [True]
    assert score["source_url"].to_list() == document["source_url"].to_list()


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:densing_pipeline|tests|assets|docs)/[\w/.]+)`", PAGE.read_text()))
    root = PAGE.parents[1]
    made_by_the_examples = {"sums.py", "toy_prices.py", "toy_board.py", "score_counts.py"}
    missing = [name for name in named if not (root / name).exists()]
    assert {name.rpartition("/")[2] for name in missing} <= made_by_the_examples
