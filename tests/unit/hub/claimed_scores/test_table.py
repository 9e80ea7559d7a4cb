"""What the table of claims says of each, and which of them enter `scores`."""

import json
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from densing_pipeline.density.density_history import known_scores
from densing_pipeline.density.pooled_scores import pooled_scores
from densing_pipeline.hub.claimed_scores.landed import CLAIMS, FILES
from densing_pipeline.hub.claimed_scores.table import claimed_scores, scores
from densing_pipeline.landing import LandingZone
from densing_pipeline.score_sources.history import as_of
from densing_pipeline.tables.published import CLAIMED_SCORES, MODELS, SCORES

START = datetime(2026, 6, 1, 2, tzinfo=UTC)
LATER = date(2030, 1, 1)
SHA = "a" * 40


def result(value, benchmark="MMLU", dataset="cais/mmlu", shots=5, metric="acc", **told):
    return {
        "task": {"type": "text-generation"},
        "dataset": {"type": dataset, "name": benchmark, "args": {"num_few_shot": shots}},
        "metrics": [{"type": metric, "value": value, "verified": False} | told],
    }


def card(*results, name="nova-7b"):
    return {"cardData": {"model-index": [{"name": name, "results": list(results)}]}}


def entry(value, notes="5-shot accuracy", dataset="cais/mmlu", task="all", **told):
    data = {"dataset": {"id": dataset, "task_id": task}, "value": value, "notes": notes}
    return {"filename": ".eval_results/x.yaml", "verified": False, "data": data} | told


def model(model_id="Qwen/nova-7b", **changes):
    return {
        "model_id": model_id,
        "model": model_id,
        "organisation": "an organisation",
        "family": "a family",
        "release_date": date(2026, 5, 1),
        "release_date_basis": "created_at",
        "is_moe": False,
        "is_base": True,
        "is_doubtful": False,
        "base_evidence": "the evidence",
        "relation": "base",
        "hub_created_at": START - timedelta(days=30),
        "source": "huggingface-hub",
    } | changes


class Landed:
    """A landing zone that receives what the Hub says of models."""

    def __init__(self, folder):
        """Land in a folder."""
        self.zone = LandingZone(folder)
        self.models = [model()]

    def cut_at(self, day, folder):
        """What had landed by the end of a day."""
        cut = Landed(folder)
        cut.models = self.models
        for receipt in (*self.zone.receipts(CLAIMS), *self.zone.receipts(FILES)):
            if receipt.fetched_at.date() <= day:
                content = self.zone.read(receipt)
                at, status = receipt.fetched_at, receipt.status
                cut.zone.store(receipt.source, receipt.url, content, at, status=status)
        return cut

    def receive(self, record, name="Qwen/nova-7b", week=0, hour=0, status=200, content=None):
        url = f"https://hub.example/api/models/{name}?expand=cardData"
        body = json.dumps({"sha": SHA, "siblings": []} | record).encode()
        at = START + timedelta(weeks=week, hours=hour)
        self.zone.store(CLAIMS, url, body if content is None else content, at, status=status)

    def receive_file(self, name, content, week=0, status=200, sha=SHA):
        url = f"https://hub.example/Qwen/nova-7b/resolve/{sha}/{name}"
        at = START + timedelta(weeks=week, minutes=5)
        self.zone.store(FILES, url, content, at, status=status)

    def table(self):
        frame = pl.DataFrame(self.models, infer_schema_length=None)
        return CLAIMED_SCORES.validate(claimed_scores(self.zone, MODELS.cast(frame)))

    def reasons(self):
        return self.table()["reason"].to_list()

    def every_score(self):
        return SCORES.validate(scores(self.table()))

    def scores(self, day=LATER):
        """The scores that count on a day."""
        known = known_scores(self.every_score(), day)
        return known.select("model_id", "benchmark", "score").rows()


@pytest.fixture
def landed(tmp_path):
    return Landed(tmp_path)


