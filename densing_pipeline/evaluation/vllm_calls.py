"""Translates requests into calls of vLLM, and its outputs into results.

A choice is one decoding step that returns the log-probabilities of the choices' tokens; a loss reads
the log-probabilities of the answer, or of a whole text, within the prompt; texts are decoded greedily.
vLLM is imported at the first call. Not here: starting and stopping the engine (`vllm_engine`), and tokens (`tokens`).
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from densing_pipeline.evaluation.requests import (
    ChoiceRequest,
    ChoiceResult,
    Failed,
    GenerateRequest,
    GenerateResult,
    LossRequest,
    LossResult,
    Request,
    Result,
    TextLossRequest,
)
from densing_pipeline.evaluation.tokens import Tokeniser

SAME_TAIL = 8
"""Number of equal tokens at the end of a text after which NaN logits are checked for: with NaN logits
greedy decoding repeats one token, or ends at once if that is the end token."""

Done = Callable[[int, Result], None]


@dataclass
class Call:
    """One call of vLLM: a prompt that belongs to a request.

    Attributes:
        index: index of the request.
        request: the request.
        ids: the prompt's tokens.
        start: index of the answer's first token, for losses.
        choices: token ids of the choices.
        part: index of the part of the request that it computes, where one call is not enough: of the
            choice, where choices are several tokens, or of the window over a text.
        parts: number of parts of the request.
        text: the text already generated, where the call only checks the logits after it for NaN.
        reuse: whether a loss may use the prefix cache.
    """

    index: int
    request: Request
    ids: list[int]
    start: int = 0
    choices: tuple[int, ...] = ()
    part: int | None = None
    parts: int = 0
    text: GenerateResult | None = None
    reuse: bool = True


class Queue:
    """Feeds requests to the engine as calls and collects their results."""

    def __init__(
        self,
        requests: Sequence[Request],
        done: Done,
        tokeniser: Tokeniser,
        context: int,
        *,
        reuse: bool = True,
    ) -> None:
        """Hold the requests.

        Args:
            requests: in the order in which they are run.
            done: called with the index and the result of each.
            tokeniser: of the model.
            context: most tokens of a prompt with its answer.
            reuse: whether losses of answers may use the prefix cache.
        """
        self._left = iter(enumerate(requests))
        self._tokeniser, self._context, self._reuse = tokeniser, context, reuse
        self._done = done
        self._waiting: deque[Call] = deque()
        self._parts: dict[int, dict[int, Result]] = {}

    def next(self, most: int) -> Iterable[Call]:
        """The next calls, at most `most`; a request that cannot be run gets a `Failed` result."""
        while len(self._waiting) < most:
            chunk = list(islice(self._left, most))
            if not chunk:
                break
            for call in self._calls(chunk):
                if reason := self._unservable(call):
                    self._result(call, Failed(reason, "context"))
                else:
                    self._waiting.append(call)
        for _ in range(min(most, len(self._waiting))):
            yield self._waiting.popleft()

    def take(self, call: Call, output: Any) -> list[Call]:
        """Process an output of vLLM; returns the calls that have to follow it."""
        reason = output.outputs[0].finish_reason
        if reason not in ("stop", "length"):
            self._result(call, Failed(f"the engine ended it: {reason}", "engine"))
        elif call.text is not None:
            is_number = math.isfinite(output.outputs[0].cumulative_logprob)
            self._result(call, call.text if is_number else _no_number())
        elif isinstance(call.request, GenerateRequest):
            return self._text(call, call.request, output)
        elif call.choices:
            self._result(call, _choice(call, output))
        elif call.reuse and not _is_fresh(call, output):
            return [replace(call, reuse=False)]
        else:
            self._result(call, _loss(call, output))
        return []

    def _calls(self, chunk: Sequence[tuple[int, Request]]) -> Iterable[Call]:
        """Calls of some requests, whose prompts are tokenised together."""
        encoded = iter(
            self._tokeniser.encode(
                [
                    each.prompt
                    for _, each in chunk
                    if isinstance(each, ChoiceRequest | GenerateRequest)
                ]
            )
        )
        for index, request in chunk:
            if isinstance(request, LossRequest):
                ids, start = self._tokeniser.continued(request.prompt, request.answer)
                yield Call(index, request, ids, start, reuse=self._reuse)
            elif isinstance(request, TextLossRequest):
                yield from self._text_loss_calls(index, request)
            elif isinstance(request, GenerateRequest):
                yield Call(index, request, next(encoded))
            else:
                yield from self._choice_calls(index, request, next(encoded))

    def _choice_calls(self, index: int, request: ChoiceRequest, ids: list[int]) -> Iterable[Call]:
        """One call; or one for each choice if a choice is several tokens."""
        choices = self._tokeniser.choice_ids(request.prompt, request.choices)
        if choices is not None:
            yield Call(index, request, ids, choices=tuple(choices))
            return
        for part, choice in enumerate(request.choices):
            both, start = self._tokeniser.continued(request.prompt, choice)
            yield Call(index, request, both, start, part=part, parts=len(request.choices))

    def _text_loss_calls(self, index: int, request: TextLossRequest) -> Iterable[Call]:
        """A call for each window over the text; the first token of none of them is predicted.

        Without reuse: the loss counts from the second token on, so that a cached block would always
        have to be computed again.
        """
        windows = self._tokeniser.windows(request.text, self._context)
        if not windows:
            self._done(index, Failed("an empty text, or no token to begin one with", "context"))
        for part, (ids, start) in enumerate(windows):
            yield Call(index, request, ids, start, part=part, parts=len(windows), reuse=False)

    def _unservable(self, call: Call) -> str | None:
        """Why a call cannot be run, else None; an answer needs room for at least one token."""
        if len(call.ids) >= self._context:
            return f"a prompt of {len(call.ids)} tokens, in a context of {self._context}"
        if not call.ids or (call.start == 0 and isinstance(call.request, LossRequest)):
            return "an empty prompt"
        if isinstance(call.request, GenerateRequest):
            room = self._context - len(call.ids)
            if room < call.request.max_tokens:
                call.request = replace(call.request, max_tokens=room)
        return None

    def _text(self, call: Call, request: GenerateRequest, output: Any) -> list[Call]:
        """Store a text; if it ended by itself or in equal tokens, return a call that checks for NaN logits."""
        written = output.outputs[0]
        result = GenerateResult(
            text=written.text,
            truncated=written.finish_reason == "length",
            prompt_tokens=len(call.ids),
            completion_tokens=len(written.token_ids),
        )
        tokens = list(written.token_ids)
        tail = set(tokens[-SAME_TAIL:])
        by_itself = written.finish_reason == "stop" and written.stop_reason is None
        if tokens and (by_itself or len(tail) == 1):
            return [replace(call, ids=[*call.ids, *tokens[:-1]], text=result)]
        self._result(call, result)
        return []

    def _result(self, call: Call, result: Result) -> None:
        """Pass a result on; results of several calls of one request are joined first."""
        if call.part is None:
            self._done(call.index, result)
            return
        parts = self._parts.setdefault(call.index, {})
        parts[call.part] = result
        if len(parts) == call.parts:
            del self._parts[call.index]
            join = _whole_text if isinstance(call.request, TextLossRequest) else _choices
            self._done(call.index, _joined([parts[part] for part in sorted(parts)], join))


def params(call: Call) -> Any:
    """Sampling parameters of a call. Decoding is greedy."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    common = {"temperature": 0.0, "output_kind": RequestOutputKind.FINAL_ONLY}
    if call.text is not None:
        return SamplingParams(**common, max_tokens=1, logprobs=0, detokenize=False)
    if isinstance(call.request, GenerateRequest):
        return SamplingParams(
            **common, max_tokens=call.request.max_tokens, stop=list(call.request.stops)
        )
    if call.choices:
        return SamplingParams(
            **common,
            max_tokens=1,
            logprob_token_ids=list(call.choices),
            flat_logprobs=True,
            detokenize=False,
        )
    return SamplingParams(
        **common,
        max_tokens=1,
        prompt_logprobs=0,
        flat_logprobs=True,
        detokenize=False,
        skip_reading_prefix_cache=not call.reuse,
    )


