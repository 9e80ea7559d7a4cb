"""Texts as the token ids a model is given.

A text begins with the token that the tokenizer puts at the beginning by itself, if any, and never
ends with one it adds. Not here: what is asked with them (`vllm_engine`).
"""

import itertools
from collections.abc import Sequence
from typing import Any

PROBE = "a"


class Tokeniser:
    """A `transformers` tokenizer as the engine uses it."""

    def __init__(self, tokenizer: Any) -> None:
        """Wrap it.

        Args:
            tokenizer: a tokenizer of `transformers`.
        """
        self._tokenizer = tokenizer
        begin = tokenizer.bos_token_id
        begins = begin is not None and tokenizer(PROBE)["input_ids"][:1] == [begin]
        self._prefix = [begin] if begins else []
        self._choices: dict[tuple[str, tuple[str, ...]], list[int] | None] = {}

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        if not texts:
            return []
        found = self._tokenizer(
            list(texts),
            add_special_tokens=False,
            return_attention_mask=False,
            # Long texts are expected, and judged by the engine.
            verbose=False,
        )["input_ids"]
        return [[*self._prefix, *ids] for ids in found]

    def continued(self, prompt: str, answer: str) -> tuple[list[int], int]:
        """Token ids of a prompt with its answer, and where the answer begins.

        Both are tokenised as one text, for a tokenizer may merge across the seam; the answer begins
        with the first token that the prompt alone would not have had.
        """
        alone, both = self.encode([prompt, prompt + answer])
        pairs = zip(alone, both, strict=False)
        shared = itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)
        return both, len(list(shared))

    def choice_ids(self, prompt: str, choices: tuple[str, ...]) -> list[int] | None:
        """The single token each choice is after a prompt, None if one of them is several tokens.

        It depends on the last line of the prompt alone, and is looked up once for each.
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
