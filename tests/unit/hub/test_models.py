"""What becomes of a record of the Hub in `models` and `model_quarantine`."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.hub import bundled, records
from densing_pipeline.hub.models import COUNTS, SOURCE, current, models, refused
from densing_pipeline.hub.observations import OBSERVED
from densing_pipeline.hub.repositories import repositories
from densing_pipeline.tables.published import MODEL_QUARANTINE, MODELS
from tests.servers.hub import base_model, llama

SEEN_AT = datetime(2026, 6, 2, 2, tzinfo=UTC)
CREATED = datetime(2026, 6, 1, tzinfo=UTC)
BUNDLED = "Qwen/Qwen2.5-0.5B"


@pytest.fixture(scope="module")
def ours():
    return bundled.models(facts.load("base_models"), facts.load("nmi_models"))


def tables(ours, *rows):
    """The two tables of these readings of the Hub, all seen at once."""
    seen = pl.DataFrame([row | {"observed_at": SEEN_AT} for row in rows], schema=OBSERVED)
    found = repositories(seen, set(ours["model_id"])).with_columns(
        readable=pl.lit(None, pl.Boolean)
    )
    table, quarantine = models(ours, found, seen.filter(pl.col("refused").is_not_null()))
    return MODELS.validate(table), MODEL_QUARANTINE.validate(quarantine)


def reading(model_id="newlab/Nova-1B", *, whole_config=True, **changes):
    repo = base_model(model_id, CREATED, **changes)
    return records.read(repo.record, repo.config if whole_config else None)


def of(table, model_id):
    return table.row(by_predicate=pl.col("model_id") == model_id, named=True)


def test_without_the_hub_there_are_the_facts_alone(ours):
    table, quarantine = tables(ours)
    assert table.equals(ours)
    assert quarantine.is_empty()


def test_a_new_model_has_what_its_record_and_configuration_say(ours):
    row = of(tables(ours, reading())[0], "newlab/Nova-1B")
    assert row["params_total"] == llama(1024, 16)[1]
    assert row["params_nonembedding"] == row["params_total"] - 2 * 32000 * 1024
    assert (row["is_base"], row["licence"], row["gated"]) == (True, "apache-2.0", "no")
    assert row["release_date"] == date(2026, 6, 1)
    assert row["release_date_basis"] == "created_at"
    assert row["release_earliest"] < row["release_date"] < row["release_latest"]
    assert (row["first_seen_at"], row["source"]) == (SEEN_AT, SOURCE)


def test_an_unknown_publisher_is_one_family_and_a_known_one_keeps_its_own(ours):
    table, _ = tables(ours, reading(), reading("Qwen/Qwen9-1B"))
    assert of(table, "newlab/Nova-1B")["family"] == "newlab"
    known, new = of(table, BUNDLED), of(table, "Qwen/Qwen9-1B")
    assert (new["organisation"], new["family"]) == (known["organisation"], known["family"])


def test_what_the_facts_say_of_a_model_wins_and_the_hub_adds_the_rest(ours):
    table, _ = tables(ours, reading(BUNDLED, gated="manual"))
    before, after = of(ours, BUNDLED), of(table, BUNDLED)
    for name in (*COUNTS, "release_date", "release_date_basis", "family", "source"):
        assert after[name] == before[name], name
    assert after["gated"] == "manual"
    assert after["hub_created_at"] == CREATED
    assert len(after["revision"]) == 40
    assert table.height == ours.height


def test_counts_more_than_five_percent_apart_go_to_quarantine_with_both(ours):
    claimed = {"parameters": {"BF16": 333_312}, "total": 333_312}
    table, quarantine = tables(ours, reading(safetensors=claimed))
    row = of(table, "newlab/Nova-1B")
    assert [row[name] for name in COUNTS] == [None] * len(COUNTS)
    assert row["params_source"] is None
    held = quarantine.row(0, named=True)
    assert held["params_from_safetensors"] == 333_312
    assert held["params_from_config"] == llama(1024, 16)[1]
    assert held["reason"]


def test_a_date_from_the_future_keeps_a_model_out_but_not_unseen(ours):
    row = reading() | {"created_at": SEEN_AT + timedelta(days=400)}
    table, quarantine = tables(ours, row)
    assert "newlab/Nova-1B" not in table["model_id"]
    assert "future" in quarantine["reason"].item()


def test_what_breaks_the_declaration_is_held_back_alone(ours):
    bad = reading("newlab/bad") | {"params_active": 10**12}
    table, quarantine = tables(ours, bad, reading())
    assert "newlab/Nova-1B" in table["model_id"]
    assert "params_active" in quarantine["reason"].item()


def test_a_refused_record_is_held_with_its_first_observation(ours):
    _, quarantine = tables(ours, records.read({"id": "a/../b"}), records.read(["no record"]))
    assert set(quarantine["model_id"]) == {"a/../b", "(no id)"}


@pytest.mark.parametrize(("days_later", "is_held"), [(-1, True), (1, False)])
def test_a_refused_record_is_held_until_one_of_its_model_can_be_read(days_later, is_held):
    bad = records.refusal("newlab/Nova-1B", "a number of 80 bits")
    rows = [
        bad | {"observed_at": SEEN_AT},
        reading() | {"observed_at": SEEN_AT + timedelta(days=days_later)},
        reading("newlab/Other-1B") | {"observed_at": SEEN_AT + timedelta(days=1)},
    ]
    seen = pl.DataFrame(rows, schema=OBSERVED)
    assert refused(seen)["refused"].to_list() == (["a number of 80 bits"] if is_held else [])


def test_of_replaced_weights_only_the_present_ones_are_current(ours):
    old = reading()
    new = reading(layers=20) | {"revision": "b" * 40, "weights": "other"}
    rows = [old | {"created_at": CREATED - timedelta(days=1)}, new]
    seen = pl.DataFrame(
        [row | {"observed_at": SEEN_AT + timedelta(days=n)} for n, row in enumerate(rows)],
        schema=OBSERVED,
    )
    found = repositories(seen).with_columns(readable=pl.lit(None, pl.Boolean))
    table, _ = models(ours, found, seen.clear())
    assert table.filter(pl.col("model_id") == "newlab/Nova-1B").height == 2
    assert of(current(table), "newlab/Nova-1B")["params_total"] == llama(1024, 20)[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {}},
        {"config": []},
        {"cardData": {"base_model": ["a/b", "c/d"]}},
        {"cardData": "none"},
        {"siblings": "none"},
        {"tags": None},
        {"tags": [1, None]},
        {"safetensors": {"parameters": {"BF16": -5}, "total": -5}},
        {"safetensors": {"parameters": "many"}},
        {"createdAt": "yesterday"},
        {"createdAt": None},
        {"gated": {"what": "else"}},
        {"sha": 7},
    ],
)
def test_odd_records_make_a_row_with_a_verdict_or_a_reason_and_never_a_bad_number(ours, changes):
    table, quarantine = tables(ours, reading(whole_config=False, **changes), reading("lab/good"))
    assert "lab/good" in table["model_id"]
    assert "newlab/Nova-1B" in [*table["model_id"], *quarantine["model_id"]]
    counts = (
        table.filter(pl.col("model_id") == "newlab/Nova-1B").select(COUNTS).row(0)
        if ("newlab/Nova-1B" in table["model_id"])
        else ()
    )
    assert all(count is None or count > 0 for count in counts)


def test_what_has_no_weights_yet_is_remembered_but_no_model(ours):
    nothing = reading(whole_config=False, siblings=[None, 3, {}])
    assert nothing["awaits"] == "likely"
    table, quarantine = tables(ours, nothing)
    assert "newlab/Nova-1B" not in [*table["model_id"], *quarantine["model_id"]]
