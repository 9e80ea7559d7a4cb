"""Metrics: the score of an answer.

Each metric is a frozen dataclass with its parameters, so that the suite version covers them. An item
that could not be asked or judged has no score and a reason; an answer without content is wrong.

Not here: which benchmark has which metric (`suite`), comparing mathematical answers (`math_judge`),
and running programs (`sandbox`).
"""

import ast
import json
import math
import re
import string
from dataclasses import dataclass, replace
from typing import Any, Protocol

from densing_pipeline.evaluation.requests import (
    ChoiceResult,
    Failed,
    GenerateResult,
    LossRequest,
    LossResult,
    Request,
    Result,
)

LETTERS = "ABCDEFGHIJ"

_PUNCTUATION = str.maketrans("", "", string.punctuation)

ROLE = re.compile(
    r"\s*(?:</?think(?:ing)?>|<\|[A-Za-z_]+\|>|<(?:start|end)_of_turn>|\[/?INST\]|</?s>"
    r"|(?:assistant|user|system|model|final|analysis)\s*(?:\n|:|<\|)|###? ?(?:Response|Assistant|Instruction))",
    re.IGNORECASE,
)
"""How answers of a model that was trained to chat begin."""

BOX = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z])\s*")
"""The beginning of a box."""

_AND = r"(?:\\text\{\s*)?(?:and|or)(?:\s*\})?"
JOINED_BOXES = re.compile(rf"[\s$]*(?:,[\s$]*(?:{_AND})?|{_AND})[\s$]*")
"""What stands between boxes that are one answer."""

LONG_SPACE = re.compile(r"(\s{100})\s+")
"""White space of which no answer has as much: a model may write nothing else to the end, and patterns would take time that
grows with its square."""

STOP_WITHIN = re.compile(r"[.,;]\s*(\$|\\\]|\\\))$")
"""A full stop before the end of a formula, as in `$42.$`."""

LONGEST_ANSWER = 2000
"""Characters; a longer final answer is wrong without being compared."""


@dataclass(frozen=True)
class Item:
    """One question of a benchmark.

    Attributes:
        item_id: unique within the benchmark, the same from every source of the data.
        subject: the subject or task it belongs to, if there are several.
        request: what the model is asked.
        reference: the right answer; for programs the tests.
        loss: the reference solution as an answer whose loss is measured, if the data set has one.
    """

    item_id: str
    subject: str | None
    request: Request
    reference: str
    loss: LossRequest | None = None


@dataclass(frozen=True)
class Scored:
    """Result of an item.

    Attributes:
        score: 0 to 1; None if the item could not be asked or judged, or has a loss only.
        response: the chosen letter, or the text the model wrote.
        truncated: whether the token budget cut the text off.
        answer_nll_nats_per_token: mean negative log-likelihood of the reference answer.
        failed_reason: why there is neither score nor loss; None if there is one.
        bits_per_byte: negative log-likelihood of a whole text, in bits for each of its bytes in UTF-8.
        text_bytes: bytes of this text.
    """

    score: float | None = None
    response: str | None = None
    truncated: bool = False
    answer_nll_nats_per_token: float | None = None
    failed_reason: str | None = None
    bits_per_byte: float | None = None
    text_bytes: int | None = None


class Verdict(Protocol):
    """Whether a program passed its tests."""

    @property
    def passed(self) -> bool:
        """Whether it passed its tests."""

    @property
    def reason(self) -> str:
        """Why it did not pass; empty if it did."""


class ProgramJudge(Protocol):
    """Runs a program and its tests in isolation (`sandbox.Sandbox`)."""

    def check(self, program: str, tests: str) -> Verdict:
        """Verdict on the program. Raises RuntimeError if there is no working sandbox."""


class MathJudge(Protocol):
    """Decides whether two answers are mathematically equal (`math_judge.MathJudge`)."""

    def same(self, reference: str, answer: str) -> bool:
        """Whether they are equal; an answer that cannot be parsed in time is not.

        Raises RuntimeError if the judge does not work.
        """


