"""Turns texts into token ids.

If the tokenizer puts a token before each text, it is kept; a token it adds at the end is not. Not
here: requests with these tokens (`vllm_calls`).
"""

import itertools
from collections.abc import Sequence
from typing import Any

PROBE = "a"

Window = tuple[list[int], int]
"""Token ids of a part of a text, and the index of the first token whose loss counts."""


class Tokeniser:
    """A `transformers` tokenizer as the engine uses it."""

    def __init__(self, tokenizer: Any) -> None:
        """Wrap a tokenizer.

        Args:
            tokenizer: a tokenizer of `transformers`.
        """
        self._tokenizer = tokenizer
        begin = tokenizer.bos_token_id
        begins = begin is not None and tokenizer(PROBE)["input_ids"][:1] == [begin]
        self._prefix = [begin] if begins else []
        self._begin: int | None = tokenizer.eos_token_id if begin is None else begin
        self._choices: dict[tuple[str, tuple[str, ...]], list[int] | None] = {}

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        return [[*self._prefix, *ids] for ids in self._plain(texts)]

    def continued(self, prompt: str, answer: str) -> tuple[list[int], int]:
        """Token ids of a prompt with its answer, and the index of the answer's first token.

        Both are tokenised as one text, for a tokenizer may merge characters of both into one token;
        the answer begins with the first token that differs from those of the prompt alone.
        """
        alone, both = self.encode([prompt, prompt + answer])
        pairs = zip(alone, both, strict=False)
        shared = itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)
        return both, len(list(shared))

    def windows(self, text: str, context: int) -> list[Window]:
        """Windows over a text in which each of its tokens is predicted once.

        The windows are those of lm-eval's `loglikelihood_rolling`: the first begins with the
        tokenizer's first token (its end token if it has none), each later one with the last token
        before it; the last one is filled up with earlier tokens.

        Args:
            text: the text.
            context: most tokens of a window and one generated token, which vLLM always adds.

        Returns:
            The windows, in order; none if the text is empty or the tokenizer has neither token.
        """
        (ids,) = self._plain([text])
        if self._begin is None or not ids:
            return []
        ids = [self._begin, *ids]
        most = context - 2
        found = [(ids[: most + 1], 1)]
        for start in range(most + 1, len(ids), most):
            end = min(start + most, len(ids))
            first = end - most - 1
            found.append((ids[first:end], start - first))
        return found

    def choice_ids(self, prompt: str, choices: tuple[str, ...]) -> list[int] | None:
        """Token id of each choice after a prompt; None if a choice is several tokens.

        The ids depend on the last line of the prompt only, and are cached by it.
        """
        key = (prompt[prompt.rfind("\n") + 1 :], choices)
        if key not in self._choices:
            alone, *continued = self.encode([prompt, *(prompt + choice for choice in choices)])
            single = all(
                len(ids) == len(alone) + 1 and ids[: len(alone)] == alone for ids in continued
            )
            ids = [ids[-1] for ids in continued]
            self._choices[key] = ids if single and len(set(ids)) == len(ids) else None
        return self._choices[key]

    def _plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text alone, without special tokens."""
        if not texts:
            return []
        found: list[list[int]] = self._tokenizer(
            list(texts),
            add_special_tokens=False,
            return_attention_mask=False,
            # Long texts are expected, and judged by the engine.
            verbose=False,
        )["input_ids"]
        return found