def test_a_claim_under_the_papers_protocol_enters_scores(landed):
    landed.receive(card(result(57.93)))
    (row,) = SCORES.validate(scores(landed.table())).to_dicts()
    told = {name: value for name, value in row.items() if value is not None}
    assert told == {
        "model_id": "Qwen/nova-7b",
        "benchmark": "MMLU",
        "protocol": "5-shot acc",
        "is_paper_protocol": True,
        "score": 0.5793,
        "source_kind": "claimed",
        "source": "Hugging Face Hub, model-index",
        "source_url": f"https://huggingface.co/Qwen/nova-7b/blob/{SHA}/README.md",
        "observed_at": START.date(),
        "revision": SHA,
        "scored_by": "maker",
        "source_confidence": "high",
        "licence_basis": "fact",
        "known_from": START.date(),
        "known_from_basis": "first_seen",
        "publisher": "qwen",
    }


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        (card(result(0.71), result(71, "BBH", "bbh", 3, "em")), None),
        (card(result("71 %")), None),
        (card(result(0.6, "HumanEval", "humaneval", 0, "pass@1")), "0.6 may be a fraction"),
        (card(result(171)), "171 is no share"),
        (card(result("good")), "'good' is no number"),
        (card(result(3.1)), "far below guessing"),
        (card(result(71, "ro_mmlu", "OpenLLM-Ro/ro_mmlu")), "is not known"),
        (card(result(71, shots=0)), "'0-shot acc' is not the paper's protocol"),
        (card(result(71, "MATH-500", "MATH", 4, "exact_match")), "no density rests on"),
        (card(result(71), name="nova-7b-Instruct"), "the card gives it for 'nova-7b-Instruct'"),
        (card(result(71), name="Qwen/Nova_7B"), None),
        (card(result(71), name="other/nova-7b"), "the card gives it for 'other/nova-7b'"),
        ({"evalResults": [entry(71)]}, None),
        ({"evalResults": [entry(71, pullRequest=3)]}, "a pull request that is not accepted"),
        ({"evalResults": [entry(71, pullRequest=3, verified=True)]}, None),
        ({"evalResults": [entry(71, notes=None)]}, "no metric is stated"),
        ({"evalResults": [{"filename": "x", "error": "bad"}]}, "the Hub refuses the file"),
        ({"cardData": {"model-index": "MMLU 71"}}, "a list was expected"),
    ],
)
def test_a_claim_that_does_not_count_says_why(landed, stated, reason):
    landed.receive(stated)
    found = landed.reasons()
    assert all(reason in each for each in found) if reason else found == [None] * len(found)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_base": False, "relation": "finetune"}, "not a base model: the evidence"),
        ({"is_doubtful": True}, "perhaps not a base model: the evidence"),
        ({"relation": "pruned"}, "derived from another model (pruned)"),
        ({"model_id": "nobody/nova-7b"}, "nobody is not known to pretrain"),
        ({"model_id": "nobody/nova-7b", "source": "a report"}, None),
        ({"renamed_to": "Qwen/nova-7b", "model_id": "Qwen/old-7b"}, None),
    ],
)
def test_only_a_base_model_by_somebody_known_has_claims_that_count(landed, changes, reason):
    landed.models = [model(**changes)]
    asked = changes.get("renamed_to") or changes.get("model_id") or "Qwen/nova-7b"
    landed.receive(card(result(71)), name=asked)
    assert landed.reasons() == [reason]


def test_what_the_hub_verified_counts_whoever_publishes(landed):
    landed.models = [model("nobody/nova-7b")]
    landed.receive({"evalResults": [entry(71, verified=True)]}, name="nobody/nova-7b")
    assert landed.scores() == [("nobody/nova-7b", "MMLU", 0.71)]


def test_a_model_that_the_tables_do_not_have_is_listed(landed):
    landed.receive(card(result(71), name="gone"), name="Qwen/gone")
    assert landed.reasons() == ["the model is not in the table models"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((71, 71), [0.71]),
        ((71, 0.71), [0.71]),
        ((71, "71.0 %"), [0.71]),
        ((57.93, 58), [0.5793]),
        ((71, 71.5), [0.71]),
        ((71, 71.6), []),
        ((71, 72), []),
        ((71, 0.72), []),
    ],
)
def test_two_values_for_one_thing_are_one_or_none(landed, values, expected):
    landed.receive(card(*map(result, values)))
    assert [score for _, _, score in landed.scores()] == expected


