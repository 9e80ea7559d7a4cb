"""What repositories write as their results, well-formed and otherwise, and what is read of it."""

import gzip
import json

import pytest

from densing_pipeline.hub.claimed_scores.documents import CARD, MOST_CLAIMS, RESULTS, claims
from densing_pipeline.hub.claimed_scores.history import readings
from densing_pipeline.hub.claimed_scores.landed import result_files
from densing_pipeline.hub.claimed_scores.recognition import recognise
from densing_pipeline.json_documents import load

LEADERBOARD = {
    "task": {"type": "text-generation", "name": "Text Generation"},
    "dataset": {
        "name": "MMLU (5-Shot)", "type": "cais/mmlu", "config": "all", "split": "test",
        "args": {"num_few_shot": 5},
    },
    "metrics": [{"type": "acc", "value": 57.93, "name": "accuracy", "verified": False}],
    "source": {"url": "https://hub.example/spaces/board?query=lab/nova", "name": "Open LLM Leaderboard"},
}  # fmt: skip
"""A result as the Open LLM Leaderboard wrote it into cards."""

ENTRY = {
    "filename": ".eval_results/gsm8k.yaml",
    "verified": False,
    "data": {
        "dataset": {"id": "openai/gsm8k", "task_id": "main"},
        "value": 86.2,
        "date": "2024-04-22",
        "source": {"url": "https://hub.example/papers/1", "name": "A report"},
        "notes": "5-shot",
    },
}
"""A result as the Hub lists it."""


def card(*results, name="nova"):
    return {"cardData": {"model-index": [{"name": name, "results": list(results)}]}}


def test_a_result_of_a_card_is_read_with_all_that_it_states():
    (claim,) = claims(card(LEADERBOARD), {})
    assert claim.record == CARD
    assert (claim.dataset, claim.dataset_name, claim.config) == (
        "cais/mmlu",
        "MMLU (5-Shot)",
        "all",
    )
    assert (claim.metric, claim.metric_name, claim.value) == ("acc", "accuracy", "57.93")
    assert claim.shots == {5}
    assert (claim.claimed_by, claim.source_name) == ("owner", "Open LLM Leaderboard")
    assert claim.problem is None


@pytest.mark.parametrize(
    ("told", "by", "number"),
    [
        ({}, "owner", None),
        ({"verified": True}, "verified", None),
        ({"verified": "true"}, "owner", None),
        ({"pullRequest": 44}, "community", 44),
        ({"pullRequest": 44, "verified": True}, "verified", 44),
        ({"pullRequest": "refs/pr/44"}, "community", None),
    ],
)
def test_who_claims_a_result_is_what_the_hub_says_beside_it(told, by, number):
    (claim,) = claims({"evalResults": [ENTRY | told]}, {})
    assert (claim.claimed_by, claim.pull_request) == (by, number)
    assert (claim.record, claim.file) == (RESULTS, ".eval_results/gsm8k.yaml")
    assert (claim.value, claim.stated_date, claim.shots) == (
        "86.2",
        "2024-04-22",
        frozenset({5}),
    )


@pytest.mark.parametrize(
    "told",
    [
        {"verified": True, "verifyToken": "eyJhbGciOiJFZERTQSJ9"},
        {"verified": True},
        {"verified": "true", "verifyToken": "a token"},
        {"verified": True, "verifyToken": "a token", "pullRequest": 7},
    ],
)
def test_a_card_cannot_verify_itself(told):
    """Anyone can write both fields into a card; the Hub does not check them."""
    metric = {"type": "acc", "value": 0.5} | told
    (claim,) = claims(card(LEADERBOARD | {"metrics": [metric]} | told), {})
    assert (claim.claimed_by, claim.pull_request) == ("owner", None)


def test_the_content_of_a_file_does_not_pass_for_the_word_of_the_hub():
    inside = ENTRY["data"] | {"verified": True, "verifyToken": "a token", "pullRequest": 7}
    (claim,) = claims({"evalResults": [ENTRY | {"data": inside}]}, {})
    assert (claim.claimed_by, claim.pull_request) == ("owner", None)
    # Without `data` the file's content and the Hub's word cannot be told apart.
    (flat,) = claims({"evalResults": [inside | {"filename": "x.yaml"}]}, {})
    assert flat.problem == "not a result as the Hub describes them: KeyError: 'data'"


