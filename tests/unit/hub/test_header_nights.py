"""Nights at a Hub on loopback that fetch the headers of weights, and the tables after them."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from densing_pipeline.hub import client, tensor_headers
from densing_pipeline.hub.client import Hub
from tests.servers.hub import (
    FIRST_DAY,
    GOOD_TOKEN,
    Repo,
    base_model,
    finetune,
    llama_tensors,
    serving,
    with_weights,
    world,
)
from tests.servers.observatory import LIMITS as WITHOUT
from tests.servers.observatory import Observatory

pytestmark = pytest.mark.heavy

LIMITS = replace(WITHOUT, headers=50)
CREATED = FIRST_DAY + timedelta(hours=5)
LLAMA = base_model("lab/Nova", CREATED, hidden=64, layers=3).config or {}
TENSORS = llama_tensors(LLAMA)
TOTAL = 2 * 32000 * 64 + 3 * (4 * 64**2 + 3 * 64 * 192 + 2 * 64) + 64
NONEMBEDDING = TOTAL - 2 * 32000 * 64


@pytest.fixture
def observatory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Observatory]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(client, "LIMITS", replace(client.LIMITS, backoff_s=0.01))
    ordinary = world(per_day=5, days=12, history=30)
    with serving(ordinary) as endpoint:
        yield Observatory(tmp_path, ordinary, endpoint, LIMITS)


def planted(model_id: str, shapes: dict[str, tuple[int, ...]], **changes: Any) -> Repo:
    repo = base_model(model_id, CREATED, hidden=64, layers=3, **changes)
    return with_weights(repo, shapes) if shapes else repo


def row(observatory: Observatory, model_id: str) -> dict[str, Any]:
    found = observatory.tables()[0]
    return dict(found.row(by_predicate=pl.col("model_id") == model_id, named=True))


def asked(observatory: Observatory) -> list[str]:
    """Files of weights that were asked for since the last call."""
    paths = [path for path in observatory.world.log if ".safetensors" in path]
    observatory.world.log.clear()
    return paths


def test_a_base_model_is_counted_from_its_tensors_and_asked_for_once(
    observatory: Observatory,
) -> None:
    observatory.world.repos += [
        planted("lab/Nova", TENSORS),
        planted("lab/Plain", {}),
        with_weights(finetune("user/Nova-Instruct", CREATED, "lab/Nova"), TENSORS),
    ]
    assert observatory.night(0).outcome == "ok"
    found = row(observatory, "lab/Nova")
    assert (found["params_source"], found["params_total"]) == ("tensors", TOTAL)
    assert (found["params_nonembedding"], found["params_active"]) == (NONEMBEDDING, TOTAL)
    assert row(observatory, "lab/Plain")["params_source"] == "config"
    paths = asked(observatory)
    # The index and two files; of the other the index and two names; none of the finetune.
    assert sum("/lab/Nova/" in path for path in paths) == 3
    assert sum("/lab/Plain/" in path for path in paths) == 3
    assert not any("user/" in path for path in paths)
    assert observatory.night(1).outcome == "ok"
    assert not any("/lab/Nova/" in path for path in asked(observatory))


def test_a_family_without_a_formula_gets_its_parts_from_tensors(observatory: Observatory) -> None:
    experts = {
        f"model.layers.{layer}.mlp.experts.{expert}.{name}.weight": (16, 64)
        for layer in range(3)
        for expert in range(8)
        for name in ("gate_proj", "up_proj")
    }
    shapes = {name: shape for name, shape in TENSORS.items() if ".mlp." not in name} | experts
    repo = planted("arcee-ai/Trinity-Nano-Base", shapes)
    config = {**LLAMA, "model_type": "afmoe", "architectures": ["AfmoeForCausalLM"]}
    repo.config = config | {"num_experts": 8, "num_experts_per_tok": 2}
    extract = repo.record["config"] | {key: config[key] for key in ("model_type", "architectures")}
    total = TOTAL - 3 * 3 * 64 * 192 + 48 * 16 * 64
    stored = {"parameters": {"BF16": total}, "total": total}
    repo.record |= {"config": extract, "safetensors": stored}
    observatory.world.repos += [repo]
    observatory.limits = WITHOUT
    observatory.night(0)
    before = row(observatory, "arcee-ai/Trinity-Nano-Base")
    assert (before["params_total"], before["params_source"]) == (total, "safetensors")
    assert before["params_active"] is before["params_active_nonembedding"] is None
    observatory.limits = LIMITS
    observatory.night(1)
    found = row(observatory, "arcee-ai/Trinity-Nano-Base")
    assert (found["params_source"], found["params_total"], found["is_moe"]) == (
        "tensors",
        total,
        True,
    )
    assert found["params_nonembedding"] == total - 2 * 32000 * 64
    assert found["params_active"] == total - 3 * 6 * 2 * 16 * 64
    assert found["params_active_nonembedding"] == found["params_active"] - 2 * 32000 * 64


def test_tensors_and_formula_that_disagree_go_to_the_quarantine_with_both_numbers(
    observatory: Observatory,
) -> None:
    without = {name: shape for name, shape in TENSORS.items() if ".layers.2." not in name}
    lacking = TOTAL - (4 * 64**2 + 3 * 64 * 192 + 2 * 64)
    # The Hub's own count has the layer: only the tensors show that it is missing.
    observatory.world.repos += [planted("lab/Nova", without | {"lm_head.weight": (16000, 64)})]
    lacking -= 16000 * 64
    observatory.night(0)
    found = row(observatory, "lab/Nova")
    assert found["params_total"] is found["params_source"] is found["params_nonembedding"] is None
    quarantined = observatory.tables()[1].row(
        by_predicate=pl.col("model_id") == "lab/Nova", named=True
    )
    assert quarantined["params_from_config"] == TOTAL
    assert quarantined["params_from_safetensors"] == lacking
    assert str(TOTAL) in quarantined["reason"]
    assert str(lacking) in quarantined["reason"]


def test_newest_first_and_no_more_than_the_limit_a_night(observatory: Observatory) -> None:
    for day in range(3):
        repo = base_model(f"lab/Nova-{day}", CREATED + timedelta(days=day), hidden=64, layers=3)
        observatory.world.repos.append(with_weights(repo, TENSORS))
    observatory.limits = replace(LIMITS, headers=1)
    order = []
    for night in range(2, 6):
        observatory.night(night)
        order.append({path.split("/")[2] for path in asked(observatory)})
    # All are seen on the first of these nights; of one instant, the first by name.
    assert order == [{"Nova-0"}, {"Nova-1"}, {"Nova-2"}, set()]
    observatory.limits = WITHOUT
    observatory.world.repos.append(
        with_weights(base_model("lab/Nova-9", CREATED + timedelta(days=5)), TENSORS)
    )
    observatory.night(6)
    assert asked(observatory) == []


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_model_that_fails_costs_only_itself_and_keeps_its_other_count(
    observatory: Observatory, status: int
) -> None:
    observatory.world.repos += [planted("lab/Ash", TENSORS), planted("lab/Oak", TENSORS)]
    observatory.world.faults = lambda path: (
        (status, {}, b"no") if "/lab/Ash/" in path and ".safetensors" in path else None
    )
    assert observatory.night(0).outcome == "ok"
    assert row(observatory, "lab/Oak")["params_source"] == "tensors"
    ash = row(observatory, "lab/Ash")
    assert (ash["params_source"], ash["params_total"]) == ("config", TOTAL)
    # Twenty hours later it is asked for again, then after two days.
    observatory.world.faults = lambda path: None
    asked(observatory)
    observatory.night(1)
    assert row(observatory, "lab/Ash")["params_source"] == "tensors"


def test_a_gate_is_no_failure_and_headers_behind_it_are_read_with_access(
    observatory: Observatory,
) -> None:
    observatory.world.repos += [planted("lab/Nova", TENSORS, gated="manual")]
    assert observatory.night(0).outcome == "ok"
    assert asked(observatory) == []
    observatory.night(8, Hub(observatory.endpoint, GOOD_TOKEN))
    assert len(asked(observatory)) == 3
    assert row(observatory, "lab/Nova")["params_source"] == "tensors"


def test_a_hub_that_wants_fewer_requests_is_asked_no_more_that_night(
    observatory: Observatory,
) -> None:
    observatory.world.repos += [planted(f"lab/Nova-{n}", TENSORS) for n in range(4)]
    headers = {"Retry-After": "0"}
    observatory.world.faults = lambda path: (
        (429, headers, b"slow down") if ".safetensors" in path else None
    )
    night = observatory.night(0)
    assert "HTTP 429" in night.message
    assert len({path.split("/")[2] for path in asked(observatory)}) == 1
    assert tensor_headers.fetched(observatory.zone).is_empty()


def test_tables_are_the_same_when_the_cache_is_lost(observatory: Observatory) -> None:
    observatory.world.repos += [planted("lab/Nova", TENSORS), planted("lab/Oak", {})]
    observatory.night(0)
    before = observatory.tables()
    shutil.rmtree(observatory.cache)
    after = observatory.tables()
    assert before[0].equals(after[0])
    assert before[1].equals(after[1])