def test_what_the_hub_verified_goes_before_what_the_owner_says(landed):
    landed.receive(card(result(71)) | {"evalResults": [entry(65, verified=True)]})
    assert landed.scores() == [("Qwen/nova-7b", "MMLU", 0.65)]
    assert landed.table()["reason"].drop_nulls().to_list() == ["stated more than once"]


MANY = [result(71), result(50, "BBH", "bbh", 3, "em"), result(40, "MBPP", "mbpp", 3, "pass@1")]


def test_a_card_copied_from_a_stated_parent_is_no_result_of_its_own(landed):
    landed.models.append(model("Qwen/nova-7b-next"))
    landed.receive(card(result(71)))
    child = card(result(71), result(50, "BBH", "bbh", 3, "em"), name="nova-7b-next")
    child["cardData"]["base_model"] = "Qwen/nova-7b"
    landed.receive(child, name="Qwen/nova-7b-next")
    assert landed.scores() == [
        ("Qwen/nova-7b", "MMLU", 0.71),
        ("Qwen/nova-7b-next", "BBH", 0.5),
    ]
    copied = landed.table().filter(pl.col("copied_from").is_not_null())
    assert copied.select("model_id", "benchmark", "copied_from", "reason").rows() == [
        (
            "Qwen/nova-7b-next",
            "MMLU",
            "Qwen/nova-7b",
            "Qwen/nova-7b has the same result in its card",
        )
    ]


@pytest.mark.parametrize(("n", "is_copy"), [(3, True), (2, False)])
def test_a_whole_card_that_an_older_repository_has_too_is_a_copy(landed, n, is_copy):
    landed.models.append(model("Qwen/late", hub_created_at=START))
    landed.receive(card(*MANY[:n], name=None), name="Qwen/late")
    landed.receive(card(*MANY, result(30, "MATH", "MATH", 4, "em")))
    copied = dict(landed.table().select("model_id", "copied_from").rows())
    assert copied == {"Qwen/nova-7b": None, "Qwen/late": "Qwen/nova-7b" if is_copy else None}


def history(landed):
    columns = ("stated_value", "observed_from", "observed_to", "reason")
    return sorted(landed.table().select(columns).rows(), key=str)


def day(week):
    return (START + timedelta(weeks=week)).date()


def test_a_value_that_is_revised_ends_and_the_new_one_begins(landed):
    for week, value in enumerate([71, 71, 72]):
        landed.receive(card(result(value)), week=week)
    assert history(landed) == [("71", day(0), day(2), None), ("72", day(2), None, None)]
    assert landed.scores() == [("Qwen/nova-7b", "MMLU", 0.72)]
    assert landed.scores(day(1)) == [("Qwen/nova-7b", "MMLU", 0.71)]
    assert landed.every_score()["source"].to_list() == [
        "Hugging Face Hub, model-index",
        f"Hugging Face Hub, model-index, {day(2)}",
    ]


def test_a_claim_that_is_made_again_begins_again(landed):
    for week, stated in enumerate([card(result(71)), {}, card(result(71))]):
        landed.receive(stated, week=week)
    assert history(landed) == [("71", day(0), day(1), None), ("71", day(2), None, None)]
    assert [landed.scores(day(week)) for week in range(3)] == [
        [("Qwen/nova-7b", "MMLU", 0.71)],
        [],
        [("Qwen/nova-7b", "MMLU", 0.71)],
    ]


def test_a_claim_that_is_withdrawn_and_made_again_on_one_day_was_made_all_day(landed):
    landed.receive(card(result(71)))
    landed.receive({}, hour=1)
    landed.receive(card(result(71)), hour=2)
    landed.receive(card(result(50)), week=1)
    landed.receive({}, week=1, hour=1)
    assert history(landed) == [("71", day(0), day(1), None)]


