"""Nights at a Hub on loopback whose repositories claim scores, asked by the real client."""

import json
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from densing_pipeline.hub import client, models, poll
from densing_pipeline.hub.claimed_scores import landed
from densing_pipeline.hub.claimed_scores.landed import MAX_CLAIMS_BYTES, MAX_FILE_BYTES
from densing_pipeline.hub.claimed_scores.table import claimed_scores, scores
from densing_pipeline.hub.client import Hub
from densing_pipeline.landing import LandingZone
from densing_pipeline.tables.published import CLAIMED_SCORES, MODELS, SCORES
from tests.servers.hub import FIRST_DAY, base_model, finetune, serving, world

LIMITS = poll.Limits(overlap_days=2, first_days=30, page_size=100, configs=50, revisits=9, claims=9)
NOVA = "Qwen/Nova-284M-Base"
CREATED = FIRST_DAY + timedelta(hours=3)


@pytest.fixture
def simulated():
    return world(per_day=3, days=40, history=3)


class Nights:
    """Polls of one landing zone, a day apart."""

    def __init__(self, folder, simulated, endpoint):
        """Land in a folder what the simulated Hub answers at an endpoint."""
        self.folder, self.zone = folder, LandingZone(folder / "landing")
        self.simulated, self.endpoint = simulated, endpoint

    def night(self, day, limits=LIMITS, known=()):
        self.simulated.today = FIRST_DAY + timedelta(days=day, hours=23)
        ticks = iter(range(10**6))
        clock = lambda: self.simulated.today + timedelta(milliseconds=next(ticks))  # noqa: E731
        # Without the 200 publishers whose repositories a night lists besides.
        return poll.poll(
            self.zone,
            self.folder / "cache",
            Hub(self.endpoint),
            limits,
            known,
            clock,
            publishers=(),
        )

    def claims(self):
        found, refused = models.landed(self.zone, self.folder / "cache", set())
        table, _ = models.models(MODELS.empty(), found, refused)
        return CLAIMED_SCORES.validate(claimed_scores(self.zone, table))

    def scores(self):
        """The scores that count now."""
        table = SCORES.validate(scores(self.claims())).filter(pl.col("known_to").is_null())
        return table.select("model_id", "benchmark", "score").rows()

    def asked(self, part):
        return sum(part in path for path in self.simulated.log)