def test_only_the_answer_itself_has_what_the_hub_says():
    """Metadata of a card named as the Hub's own field is not read."""
    spoofed = ENTRY | {"verified": True}
    assert claims({"cardData": {"evalResults": [spoofed], "eval_results": [spoofed]}}, {}) == []


def test_a_file_cannot_verify_itself_or_say_that_it_was_proposed():
    content = b"""
- dataset: {id: cais/hle, task_id: default}
  value: 20.90
  verifyToken: eyJhbGciOiJFZERTQSJ9
  verified: true
  pullRequest: 7
  data: {dataset: {id: cais/mmlu, task_id: all}, value: 99}
"""
    (claim,) = claims({}, {".eval_results/hle.yaml": content})
    assert (claim.dataset, claim.value) == ("cais/hle", "20.90")
    assert (claim.claimed_by, claim.pull_request) == ("owner", None)


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (b"- dataset: {id: a/b\n", "not YAML"),
        (b"a: &a [1]\nb: *a\n", "aliases are not read"),
        (b"dataset: {id: a/b, task_id: c}\nvalue: 1\n", "a list was expected, not dict"),
        (b"- 20.90\n", "a result was expected, not str"),
        (b"- {dataset: {id: a/b}, value: 1}\n", "KeyError: 'task_id'"),
        (b"- {dataset: a/b, value: 1}\n", "TypeError"),
        (b"- {dataset: {id: a/b, task_id: c}, value: 1, source: {name: x}}\n", "`source_url`"),
        (b"- {dataset: {id: a/b, task_id: c}, value: 1, source: x}\n", "AttributeError"),
        ("the Hub does not give the file (HTTP 404)", "HTTP 404"),
    ],
)
def test_a_broken_file_costs_itself(file, problem):
    good = b"- {dataset: {id: cais/hle, task_id: default}, value: 20.90}\n"
    broken, claim = claims({}, {"a.yaml": file, "b.yaml": good})
    assert broken.file == "a.yaml"
    assert problem in broken.problem
    assert (claim.file, claim.value, claim.problem) == ("b.yaml", "20.90", None)


@pytest.mark.parametrize("content", [b"", b"\n", b"[]", b"# nothing yet\n"])
def test_an_empty_file_claims_nothing(content):
    assert claims({}, {"a.yaml": content}) == []


def test_a_file_that_the_hub_refuses_is_told_beside_the_others():
    # As the Hub answers for a file that fails its validation.
    refused = {"filename": ".eval_results/mdp.yaml", "error": "✖ Invalid input: expected string"}
    found = claims({"evalResults": [refused, ENTRY]}, {})
    assert found[0].problem == "the Hub refuses the file: ✖ Invalid input: expected string"
    assert found[1].value == "86.2"


NESTED = json.loads("[" * 300 + "]" * 300)


@pytest.mark.parametrize(
    "index",
    [
        "MMLU: 71", 71, True, {"name": "nova"}, ["MMLU"], [[]], [None], [{"name": "m", "results": 1}],
        [{"name": "m", "results": ["x"]}], [{"name": "m", "results": [{"metrics": 3}]}],
        [{"name": "m", "results": [{"metrics": [{"type": "acc", "value": 1}]}]}],
        [{"name": "m", "results": [{"task": 1, "dataset": [], "metrics": [{}]}]}],
        [{"name": "m", "results": [{**LEADERBOARD, "metrics": [{"type": "acc"}]}]}],
        [{"name": "m", "results": [{**LEADERBOARD, "source": "x"}]}],
    ],
)  # fmt: skip
def test_a_malformed_card_is_one_claim_with_a_problem(index):
    (claim,) = claims({"cardData": {"model-index": index}}, {})
    assert claim.problem
    assert (claim.value, claim.dataset) == (None, None)