@pytest.mark.parametrize(
    ("status", "content", "problem"),
    [
        (200, b"<html>maintenance</html>", "the answer is no record (JSONDecodeError"),
        (200, b"[]", "the answer is no record"),
        (413, b"", "its record is larger than 4 MiB: not read"),
    ],
)
def test_an_answer_that_is_no_record_ends_nothing(landed, status, content, problem):
    landed.receive(card(result(71)))
    landed.receive({}, week=1, status=status, content=content)
    told, claim = sorted(
        landed.table().iter_rows(named=True), key=lambda row: row["stated_value"] or ""
    )
    assert (claim["stated_value"], claim["observed_to"], claim["reason"]) == ("71", None, None)
    assert told["reason"].startswith(problem)
    landed.receive(card(result(71)), week=2)
    assert landed.scores() == [("Qwen/nova-7b", "MMLU", 0.71)]
    assert sum(reason is None for reason in landed.reasons()) == 1


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_refusal_says_nothing_of_the_claims(landed, status):
    landed.receive(card(result(71)))
    landed.receive({}, week=1, status=status, content=b"")
    assert history(landed) == [("71", day(0), None, None)]


LISTED = {"siblings": [{"rfilename": ".eval_results/mmlu.yaml"}, {"rfilename": "README.md"}]}
MMLU_FILE = b"- {dataset: {id: cais/mmlu, task_id: all}, value: 71, notes: 5-shot acc}\n"


def test_files_are_read_where_the_hub_has_not_read_them(landed):
    landed.receive(LISTED)
    assert landed.table().is_empty(), "the file has not come yet"
    landed.receive_file(".eval_results/mmlu.yaml", MMLU_FILE)
    assert landed.scores() == [("Qwen/nova-7b", "MMLU", 0.71)]
    landed.receive(LISTED | {"evalResults": [entry(72)]}, week=1)
    assert landed.scores() == [("Qwen/nova-7b", "MMLU", 0.72)], "what the Hub has read counts"


