"""Where an answer begins among the tokens of a text."""

import re

import pytest

from densing_pipeline.evaluation.tokens import Tokeniser

VOCABULARY = ["Answer", ": A", ": B", ":", " A", " B", "a"]


class Longest:
    """A tokenizer that takes the longest piece it knows, also across a prompt's end."""

    bos_token_id = None
    eos_token_id = 99

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


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7, 10, 11, 13])
def test_windows_over_a_text_predict_each_of_its_tokens_once(count):
    """A context of 7: an end token to begin with, five tokens, and room for a generated one."""
    apart = [VOCABULARY.index(piece) for piece in ("Answer", " A", " B", "a")]
    text = [apart[n % len(apart)] for n in range(count)]
    windows = Tokeniser(Longest()).windows("".join(VOCABULARY[n] for n in text), context=7)
    whole = [99, *text]
    assert [token for ids, start in windows for token in ids[start:]] == text
    assert all(len(ids) <= 6 and start >= 1 for ids, start in windows)
    assert windows[0] == (whole[:6], 1)
    end = 0
    for ids, start in windows:
        end += len(ids) - start
        assert whole[end + 1 - len(ids) : end + 1] == ids, "a window is a stretch of the text"
    if count > 5:
        assert len(windows[-1][0]) == 6, "the last one is filled up with earlier tokens"


def test_an_empty_text_has_no_windows_and_neither_has_one_that_no_token_can_begin():
    assert Tokeniser(Longest()).windows("", 7) == []
    unable = Longest()
    unable.eos_token_id = None
    assert Tokeniser(unable).windows("Answer", 7) == []