@dataclass(frozen=True)
class Judges:
    """Judges that some metrics need. Without its judge an item has no score."""

    programs: ProgramJudge | None = None
    maths: MathJudge | None = None


class Metric(Protocol):
    """Scores a result."""

    def __call__(self, item: Item, result: Any, judges: Judges) -> Scored:
        """Score a result of the item's request, never a `Failed` one."""


@dataclass(frozen=True)
class Letter:
    """1 if the likeliest choice is the reference letter; of equally likely ones the first is chosen.

    Also gives the loss of the reference letter's token.
    """

    def __call__(self, item: Item, result: ChoiceResult, judges: Judges) -> Scored:
        """Judge a choice."""
        if not all(math.isfinite(logprob) for logprob in result.logprobs):
            return Scored(failed_reason=f"log-probabilities {result.logprobs} of the choices")
        chosen = LETTERS[max(range(len(result.logprobs)), key=result.logprobs.__getitem__)]
        loss = -result.logprobs[LETTERS.index(item.reference)]
        return Scored(float(chosen == item.reference), chosen, answer_nll_nats_per_token=loss)


@dataclass(frozen=True)
class ExactMatch:
    """1 if the extracted answer equals the reference, character by character.

    Attributes:
        pattern: the first match's first group is the answer, less outer white space and a full stop.
    """

    pattern: str

    def __call__(self, item: Item, result: GenerateResult, judges: Judges) -> Scored:
        """Judge a text."""
        answer = self.extract(result.text)
        return Scored(float(answer == item.reference), result.text, result.truncated)

    def extract(self, text: str) -> str | None:
        """The answer in a text, None if there is none."""
        return _found(self.pattern, text)


@dataclass(frozen=True)
class NormalisedMatch:
    """1 if the answer and the reference are equal after both are normalised.

    The steps and their order are those of lm-eval's `exact_match`.

    Attributes:
        pattern: the first match's first group is the answer, less outer white space.
        ignored: patterns whose matches are removed from both, one after the other.
        ignores_case: whether capitals do not count.
        ignores_punctuation: whether ASCII punctuation does not count.
        has_several: whether the reference is a JSON list, of which one must be equal.
    """

    pattern: str = r"(?s)(.*)"
    ignored: tuple[str, ...] = ()
    ignores_case: bool = False
    ignores_punctuation: bool = False
    has_several: bool = False

    def __call__(self, item: Item, result: GenerateResult, judges: Judges) -> Scored:
        """Judge a text."""
        found = re.search(self.pattern, result.text)
        references = json.loads(item.reference) if self.has_several else [item.reference]
        is_right = found is not None and self.normalised(found.group(1).strip()) in {
            self.normalised(each) for each in references
        }
        return Scored(float(is_right), result.text, result.truncated)

    def normalised(self, text: str) -> str:
        """A text without what does not count."""
        for pattern in self.ignored:
            text = re.sub(pattern, "", text)
        if self.ignores_case:
            text = text.lower()
        if self.ignores_punctuation:
            text = text.translate(_PUNCTUATION)
        return text


@dataclass(frozen=True)
class SameMathematics:
    r"""1 if the final answer is mathematically equal to the reference (`math-verify`).

    Attributes:
        pattern: the first match's first group is the final answer, less outer white space and a full
            stop; without a match the content of the last `\boxed`, or of the last ones if they are joined.
        otherwise: like `pattern`, for a text with neither; of several matches the last counts.
        at_end: like `pattern`, for a text with none of these that was not cut off.
    """

    pattern: str
    otherwise: str = ""
    at_end: str = ""

    def __call__(self, item: Item, result: GenerateResult, judges: Judges) -> Scored:
        """Judge a text."""
        if judges.maths is None:
            return Scored(failed_reason="no judge of mathematical answers")
        answer = self.extract(result.text, is_whole=not result.truncated)
        try:
            same = (
                answer is not None
                and len(answer) <= LONGEST_ANSWER
                and judges.maths.same(item.reference, answer)
            )
        except RuntimeError as error:
            return Scored(failed_reason=f"not judged: {error}")
        return Scored(float(same), result.text, result.truncated)

    def extract(self, text: str, *, is_whole: bool = True) -> str | None:
        """The final answer in a text, None if there is none.

        Args:
            text: what the model wrote.
            is_whole: whether it ended by itself.
        """
        found = (
            _found(self.pattern, text)
            or last_boxes(text)
            or (_found(self.otherwise, text, last=True) if self.otherwise else None)
            or (_found(self.at_end, text) if self.at_end and is_whole else None)
        )
        return found and STOP_WITHIN.sub(r"\1", found)