def _choice(call: Call, output: Any) -> Result:
    """Log-probabilities of the choices.

    vLLM puts that of the sampled token before them. The V2 runner fills the row up to the longest of the batch with
    token 0 and -inf, so the first value of a token counts.
    """
    flat = output.outputs[0].logprobs
    pairs = zip(flat.token_ids, flat.logprobs, strict=True)
    by_token: dict[int, float] = {}
    for token, logprob in pairs:
        by_token.setdefault(token, logprob)
    logprobs = tuple(float(by_token[token]) for token in call.choices)
    if not all(map(math.isfinite, logprobs)):
        return _no_number()
    return ChoiceResult(logprobs, len(call.ids))


def _is_fresh(call: Call, output: Any) -> bool:
    """Whether the log-probabilities of the answer were computed in this call.

    vLLM's V2 model runner returns rows of the computed tokens only. Its V1 runner returns a row for every
    token after the first, of which those of cached positions are uninitialised memory. So fewer rows than
    tokens are all real, even if `num_cached_tokens` says otherwise (it is not updated after a preemption);
    of all rows those up to `num_cached_tokens` may not be: the position before the answer's first token
    gives that token's probability and must not be cached.
    """
    rows = _answer_rows(call, output)
    if rows is None:
        return False
    is_all = len(output.prompt_logprobs) >= len(call.ids)
    return not is_all or (output.num_cached_tokens or 0) < call.start


def _answer_rows(call: Call, output: Any) -> list[float] | None:
    """Log-probability of each token of the answer; None if rows are missing or are of other tokens.

    Counted from the end, where the rows of both model runners agree.
    """
    flat, answer = output.prompt_logprobs, call.ids[call.start :]
    # The row before the first token is empty.
    if flat is None or len(flat) - 1 < len(answer):
        return None
    places = flat.start_indices[len(flat) - len(answer) :]
    if [flat.token_ids[place] for place in places] != answer:
        return None
    return [float(flat.logprobs[place]) for place in places]


def _loss(call: Call, output: Any) -> Result:
    rows = _answer_rows(call, output)
    if rows is None:
        return Failed("the engine returned no log-probabilities of the answer", "engine")
    total = -math.fsum(rows)
    if not math.isfinite(total):
        return _no_number()
    return LossResult(total, len(rows), call.start)


def _joined(parts: Sequence[Result], join: Callable[[Sequence[LossResult]], Result]) -> Result:
    """Losses of the parts of a request as one result; the first part without a loss instead."""
    for part in parts:
        if not isinstance(part, LossResult):
            return part
    return join([part for part in parts if isinstance(part, LossResult)])


def _choices(losses: Sequence[LossResult]) -> Result:
    return ChoiceResult(tuple(-each.nll_nats for each in losses), losses[0].prompt_tokens)


def _whole_text(losses: Sequence[LossResult]) -> Result:
    """Loss of a text; the tokens of its prompts are all that were computed."""
    return LossResult(
        math.fsum(each.nll_nats for each in losses),
        sum(each.answer_tokens for each in losses),
        sum(each.prompt_tokens + each.answer_tokens for each in losses),
    )


def _no_number() -> Failed:
    return Failed("the model's probabilities are no numbers (NaN)", "not_a_number")
