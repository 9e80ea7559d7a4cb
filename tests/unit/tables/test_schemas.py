"""A table accepts what its declaration says and names everything else."""

from datetime import date

import polars as pl
import pytest

from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.facts.tables import FACTS
from densing_pipeline.tables.columns import COLUMNS
from densing_pipeline.tables.published import DENSING_LAW, DESCRIBED, SCORES
from densing_pipeline.tables.schemas import TableError

ALL_TABLES = [*DESCRIBED.values(), *FACTS.values()]


def scores(**changes: object) -> pl.DataFrame:
    row: dict[str, object] = {
        "model_id": "org/model",
        "benchmark": "MMLU",
        "protocol": "5-shot acc",
        "is_paper_protocol": True,
        "score": 0.71,
        "source_kind": "reported",
        "source": "report",
        "observed_at": date(2026, 1, 1),
    }
    return pl.DataFrame([row | changes])


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda t: t.name)
def test_every_declaration_is_consistent(table):
    assert set(table.names) <= set(COLUMNS)
    assert set(table.key) <= set(table.names)
    assert len(set(table.names)) == len(table.names)
    assert table.validate(table.empty()).is_empty()


def test_every_column_is_used_and_described():
    used = {name for table in ALL_TABLES for name in table.names}
    assert used == set(COLUMNS), "declare a column together with the first table that has it"
    assert all(column.description.endswith(".") for column in COLUMNS.values())


@pytest.mark.parametrize("name", [n for n in COLUMNS if COLUMNS[n].dtype == pl.Float64])
def test_every_number_has_a_unit(name):
    assert COLUMNS[name].unit


def test_absent_optional_columns_become_null():
    cast = SCORES.cast(scores())
    assert cast.columns == list(SCORES.names)
    assert cast["std_error"].to_list() == [None]


def test_rows_are_sorted_by_key():
    frame = pl.concat([scores(benchmark=b) for b in AVERAGED])
    assert SCORES.cast(frame)["benchmark"].to_list() == sorted(AVERAGED)


@pytest.mark.parametrize(
    ("change", "column", "remedy"),
    [
        ({"score": 71.0}, "score", "write 0.71 for 71 %"),
        ({"score": float("nan")}, "score", "write 0.71 for 71 %"),
        ({"benchmark": "GLUE"}, "benchmark", "MMLU, BBH, MATH, HumanEval, MBPP"),
        ({"observed_at": date(2204, 1, 1)}, "observed_at", "YYYY-MM-DD"),
        ({"model_id": None}, "model_id", "missing"),
    ],
)
def test_a_bad_cell_is_named_with_its_remedy(change, column, remedy):
    with pytest.raises(TableError) as error:
        SCORES.validate(SCORES.cast(pl.concat([scores(model_id="a/good"), scores(**change)])))
    message = str(error.value)
    assert message.startswith("scores, row 1, ")
    assert column in message
    assert remedy in message
    assert message.count("\n") == 0, "only the bad cell is reported"


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        ("score", 0.0, -1e-9),
        ("score", 1.0, float("inf")),
        ("std_error", None, float("nan")),
        ("n_items", 1, -1),
        ("protocol", "", None),
        ("benchmark", AVERAGED[0], AVERAGED[0].lower()),
        ("observed_at", date(2018, 1, 1), date(2017, 12, 31)),
        ("observed_at", date(2100, 1, 1), date(2100, 1, 2)),
    ],
)
def test_the_edges_of_a_domain(column, good, bad):
    assert SCORES.violations(SCORES.cast(scores(**{column: good}))) == []
    ((row, found, _),) = SCORES.violations(SCORES.cast(scores(**{column: bad})))
    assert (row, found) == (0, column)


def test_a_valid_frame_is_not_shown_to_pandera(monkeypatch):
    """It takes thirty times as long as the question whether anything is wrong."""
    monkeypatch.delitem(SCORES.__dict__, "pandera_schema", raising=False)
    SCORES.validate(SCORES.cast(scores()))
    assert "pandera_schema" not in SCORES.__dict__
    assert SCORES.violations(SCORES.cast(scores()).reverse().select(reversed(SCORES.names)))


def test_a_duplicate_key_is_refused():
    with pytest.raises(TableError, match="duplicate key"):
        SCORES.validate(SCORES.cast(pl.concat([scores(), scores(score=0.5)])))


def test_a_query_is_judged_as_its_rows_are():
    good, twice = SCORES.cast(scores()), SCORES.cast(pl.concat([scores(), scores(score=0.5)]))
    assert SCORES.validate(good.lazy()).collect().equals(good)
    assert SCORES.violations(twice.lazy()) == SCORES.violations(twice) != []
    bad = good.with_columns(score=pl.lit(71.0))
    assert SCORES.violations(bad.lazy()) == SCORES.violations(bad) != []


def test_keys_whose_hashes_are_equal_are_compared(monkeypatch):
    two = SCORES.cast(pl.concat([scores(), scores(source="another")]))
    own = pl.Expr.hash
    monkeypatch.setattr(pl.Expr, "hash", lambda self: own(self) * 0)
    assert SCORES.violations(two) == []


def test_null_counts_as_a_key_value():
    frame = SCORES.cast(pl.concat([scores(), scores(source="another")]))
    assert SCORES.validate(frame).height == 2


def test_an_interval_must_not_be_reversed():
    row = dict.fromkeys(DENSING_LAW.names) | {
        "estimate_id": "x", "as_of": date(2026, 1, 1), "reference_id": "nmi-2025",
        "score_set": "mmlu", "params_basis": "total", "window": "all",
        "window_start": date(2023, 1, 1), "window_end": date(2024, 1, 1), "estimator": "paper",
        "is_headline": False, "verdict": "ok", "reason": "", "n_models": 3, "n_clusters": 3,
        "n_points": 3, "slope_low": 0.2, "slope_high": 0.1, "draws": 100, "seed": 1,
    }  # fmt: skip
    with pytest.raises(TableError, match="slope_low <= slope_high"):
        DENSING_LAW.validate(DENSING_LAW.cast(pl.DataFrame([row], infer_schema_length=None)))


def test_missing_and_undeclared_columns_are_named():
    with pytest.raises(TableError, match=r"missing column score.*undeclared column points"):
        SCORES.cast(scores().rename({"score": "points"}))


def test_a_value_of_another_type_is_refused():
    with pytest.raises(TableError, match="does not fit its column's type"):
        SCORES.cast(scores(score="high"))


def test_long_lists_of_violations_are_counted():
    frame = pl.concat([scores(source=str(i), score=2.0) for i in range(50)])
    with pytest.raises(TableError, match="and 30 more"):
        SCORES.validate(SCORES.cast(frame))