@dataclass(frozen=True)
class PassesTests:
    """1 if the program passes its tests in the sandbox (pass@1 of one greedy answer).

    Attributes:
        program: template of the program, over `{prompt}` and `{response}`.
        may_be_fenced: whether an answer in a code fence is the code within; what comes after it is no part.
        has_helpers: whether tests may use functions that the prompt defines before the one asked for; they use them as the
            prompt has them, whatever the answer makes of them.
    """

    program: str
    may_be_fenced: bool = False
    has_helpers: bool = False

    def __call__(self, item: Item, result: GenerateResult, judges: Judges) -> Scored:
        """Judge a program."""
        if judges.programs is None:
            return Scored(failed_reason="no sandbox to run programs in")
        response = unfenced(result.text) if self.may_be_fenced else result.text
        program = self.program.format(prompt=item.request.prompt, response=response)
        tests = item.reference
        if self.has_helpers:
            tests = f"{helpers(item.request.prompt)}\n{tests}"
        try:
            verdict = judges.programs.check(program, tests)
        except RuntimeError as error:
            return Scored(failed_reason=f"not run: {error}")
        return Scored(float(verdict.passed), result.text, result.truncated)


@dataclass(frozen=True)
class AnswerLoss:
    """No score; only the loss of the reference answer is measured."""

    def __call__(self, item: Item, result: LossResult, judges: Judges) -> Scored:
        """Judge a loss."""
        loss = nats_per_token(result)
        if loss is None:
            return Scored(
                failed_reason=f"a loss of {result.nll_nats} nats, {result.answer_tokens} tokens"
            )
        return Scored(answer_nll_nats_per_token=loss)


@dataclass(frozen=True)
class BitsPerByte:
    """No score; the loss of a whole text in bits per byte, which does not depend on the tokenizer."""

    def __call__(self, item: Item, result: LossResult, judges: Judges) -> Scored:
        """Judge the loss of a text, which is the item's reference."""
        scored = AnswerLoss()(item, result, judges)
        size = len(item.reference.encode())
        if scored.failed_reason or not size:
            return scored
        bits = result.nll_nats / math.log(2)
        return replace(scored, bits_per_byte=bits / size, text_bytes=size)


def score(metric: Metric, item: Item, result: Result, judges: Judges) -> Scored:
    """Score a result; a failed one has no score and keeps its reason."""
    if isinstance(result, Failed):
        return Scored(failed_reason=result.reason)
    return metric(item, result, judges)


def nats_per_token(result: Result | None) -> float | None:
    """Mean loss of an answer's tokens, in nats; None without tokens or if it is not finite."""
    if not isinstance(result, LossResult) or result.answer_tokens < 1:
        return None
    loss = result.nll_nats / result.answer_tokens
    return loss if math.isfinite(loss) else None


def _found(pattern: str, text: str, *, last: bool = False) -> str | None:
    """First group of the first match, or of the last one, less outer white space and a full stop."""
    text = LONG_SPACE.sub(r"\1", text)
    matches = list(re.finditer(pattern, text)) if last else [re.search(pattern, text)]
    found = matches[-1] if matches else None
    return found and found.group(1).strip().removesuffix(".").strip()


FENCE = re.compile(r"(?m)^(?P<indent> {0,3})(?P<fence>```+|~~~+)[^\n`]*(?:\n|\Z)")
"""A line that opens or closes a code block (CommonMark 0.31, section 4.5)."""