@pytest.mark.parametrize(
    ("status", "content", "reason"),
    [
        (404, b"", "the Hub does not give the file (HTTP 404)"),
        (413, b"", "the file is larger than 64 KiB: not read"),
        (200, b"a: &a [1]\nb: *a\n", "an alias (*a): aliases are not read"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(landed, status, content, reason):
    landed.receive(card(result(71)) | LISTED)
    landed.receive_file(".eval_results/mmlu.yaml", content, status=status)
    assert set(landed.reasons()) == {None, reason}


def test_a_file_that_has_not_come_yet_ends_nothing(landed):
    """A commit changes the revision, and with it the address of every file."""
    landed.receive(LISTED)
    landed.receive_file(".eval_results/mmlu.yaml", MMLU_FILE)
    landed.receive(LISTED | {"sha": "b" * 40}, week=1)
    landed.receive_file(".eval_results/mmlu.yaml", MMLU_FILE, week=2, sha="b" * 40)
    assert history(landed) == [("71", day(0), None, None)]
    landed.receive(LISTED | {"sha": "c" * 40}, week=3)
    landed.receive_file(".eval_results/mmlu.yaml", b"[]", week=4, sha="c" * 40)
    assert history(landed) == [("71", day(0), day(4), None)]


@pytest.mark.parametrize(
    ("status", "content"), [(200, b"<html>back soon</html>"), (200, b"- {"), (404, b""), (413, b"")]
)
def test_an_answer_that_is_no_file_of_results_ends_nothing(landed, status, content):
    landed.receive(LISTED)
    landed.receive_file(".eval_results/mmlu.yaml", MMLU_FILE)
    landed.receive(LISTED | {"sha": "b" * 40}, week=1)
    landed.receive_file(".eval_results/mmlu.yaml", content, week=1, sha="b" * 40, status=status)
    landed.receive_file(".eval_results/mmlu.yaml", MMLU_FILE, week=2, sha="b" * 40)
    assert ("71", day(0), None, None) in history(landed)
    assert len(history(landed)) == 2, "and what came in its place, which ended"


def contradicted(landed):
    """One card has two values from the third week to the fourth."""
    landed.receive(card(result(71)))
    landed.receive(card(result(71), result(65)), week=2)
    landed.receive(card(result(71)), week=3)


def verified(landed):
    """The Hub verifies another value than the card's."""
    landed.receive(card(result(71)))
    landed.receive(card(result(71)) | {"evalResults": [entry(65, verified=True)]}, week=2)


def verified_itself(landed):
    """The Hub verifies the result of a file that the owner had written."""
    landed.receive({"evalResults": [entry(71)]})
    landed.receive({"evalResults": [entry(71, verified=True)]}, week=2)


def edited(landed):
    landed.receive(card(result(71)))
    landed.receive(card(result(72)), week=2)


def withdrawn(landed):
    landed.receive(card(result(71)))
    landed.receive({}, week=2)


def copied_from_an_older_one(landed):
    landed.models.append(model("Qwen/old", hub_created_at=START - timedelta(days=300)))
    landed.receive(card(*MANY))
    landed.receive(card(*MANY, name="old"), name="Qwen/old", week=2)


def copied_from_a_parent(landed):
    """The parent's card is read, or the parent named, after the child's result was."""
    landed.models += [model("Qwen/parent"), model("Qwen/other")]
    child = card(result(71))
    landed.receive(child)
    landed.receive(card(result(71), name="other"), name="Qwen/other", week=1)
    child["cardData"]["base_model"] = "Qwen/other"
    landed.receive(child, week=2)
    landed.receive(card(result(71), name="parent"), name="Qwen/parent", week=3)


def file_late(landed):
    landed.receive(LISTED)
    landed.receive_file(".eval_results/mmlu.yaml", MMLU_FILE, week=2)
    landed.receive(LISTED | {"sha": "b" * 40}, week=3)
    landed.receive_file(".eval_results/mmlu.yaml", MMLU_FILE, week=4, sha="b" * 40)


@pytest.mark.parametrize(
    "happens",
    [
        contradicted, verified, verified_itself, edited, withdrawn, copied_from_an_older_one,
        copied_from_a_parent, file_late,
    ],
)  # fmt: skip
def test_a_vintage_has_what_was_known_on_its_day(landed, tmp_path, happens):
    """What lands later changes neither the claims nor the scores of an earlier day."""
    happens(landed)
    whole, told = landed.every_score(), landed.table()
    seen = set()
    for week in range(5):
        cut = landed.cut_at(day(week), tmp_path / f"week {week}")
        known, then = (known_scores(each, day(week)) for each in (whole, cut.every_score()))
        assert known.equals(then), week
        assert pooled_scores(known).equals(pooled_scores(then)), week
        assert as_of(told, day(week)).equals(as_of(cut.table(), day(week))), week
        seen.add(tuple(known.rows()))
    assert len(seen) > 1, "the event is seen from its day on"


def test_what_is_against_a_claim_is_told_for_its_days(landed):
    contradicted(landed)
    different = "stated 2 times, with different values"
    assert history(landed) == [
        ("65", day(2), day(3), different),
        ("71", day(0), day(2), None),
        ("71", day(2), day(3), different),
        ("71", day(3), None, None),
    ]


def test_five_thousand_results_are_bounded_and_the_rest_is_told(landed):
    landed.receive(card(*(result(at / 100) for at in range(5000))))
    table = landed.table()
    assert table.height == 501
    assert table.filter(pl.col("reason").str.contains("4500 of them are not read")).height == 1


def test_stated_addresses_hold_no_secret_and_are_addresses(landed):
    secret = result(71) | {"source": {"url": "https://u:pw@board.example/x?sig=1", "name": "Board"}}
    script = result(50, "BBH", "bbh", 3, "em") | {"source": {"url": "javascript:alert(1)"}}
    landed.receive(card(secret, script))
    assert dict(landed.table().select("benchmark", "cited_url").rows()) == {
        "MMLU": "https://board.example/x?sig=***",
        "BBH": None,
    }


def test_the_same_answers_give_the_same_table(landed):
    landed.receive(card(*MANY))
    first = landed.table()
    landed.receive(card(*MANY), week=1)
    assert landed.table().equals(first)