@pytest.fixture
def nights(tmp_path, simulated, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(client, "LIMITS", replace(client.LIMITS, backoff_s=0.01))
    with serving(simulated) as endpoint:
        yield Nights(tmp_path, simulated, endpoint)


def claiming(*values, **changes):
    """A base model whose card claims values for MMLU."""
    repo = base_model(NOVA, CREATED, **changes)
    repo.record["cardData"] = repo.record["cardData"] | {"model-index": index(*values)}
    return repo


def index(*values, name="Nova-284M-Base"):
    result = {
        "task": {"type": "text-generation", "name": "Text Generation"},
        "dataset": {"type": "cais/mmlu", "name": "MMLU (5-Shot)", "args": {"num_few_shot": 5}},
        "metrics": [{"type": "acc", "value": value, "verified": False} for value in values],
    }
    return [{"name": name, "results": [result]}]


def entry(value, **told):
    data = {
        "dataset": {"id": "cais/mmlu", "task_id": "all"}, "value": value, "notes": "5-shot accuracy",
    }  # fmt: skip
    return {"filename": ".eval_results/mmlu.yaml", "verified": False, "data": data} | told


def test_a_base_models_claims_come_in_on_the_night_it_is_found(nights, simulated):
    simulated.repos.append(claiming(57.93))
    simulated.repos.append(finetune("user/Nova-Instruct", CREATED, NOVA))
    for day in range(4):
        assert nights.night(day).outcome == "ok"
    assert nights.scores() == [(NOVA, "MMLU", 0.5793)]
    assert nights.asked(f"/api/models/{NOVA}?expand=cardData&expand=evalResults") == 1
    assert nights.asked("user/Nova-Instruct?expand") == 0, "tuned models are not asked for"


def test_owner_community_and_hub_are_told_apart(nights, simulated):
    told = [entry(64, verified=True), entry(90, pullRequest=4), entry(58)]
    simulated.repos.append(claiming(57.93, evalResults=told))
    for day in range(2):
        nights.night(day)
    rows = nights.claims().select("claimed_by", "stated_in", "pull_request", "score").rows()
    assert sorted(rows, key=str) == [
        ("community", "eval-results", 4, 0.9),
        ("owner", "eval-results", None, 0.58),
        ("owner", "model-index", None, 0.5793),
        ("verified", "eval-results", None, 0.64),
    ]
    assert nights.scores() == [(NOVA, "MMLU", 0.64)]


def test_a_model_is_asked_again_after_a_week_and_every_vintage_is_kept(nights, simulated):
    simulated.repos.append(claiming(57.93))
    for day in range(9):
        if day == 5:
            simulated.repos[-1].record["evalResults"] = [entry(61.5, verified=True)]
        nights.night(day)
    assert nights.asked(f"{NOVA}?expand") == 2
    columns = ("score", "observed_from", "observed_to", "reason")
    seen = nights.claims().select(columns).sort("score", "observed_from").rows()
    first, week_later = FIRST_DAY.date(), FIRST_DAY.date() + timedelta(7)
    assert seen == [
        (0.5793, first, week_later, None),
        (0.5793, week_later, None, "stated more than once"),
        (0.615, week_later, None, None),
    ]
    assert nights.scores() == [(NOVA, "MMLU", 0.615)]


def test_a_bundled_model_is_asked_for_whatever_its_record_says(nights, simulated):
    simulated.repos.append(finetune("lab/Bundled", CREATED, NOVA))
    for day in range(3):
        nights.night(day, known=["lab/Bundled"])
    assert nights.asked("lab/Bundled?expand") == 1


@pytest.mark.parametrize("over", [0, 1])
def test_a_record_beyond_its_bound_costs_its_own_model(nights, simulated, over):
    simulated.repos += [claiming(57.93), base_model("evil/Nova-284M-Base", CREATED)]
    body = json.dumps({"cardData": {"model-index": None}, "x": ""}).encode()
    body = body[:-2] + b"x" * (MAX_CLAIMS_BYTES - len(body) + over) + b'"}'
    assert len(body) == MAX_CLAIMS_BYTES + over
    simulated.faults = lambda path: (
        (200, {}, body) if "/evil/" in path and "expand" in path else None
    )
    for day in range(2):
        assert nights.night(day).outcome == "ok"
    assert nights.scores() == [(NOVA, "MMLU", 0.5793)]
    told = nights.claims().filter(pl.col("model_id").str.starts_with("evil"))["reason"].to_list()
    assert told == ["its record is larger than 4 MiB: not read"] * over


@pytest.mark.parametrize(
    "answer",
    [(500, {}, b""), (200, {}, b"<html>"), (200, {}, b'{"evalResults": 3}'), (404, {}, b"")],
)
def test_whatever_one_model_answers_the_others_are_read(nights, simulated, answer):
    simulated.repos += [claiming(57.93), base_model("evil/Nova-284M-Base", CREATED)]
    simulated.faults = lambda path: answer if "/evil/" in path and "expand" in path else None
    for day in range(3):
        assert nights.night(day).outcome == "ok"
    assert nights.scores() == [(NOVA, "MMLU", 0.5793)]


def test_a_night_asks_for_no_more_models_than_allowed(nights, simulated):
    simulated.repos += [base_model(f"Qwen/Nova-{n}M-Base", CREATED) for n in range(200, 207)]
    few = replace(LIMITS, claims=3)
    for day, so_far in enumerate([3, 6, 7, 7]):
        nights.night(day, few)
        assert nights.asked("-Base?expand") == so_far
    assert nights.night(4, replace(LIMITS, claims=0)).outcome == "ok"


FILE = ".eval_results/mmlu.yaml"
STATED = b"- {dataset: {id: cais/mmlu, task_id: all}, value: 0.579, notes: 5-shot acc}\n"
BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (STATED, [(NOVA, "MMLU", 0.579)]),
        (STATED + b"#" * (MAX_FILE_BYTES - len(STATED)), [(NOVA, "MMLU", 0.579)]),
        (STATED + b"#" * (MAX_FILE_BYTES - len(STATED) + 1), []),
        (BOMB, []),
        (b"- {", []),
    ],
)
def test_a_mirror_that_reads_no_results_is_asked_for_their_files(
    nights, simulated, content, expected
):
    repo = base_model(NOVA, CREATED)
    repo.record["siblings"] += [{"rfilename": FILE}, {"rfilename": ".eval_results/../../x.yaml"}]
    repo.files[FILE] = content
    simulated.repos.append(repo)
    for day in range(3):
        assert nights.night(day).outcome == "ok"
    assert nights.scores() == expected
    assert nights.asked(FILE) == 1
    assert nights.asked("x.yaml") == 0
    assert len(nights.claims()) == 1


@pytest.mark.parametrize(
    ("status", "answer"),
    [(200, b"<html>back soon</html>"), (200, b"\x00" * 40), (403, b""), (404, b"")],
)
def test_an_answer_that_is_no_file_of_results_is_asked_for_again_after_a_week(
    nights, simulated, status, answer
):
    """A page of a server under maintenance comes with status 200 too; access may be granted later."""
    repo = base_model(NOVA, CREATED)
    repo.record["siblings"] += [{"rfilename": FILE}]
    repo.files[FILE] = STATED
    simulated.repos.append(repo)
    simulated.faults = lambda path: (status, {}, answer) if FILE in path else None
    nights.night(0)
    simulated.faults = lambda path: None
    assert nights.scores() == []
    for day in range(1, 7):
        nights.night(day)
    assert nights.asked(FILE) == 1
    for day in range(7, 16):
        nights.night(day)
    assert nights.asked(FILE) == 2
    assert nights.scores() == [(NOVA, "MMLU", 0.579)]


def test_what_the_hub_has_read_itself_is_not_fetched(nights, simulated):
    repo = claiming(57.93, evalResults=[])
    repo.record["siblings"] += [{"rfilename": FILE}]
    simulated.repos.append(repo)
    for day in range(3):
        nights.night(day)
    assert nights.asked(FILE) == 0


def test_a_model_without_claims_has_no_row(nights, simulated):
    simulated.repos.append(base_model(NOVA, CREATED))
    for day in range(2):
        nights.night(day)
    assert nights.claims().is_empty()
    assert landed.asked(nights.zone)["name"].to_list() == [NOVA]
