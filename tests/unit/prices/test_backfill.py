"""Snapshots of past days are judged as polls are: losses expire, a change of unit stays refused until it is borne out."""

import json
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest

from densing_pipeline.landing import LandingZone
from densing_pipeline.prices.backfill import Dated, land
from densing_pipeline.prices.snapshots import last_good

START = date(2025, 1, 1)
NAMES = [f"maker/m{n}" for n in range(40)]
SMALL = NAMES[:10]


def openrouter(names, price=1.0):
    """An OpenRouter list of models at one price in USD per million tokens."""
    one = f"{price / 1e6:.12f}"
    models = [{"id": name, "pricing": {"prompt": one, "completion": one}} for name in names]
    return json.dumps({"data": models}).encode()


def litellm(names, price):
    """A LiteLLM list of the same models at another seller's."""
    entry = {
        "litellm_provider": "host",
        "mode": "chat",
        "input_cost_per_token": price / 1e6,
        "output_cost_per_token": price / 1e6,
    }
    return json.dumps(dict.fromkeys(names, entry)).encode()


def on(day: int, content: bytes, source: str = "openrouter") -> Dated:
    return Dated(source, START + timedelta(days=day), "test", partial(bytes, content))


def outcomes(folder: Path, *snapshots: Dated, **accepted) -> list[str]:
    return [result.outcome for result in land(LandingZone(folder), snapshots, **accepted)]


def test_a_list_that_stays_small_for_three_looks_is_taken_with_a_remark(tmp_path):
    small = [on(day, openrouter(SMALL)) for day in (1, 2, 3)]
    results = list(land(LandingZone(tmp_path), [on(0, openrouter(NAMES)), *small]))
    assert [result.outcome for result in results] == ["ok", "rejected", "rejected", "ok"]
    assert "the same for 3 nights, so it is taken although" in results[-1].message
    assert "offers left by kind: standard 10 of 40" in results[-1].message
    assert last_good(LandingZone(tmp_path), "openrouter").parsed.rows == len(SMALL)


def test_looks_of_other_shapes_and_of_before_the_last_good_list_do_not_add_up(tmp_path):
    whole, small, other = openrouter(NAMES), openrouter(SMALL), openrouter(NAMES[20:24])
    lists = (whole, small, other, small, whole, small, small)
    found = outcomes(tmp_path, *(on(day, content) for day, content in enumerate(lists)))
    assert found == ["ok", *["rejected"] * 3, "unchanged", *["rejected"] * 2]


def test_looks_of_a_later_backfill_do_not_count_for_an_earlier_day(tmp_path):
    whole, small = openrouter(NAMES), openrouter(SMALL)
    assert outcomes(tmp_path, on(0, whole), on(20, small), on(21, small)) == [
        "ok", "rejected", "rejected",
    ]  # fmt: skip
    assert outcomes(tmp_path, on(10, small)) == ["rejected"]


@pytest.mark.parametrize("position", [1, 3])
def test_a_change_of_unit_stays_refused_until_another_list_of_that_day_bears_it_out(
    tmp_path, position
):
    """The other list may stand after it in the order of names, or have been read days before."""
    scaled = openrouter(NAMES, 0.002)
    looks = [on(0, openrouter(NAMES, 2.0)), *(on(day, scaled) for day in (1, 2, 3, 4, 5))]
    assert outcomes(tmp_path / "alone", *looks) == ["ok", *["rejected"] * 5]
    name = "litellm" if position == 1 else "models-dev"
    if name == "litellm":
        looks.insert(4, on(4, litellm(NAMES, 0.003), "litellm"))
    else:
        looks.insert(5, on(4, models_dev(NAMES, 0.003), "models-dev"))
    results = [
        result
        for result in land(LandingZone(tmp_path / "both"), looks)
        if result.source == "openrouter"
    ]
    assert [r.outcome for r in results] == ["ok", *["rejected"] * 3, "ok", "unchanged"]
    assert f"and {name} has 40 of 40 too" in results[4].message


def models_dev(names, price):
    cost = {"input": price, "output": price}
    models = {name: {"id": name, "name": name, "cost": cost} for name in names}
    return json.dumps({"host": {"id": "host", "name": "Host", "models": models}}).encode()


def test_a_person_may_take_a_change_of_unit(tmp_path):
    looks = [on(0, openrouter(NAMES)), on(1, openrouter(NAMES, 0.002))]
    (refused,) = [r for r in land(LandingZone(tmp_path), looks) if r.outcome == "rejected"]
    assert "set DENSING_ACCEPT_SHRUNK=openrouter" in refused.message
    assert outcomes(tmp_path, looks[1], accepted={"openrouter"}) == ["ok"]