DEFINITION = re.compile(r"(?m)^(?:(?:async\s+)?def|class)\s+\w|^\w+\s*=(?!=)")
"""A line that defines a function, a class or a name."""

MARK_ALONE = re.compile(r"(?m)^\[/?[A-Z]+\][ \t]*$")
"""A line such as `[END]`, as the prompt has around programs."""


def unfenced(text: str) -> str:
    r"""The program in an answer that may be in a code fence, or have one after it.

    Lines with nothing but a mark such as `[END]` divide the answer; of its parts the first that defines something counts. It
    is the program itself if it is Python; else what comes before its first fence if that defines something; else what is
    within the first fence, less the indentation of the fence.

    Examples:
        >>> unfenced("```python\nx = 1\n```\nThis sets x.")
        'x = 1\n'
        >>> unfenced("Here it is:\n~~~\nx = 1\n~~~"), unfenced("x = 1\n```\nThis sets x.")
        ('x = 1\n', 'x = 1\n')
    """
    parts = MARK_ALONE.split(text)
    text = next((part for part in parts if DEFINITION.search(part)), parts[0])
    opened = FENCE.search(text)
    if opened is None or _is_python(text):
        return text
    before, rest = text[: opened.start()], text[opened.end() :]
    if DEFINITION.search(before):
        return before
    ends = (each for each in FENCE.finditer(rest) if each["fence"].startswith(opened["fence"]))
    closed = next(ends, None)
    within = rest[: closed.start()] if closed else rest
    return (
        re.sub(rf"(?m)^ {{1,{len(opened['indent'])}}}", "", within) if opened["indent"] else within
    )


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def helpers(prompt: str) -> str:
    r"""The functions that a prompt defines before the last one, with its imports; nothing if it has one function.

    Examples:
        >>> helpers("def two():\n    return 2\n\ndef four():\n    'Twice two.'\n")
        'def two():\n    return 2'
    """
    try:
        body = ast.parse(prompt).body
    except SyntaxError:
        return ""
    functions = [node for node in body if isinstance(node, ast.FunctionDef)][:-1]
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(map(ast.unparse, [*imports, *functions])) if functions else ""


def begins_with_role(text: str) -> bool:
    """Whether an answer begins as a chat does: with the mark of a role, a turn or a thought.

    vLLM leaves out special tokens, so of `<|im_start|>assistant` the role's name may be what is left.

    Examples:
        >>> begins_with_role("<think>Let me see")
        True
    """
    return ROLE.match(text) is not None


def last_boxed(text: str) -> str | None:
    r"""Content of the last `\boxed{...}` (or `\boxed x`, `\fbox{...}`) of a text, None without one.

    Examples:
        >>> last_boxed(r"so $x = \boxed{\frac{1}{2}}$.")
        '\\frac{1}{2}'
    """
    starts = list(BOX.finditer(text))
    return _box(text, starts[-1])[0] if starts else None


def last_boxes(text: str) -> str | None:
    r"""Content of the last box of a text, and of those before it that are joined to it; None without one.

    Examples:
        >>> last_boxes(r"First $\boxed{7}$. The roots are $\boxed{-2}$ and $\boxed{1}$.")
        '-2, 1'
    """
    contents: list[str] = []
    next_start = None
    for start in reversed(list(BOX.finditer(text))):
        content, end = _box(text, start)
        if content is None:
            break
        if next_start is not None and not JOINED_BOXES.fullmatch(text, end, max(end, next_start)):
            break
        contents.insert(0, content)
        next_start = start.start()
    return ", ".join(contents) or None


def _box(text: str, start: re.Match[str]) -> tuple[str | None, int]:
    """Content of a box and where it ends; None if it has none or is not closed."""
    begin = start.end()
    if not text.startswith("{", begin):
        content = re.split(r"\$|\\\]|\\\)|\n", text[begin:], maxsplit=1)[0]
        return content.strip() or None, begin + len(content)
    depth = 0
    for brace in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, begin):
        depth += (brace[0] == "{") - (brace[0] == "}")
        if depth == 0:
            return text[begin + 1 : brace.start()].strip(), brace.end()
    return None, len(text)
