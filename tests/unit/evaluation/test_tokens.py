"""Where an answer begins among the tokens of a text."""

import re

import pytest

from densing_pipeline.evaluation.tokens import Tokeniser

VOCABULARY = ["Answer", ": A", ": B", ":", " A", " B", "a"]


class Longest:
    """A tokenizer that takes the longest piece it knows, also across a prompt's end."""

    bos_token_id = None

    def __call__(self, texts, **_):
        if isinstance(texts, str):
            return {"input_ids": self([texts])["input_ids"][0]}
        pattern = "|".join(map(re.escape, VOCABULARY))
        return {"input_ids": [[VOCABULARY.index(p) for p in re.findall(pattern, t)] for t in texts]}


@pytest.mark.parametrize("choice", ["A", "B"])
def test_a_token_across_the_seam_belongs_to_the_answer(choice):
    """Else it would have no token at all, all choices the same loss, and the first would win."""
    ids, start = Tokeniser(Longest()).continued("Answer:", f" {choice}")
    assert [VOCABULARY[i] for i in ids[start:]] == [f": {choice}"]


def test_an_answer_of_its_own_tokens_begins_after_the_prompt():
    ids, start = Tokeniser(Longest()).continued("Answer", ": A")
    assert (ids[:start], len(ids)) == ([0], 2)


def test_choices_that_are_no_single_token_after_the_prompt_are_told():
    tokeniser = Tokeniser(Longest())
    assert tokeniser.choice_ids("Answer:", (" A", " B")) is None
    assert tokeniser.choice_ids("Answer", (": A", ": B")) == [1, 2]
