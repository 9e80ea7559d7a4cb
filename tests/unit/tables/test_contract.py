"""What readers rely on stays: columns are added to the contract, never changed or taken away."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from densing_pipeline.publication.answers import answers, headline
from densing_pipeline.tables import contract
from densing_pipeline.tables.published import PRICES, SCORES
from densing_pipeline.tables.schemas import TableError

COMMITTED = Path(__file__).parents[3] / "docs" / "contract_v1.csv"

FROZEN = 1034
"""Lines of the contract that are frozen, its header among them; later ones are added below."""

DIGEST = "3371537b739521c12c4fa1be7d5f756ea04743792eb62add0ad6735535c2522b"
"""SHA-256 of these lines."""

HEADLINE = {"contract", "release", "answers"}
ANSWER = {
    "topic", "text", "basis", "n", "newest", "until", "as_of", "estimates", "sentence",
}  # fmt: skip
ESTIMATE = {
    "series", "verdict", "months", "low", "high", "reason", "n", "until", "growth", "growth_low",
    "growth_high",
}  # fmt: skip
"""The keys of `headline.json`, which may become more."""


def test_every_published_column_is_in_the_contract_and_the_contract_holds():
    committed = COMMITTED.read_text(encoding="utf-8")
    assert contract.extended(committed) == committed, "run `make dictionary`"


def test_what_was_promised_first_is_frozen():
    lines = COMMITTED.read_text(encoding="utf-8").splitlines(keepends=True)[:FROZEN]
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == DIGEST


def test_a_new_column_is_a_new_line_at_the_end():
    before = contract.extended("", [SCORES, PRICES])
    wider = replace(SCORES, columns=(*SCORES.columns, "reason?"))
    after = contract.extended(before, [wider, PRICES])
    assert after == f"{before}scores,reason,string,,false\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"columns": SCORES.columns[:-1]}, f"scores.{SCORES.columns[-1].rstrip('?')} is gone"),
        ({"key": SCORES.key[:-1]}, "scores.revision: in_key true is now false"),
        ({"name": "results"}, "scores.score is gone"),
    ],
)
def test_a_column_that_is_taken_away_or_changed_is_refused(change, told):
    before = contract.extended("", [SCORES])
    with pytest.raises(TableError, match=told):
        contract.extended(before, [replace(SCORES, **change)])


def test_another_type_or_unit_is_refused():
    before = contract.extended("", [SCORES]).replace("score,number,fraction", "score,string,%")
    with pytest.raises(TableError, match="type string is now number, unit % is now fraction"):
        contract.extended(before, [SCORES])


def test_headline_json_keeps_its_keys(tables):
    given = headline("2026-01-01-abc", answers(tables))
    assert set(given) >= HEADLINE
    assert given["contract"] == contract.NAME
    for answer in given["answers"]:
        assert set(answer) >= ANSWER
        for estimate in answer["estimates"]:
            assert set(estimate) >= ESTIMATE
    assert any(answer["estimates"] for answer in given["answers"])
