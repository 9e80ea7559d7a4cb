"""What became of the base models of known publishers, by month."""

from datetime import UTC, date, datetime

import dagster as dg
import polars as pl
import pytest

from densing_pipeline.hub.recall import MOST_NAMED, recall
from densing_pipeline.hub.repositories import REPOSITORIES
from densing_pipeline.orchestration.checks import publishers_models_known
from densing_pipeline.tables.published import BASE_MODEL_RECALL, EVALUATION_QUEUE, MODELS

SEEN_AT = datetime(2026, 6, 20, tzinfo=UTC)


def model(model_id: str, released: date = date(2026, 6, 3), **changes: object) -> dict[str, object]:
    return {
        "model_id": model_id,
        "revision": "a" * 40,
        "model": model_id.partition("/")[2],
        "organisation": "an organisation",
        "family": "a family",
        "release_date": released,
        "release_date_basis": "created_at",
        "is_moe": False,
        "is_base": True,
        "base_evidence": "says so",
        "source": "huggingface-hub",
        "params_source": "config",
    } | changes


def queued(model_id: str, state: str, reason: str = "a reason") -> dict[str, object]:
    return {
        "model_id": model_id,
        "revision": "a" * 40,
        "state": state,
        "reason": reason,
        "priority": 1,
        "attempts": 0,
        "updated_at": SEEN_AT,
    }


def repository(model_id: str, **changes: object) -> dict[str, object]:
    row = dict.fromkeys(REPOSITORIES) | {
        "model_id": model_id,
        "hub_state": "present",
        "is_base": True,
        "is_doubtful": False,
        "first_seen_at": SEEN_AT,
    }
    return row | changes


def table(
    models: list[dict[str, object]],
    queue: list[dict[str, object]],
    found: list[dict[str, object]] | None = None,
    unread: dict[str, datetime] | None = None,
) -> pl.DataFrame:
    return BASE_MODEL_RECALL.validate(
        recall(
            MODELS.cast(pl.DataFrame(models, infer_schema_length=None)),
            EVALUATION_QUEUE.cast(pl.DataFrame(queue, infer_schema_length=None)),
            pl.DataFrame(found or [], schema=REPOSITORIES),
            unread or {},
        )
    )


STATES = ["queued", "running", "done", "blocked", "failed", "excluded"]


def test_base_models_are_counted_by_publisher_month_and_state() -> None:
    names = [f"Qwen/Qwen9-{state}" for state in STATES]
    models = [*map(model, names), model("Qwen/Qwen8", date(2026, 5, 31))]
    queue = [
        *(queued(name, state, f"is {state}") for name, state in zip(names, STATES, strict=True)),
        queued("Qwen/Qwen8", "done"),
    ]
    may, june = table(models, queue).to_dicts()
    assert (may["publisher"], may["month"], may["n_seen"]) == ("qwen", date(2026, 5, 1), 1)
    assert (june["month"], june["n_seen"]) == (date(2026, 6, 1), 6)
    counts = [
        june[f"n_{name}"] for name in ("queued", "evaluated", "blocked", "excluded", "absent")
    ]
    assert counts == [2, 1, 2, 1, 0]
    assert june["blocked"] == "Qwen/Qwen9-blocked: is blocked; Qwen/Qwen9-failed: is failed"
    assert june["absent"] is None


def test_only_base_models_of_known_publishers_count_and_doubtful_ones() -> None:
    models = [
        model("Qwen/Qwen9-Chat", is_base=False),
        model("Qwen/Qwen9-odd", is_base=False, is_doubtful=True),
        model("Qwen/Qwen9-old", hub_state="replaced"),
        model("somebody/Nova"),
        model("nmi-2025/a label", params_source="figure"),
    ]
    row = table(models, [queued("Qwen/Qwen9-odd", "blocked")]).row(0, named=True)
    assert (row["publisher"], row["n_seen"], row["n_blocked"]) == ("qwen", 1, 1)


def test_an_organisation_that_was_renamed_is_one_publisher() -> None:
    models = [model("THUDM/glm-9"), model("zai-org/GLM-10")]
    row = table(models, [queued("THUDM/glm-9", "done")]).row(0, named=True)
    assert (row["publisher"], row["n_seen"]) == ("zai-org", 2)


def test_many_blocked_models_are_named_up_to_a_number() -> None:
    names = [f"Qwen/Qwen9-{n:02d}" for n in range(MOST_NAMED + 3)]
    row = table([*map(model, names)], [queued(name, "blocked") for name in names]).row(
        0, named=True
    )
    assert row["n_blocked"] == MOST_NAMED + 3
    assert row["blocked"].endswith("Qwen/Qwen9-09: a reason; and 3 more")


@pytest.mark.parametrize(
    ("changes", "is_absent"),
    [
        ({}, True),
        ({"is_base": False, "is_doubtful": True}, True),
        ({"hub_state": "renamed"}, True),
        ({"hub_state": "gone"}, False),
        ({"hub_state": "replaced"}, False),
        ({"is_base": False}, False),
        ({"awaits": "likely"}, False),
        ({"model_id": "somebody/Nova"}, False),
        ({"model_id": "Qwen/Qwen9"}, False),
    ],
)
def test_models_on_the_hub_that_are_in_no_table_are_absent(
    changes: dict[str, object], is_absent: bool
) -> None:
    held = queued("Qwen/Qwen10", "blocked", "in quarantine: an impossible date")
    found = [repository(**{"model_id": "Qwen/Qwen10"} | changes)]  # type: ignore[arg-type]
    row = table([model("Qwen/Qwen9")], [held], found).row(0, named=True)
    assert row["n_absent"] == is_absent
    told = "Qwen/Qwen10: in quarantine: an impossible date" if is_absent else None
    assert row["absent"] == told


def test_repositories_that_could_not_be_read_are_absent_until_they_are() -> None:
    unread = {"Qwen/Qwen9": SEEN_AT, "Qwen/Qwen10": SEEN_AT}
    row = table([model("Qwen/Qwen9")], [queued("Qwen/Qwen9", "done")], [], unread).row(
        0, named=True
    )
    assert (row["n_seen"], row["n_absent"]) == (1, 1)
    assert row["absent"] == "Qwen/Qwen10: its record could not be read"


def check(recalled: pl.DataFrame) -> dg.AssetCheckResult:
    result = publishers_models_known(recalled)
    assert isinstance(result, dg.AssetCheckResult)
    return result


def test_the_check_warns_of_a_publisher_that_has_released_before() -> None:
    unread = {"Qwen/Qwen10": datetime(2026, 7, 1, tzinfo=UTC)}
    warned = check(table([model("Qwen/Qwen9")], [queued("Qwen/Qwen9", "done")], [], unread))
    assert not warned.passed
    assert warned.severity == dg.AssetCheckSeverity.WARN
    assert "Qwen/Qwen10" in str(warned.metadata["qwen, 2026-07"].value)
    assert check(table([model("Qwen/Qwen9")], [queued("Qwen/Qwen9", "done")])).passed
    other = {"google/gemma-9": SEEN_AT}
    assert check(table([model("Qwen/Qwen9")], [queued("Qwen/Qwen9", "done")], [], other)).passed


def test_without_models_there_is_an_empty_table() -> None:
    assert table([model("somebody/Nova")], [queued("somebody/Nova", "done")]).is_empty()