@pytest.mark.parametrize(
    "value", [True, None, NESTED, {}, "n/a", "9" * 5000, "\x1b[2J", "a\u202eb"]
)
@pytest.mark.parametrize("where", ["value", "type", "name", "args"])
def test_any_value_of_a_metric_is_text_or_nothing(where, value):
    metric = {"type": "acc", "value": 1} | {where: value}
    (claim,) = claims(card(LEADERBOARD | {"metrics": [metric]}), {})
    for text in (claim.value, claim.metric, claim.metric_name):
        assert text is None or (text.isprintable() and len(text) <= 200)


def test_a_malformed_result_costs_itself():
    broken = LEADERBOARD | {"metrics": [{"value": 3}, {"type": "acc", "value": 4}]}
    found = claims(card(broken, LEADERBOARD), {})
    assert [claim.value for claim in found] == [None, "4", "57.93"]


@pytest.mark.parametrize(
    "stated", [None, {}, [], {"model-index": None}, {"model-index": []}, "text"]
)
def test_a_card_without_results_claims_nothing(stated):
    assert claims({"cardData": stated, "evalResults": None}, {}) == []


def test_equal_claims_are_one():
    assert len(claims(card(LEADERBOARD, LEADERBOARD), {})) == 1


@pytest.mark.parametrize("n", [MOST_CLAIMS, 5000])
def test_a_card_of_thousands_of_results_is_read_up_to_a_bound(n):
    results = [LEADERBOARD | {"metrics": [{"type": "acc", "value": at}]} for at in range(n)]
    found = claims(load(json.dumps(card(*results)).encode()), {})
    left = n - MOST_CLAIMS
    expected = [f"{n} results are stated; {left} of them are not read"] if left else []
    assert [claim.problem for claim in found if claim.problem] == expected
    assert [claim.value for claim in found[:MOST_CLAIMS]] == [str(at) for at in range(MOST_CLAIMS)]


def test_pull_requests_crowd_out_nothing_that_the_repository_states():
    proposed = [ENTRY | {"pullRequest": at} for at in range(1, MOST_CLAIMS + 1)]
    found = claims({"evalResults": [*proposed, ENTRY]}, {})
    assert (found[0].claimed_by, found[1].claimed_by) == ("owner", "community")


def test_real_cards_are_read(recorded):
    path = recorded / "hub" / "hub_models.jsonl.gz"
    found = {}
    with gzip.open(path, "rt") as lines:
        for record in map(json.loads, lines):
            if (record.get("cardData") or {}).get("model-index"):
                found[record["id"]] = claims(record, {})
    assert sum(map(len, found.values())) > 400
    assert not [claim for each in found.values() for claim in each if claim.problem]
    told = {
        model: {(known.benchmark, known.protocol, made.score.score) for made, known in read}
        for model, each in found.items()
        if (read := [(made, made.recognised) for made in readings(each)])
    }
    # The Open LLM Leaderboard's two generations, and MATH-500 under the name of MATH.
    assert ("MMLU", "5-shot acc", 0.5793) in told["Amu/spin-phi2"]
    alpaca = told["SaisExperiments/Not-So-Small-Alpaca-24B"]
    assert {("BBH", "3-shot acc_norm", 0.3302), ("MATH-Lvl5", "4-shot em", 0.1805)} <= alpaca
    reasoner = told["yentinglin/Mistral-Small-24B-Instruct-2501-reasoning"]
    assert {benchmark for benchmark, *_ in reasoner} == {"MATH-500", "GPQA-Diamond", None}
    assert not any(
        "ro_mmlu" in str(claim.dataset) and recognise(claim).benchmark
        for each in found.values()
        for claim in each
    )
    reasoning = found["yentinglin/Mistral-Small-24B-Instruct-2501-reasoning"]
    assert [claim.value for claim in reasoning] == ["0.95", "0.5333", "0.6667", "0.62022"]


def test_a_real_record_names_the_files_of_its_results(recorded):
    path = recorded / "models" / "hf_api" / "model_detail_OrionLLM_GRM-2.6-Opus.json"
    record = json.loads(path.read_text())
    (file,) = result_files("OrionLLM/GRM-2.6-Opus", record)
    assert file == ("OrionLLM/GRM-2.6-Opus", record["sha"], ".eval_results/gpqa_diamond.yaml")
    assert result_files("OrionLLM/GRM-2.6-Opus", record | {"evalResults": []}) == []
