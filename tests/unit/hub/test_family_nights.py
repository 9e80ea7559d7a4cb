"""Families are judged again whenever another member has been seen, from what has landed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from densing_pipeline.hub import models, observations
from densing_pipeline.hub.models import landed
from densing_pipeline.landing import LandingZone
from densing_pipeline.tables.published import MODELS
from tests.servers import hub as simulated
from tests.unit.hub.test_classify import CHATML

NIGHT = datetime(2026, 6, 2, 2, tzinfo=UTC)
CREATED = NIGHT - timedelta(days=1)
HANDED_DOWN = {"eos_token": "<|endoftext|>", "chat_template": CHATML}


@pytest.fixture
def zone(tmp_path):
    return LandingZone(tmp_path / "landing")


def repository(model_id: str, **changes: Any) -> dict[str, Any]:
    made = simulated.base_model(model_id, CREATED).record
    return {**made, **changes, "config": made["config"] | {"tokenizer_config": HANDED_DOWN}}


def night(zone: LandingZone, number: int, *records: dict[str, Any]) -> None:
    at = NIGHT + timedelta(days=number)
    page = json.dumps(list(records)).encode()
    zone.store(observations.PAGES, f"http://hub/api/models?night={number}", page, at, status=200)


def table(zone: LandingZone, tmp_path, fixed=frozenset()) -> dict[str, dict[str, Any]]:
    found, refused = landed(zone, tmp_path / "cache", set(fixed))
    rows, _ = models.models(MODELS.empty(), found, refused)
    return {row["model_id"]: row for row in rows.iter_rows(named=True)}


def test_a_base_model_is_sure_from_the_night_its_chat_model_appears(zone, tmp_path):
    night(zone, 0, repository("Qwen/Qwen9-7B"))
    assert table(zone, tmp_path)["Qwen/Qwen9-7B"]["is_doubtful"]
    stated = {"cardData": {"base_model": "Qwen/Qwen9-7B", "license": "apache-2.0"}}
    night(zone, 1, repository("Qwen/Qwen9-7B-Instruct", **stated))
    row = table(zone, tmp_path)["Qwen/Qwen9-7B"]
    assert (row["is_base"], row["is_doubtful"]) == (True, False)
    assert "Qwen/Qwen9-7B-Instruct states it as its parent" in row["base_evidence"]


def test_a_supposed_base_model_is_a_chat_model_from_the_night_its_base_appears(zone, tmp_path):
    night(zone, 0, repository("zai-org/GLM-9"))
    assert table(zone, tmp_path)["zai-org/GLM-9"]["is_base"]
    night(zone, 1, repository("THUDM/GLM-9-Base"))
    row = table(zone, tmp_path)["zai-org/GLM-9"]
    assert (row["is_base"], row["is_doubtful"]) == (False, False)
    assert "THUDM/GLM-9-Base" in row["base_evidence"]


def test_a_bundled_model_is_a_member_too(zone, tmp_path):
    night(zone, 0, repository("Qwen/Qwen9-7B"))
    row = table(zone, tmp_path, {"Qwen/Qwen9-7B-Base"})["Qwen/Qwen9-7B"]
    assert "beside Qwen/Qwen9-7B-Base" in row["base_evidence"]
    assert not row["is_base"]


def test_every_rejected_model_of_a_publisher_who_pretrains_has_a_row_and_a_reason(zone, tmp_path):
    rejected = {"config": {"architectures": ["BertForMaskedLM"], "model_type": "bert"}}
    night(
        zone,
        0,
        repository("Qwen/Qwen9-7B-Instruct"),
        repository("Qwen/Qwen9-7B-GGUF", siblings=[{"rfilename": "q.gguf"}]),
        repository("Qwen/Qwen9-Bert") | rejected,
        repository("someone/Bellows-7B-GGUF", siblings=[{"rfilename": "q.gguf"}]),
        repository("someone/Bellows-7B-Instruct"),
    )
    rows = table(zone, tmp_path)
    assert set(rows) == {"Qwen/Qwen9-7B-Instruct", "Qwen/Qwen9-7B-GGUF", "Qwen/Qwen9-Bert"}
    assert not any(row["is_base"] for row in rows.values())
    assert all(row["base_evidence"] for row in rows.values())


def test_a_chat_model_of_an_unknown_publisher_is_evidence_but_no_row(zone, tmp_path):
    silent = {"cardData": {}, "tags": ["transformers", "safetensors", "text-generation"]}
    night(zone, 0, repository("newlab/Nova-7B", **silent))
    assert table(zone, tmp_path)["newlab/Nova-7B"]["is_doubtful"]
    night(zone, 1, repository("newlab/Nova-7B-Chat"))
    rows = table(zone, tmp_path)
    assert set(rows) == {"newlab/Nova-7B"}
    assert not rows["newlab/Nova-7B"]["is_doubtful"]


def test_what_is_surely_rejected_is_not_requested_again(zone, tmp_path):
    from densing_pipeline.hub.poll import revisits_due

    night(zone, 0, repository("Qwen/Qwen9-7B-Instruct"), repository("Qwen/Qwen9-7B-Base"))
    found, _ = landed(zone, tmp_path / "cache", set())
    assert revisits_due(found, [], NIGHT + timedelta(days=3)) == ["Qwen/Qwen9-7B-Base"]
    wanted = revisits_due(found, ["Qwen/Qwen9-7B-Instruct"], NIGHT + timedelta(days=3))
    assert set(wanted) == {"Qwen/Qwen9-7B-Base", "Qwen/Qwen9-7B-Instruct"}
    assert found.filter(pl.col("relation") == "finetune").height == 1


def test_a_renamed_organisation_keeps_its_family_in_the_table():
    facts = {"params_source": "report", "organisation": "Zhipu", "family": "GLM"}
    bundled = pl.DataFrame([{"model_id": "THUDM/glm-4-9b", **facts}])
    known = models._publishers(bundled)
    for namespace in ("THUDM", "zai-org"):
        assert models._named(f"{namespace}/GLM-9", known) == ("GLM-9", "Zhipu", "GLM")
    assert models._named("someone/GLM-9", known) == ("GLM-9", "someone", "someone")
