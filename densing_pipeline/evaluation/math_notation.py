r"""Writes two mathematical answers in one notation before `math-verify` reads them.

The library reads LaTeX. It drops or misreads what it does not know: `0.\overline{3}` is 0 to it, `3c` is 3 (c may be a
unit), `7 a.m.` is 7, `{1, 2}` is the pair (1, 2), and "½" or `x < 2 or x > 3` are nothing. So both answers are put into
notation that it reads, and pairs that differ in what it drops are told apart here.

Not here: comparing the values (`math_judge`, `math_worker`).
"""

import re
from fractions import Fraction

UNICODE = {
    "\u2212": "-", "\u2013": "-", "\u2010": "-", "\u2011": "-", "\uff0d": "-", "\u00d7": r"\times ", "\u00b7": r"\cdot ",
    "\u22c5": r"\cdot ", "\u00f7": r"\div ", "\u2044": "/", "\u2215": "/", "\u2264": r"\le ", "\u2265": r"\ge ",
    "\u2260": r"\ne ", "\u00b1": r"\pm ", "\u221e": r"\infty ", "\u03c0": r"\pi ", "\u222a": r"\cup ", "\u2208": r"\in ",
    "\u2205": r"\emptyset ", "\u211d": r"\mathbb{R}", "\u00b0": r"^\circ ", "\u03b8": r"\theta ", "\u2009": r"\,",
    "\u202f": r"\,", "\u00a0": " ",
    "\u00bd": r"\frac{1}{2}", "\u2153": r"\frac{1}{3}", "\u2154": r"\frac{2}{3}", "\u00bc": r"\frac{1}{4}",
    "\u00be": r"\frac{3}{4}", "\u2155": r"\frac{1}{5}", "\u2156": r"\frac{2}{5}", "\u2157": r"\frac{3}{5}",
    "\u2158": r"\frac{4}{5}", "\u2159": r"\frac{1}{6}", "\u215a": r"\frac{5}{6}", "\u215b": r"\frac{1}{8}",
    "\u215c": r"\frac{3}{8}", "\u215d": r"\frac{5}{8}", "\u215e": r"\frac{7}{8}",
    **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
}  # fmt: skip
"""Characters that stand for mathematics, and LaTeX for them."""

_UNICODE = str.maketrans(UNICODE)

SUPERSCRIPTS = {
    **{power: str(digit) for digit, power in enumerate("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")},
    "\u207a": "+", "\u207b": "-", "\u207f": "n",
}  # fmt: skip
SUBSCRIPTS = {chr(0x2080 + digit): str(digit) for digit in range(10)}
"""Raised and lowered characters, of which several together are one exponent or one base."""

_RAISED, _LOWERED = (re.compile(f"[{''.join(each)}]+") for each in (SUPERSCRIPTS, SUBSCRIPTS))
_FULL_SIZE = str.maketrans(SUPERSCRIPTS | SUBSCRIPTS)

THOUSANDS = re.compile(r"(?<=\d)(?:,\\!|\\[,!;: ]|\{,\}|\\ |~)(?=\d{3}(?!\d))")
"""A thin space, or a comma in braces, between the thousands of a number."""

NOTATIONS = (
    (THOUSANDS, ""),
    (re.compile(r"\\!"), ""),
    (re.compile(r"\*\*([^*]+)\*\*"), r"\1"),
    (re.compile(r"\\(?:left|right|bigl|bigr|Bigl|Bigr)(?=[\[\](){}|.\\])"), ""),
    (re.compile(r"\\varnothing(?![a-zA-Z])"), r"\\emptyset"),
    (re.compile(r"\u221a\s*(\d+|[a-zA-Z])"), r"\\sqrt{\1}"),
    (re.compile(r"(?:\u221a|(?<![a-zA-Z\\])sqrt)\s*\(([^()]*)\)"), r"\\sqrt{\1}"),
    (re.compile(r"(?:\u221a|(?<![a-zA-Z\\])sqrt)(?=\s*\{)"), r"\\sqrt"),
    (re.compile(r"\(([0-9A-Z]+)\)(?=\s*_)"), r"\1"),
    (re.compile(r"(?<=[^.\s])\s?\.(?=\s?\$?\Z)"), ""),
    (re.compile(r"(?<![a-zA-Z\\])pi(?![a-zA-Z])"), r"\\pi"),
    (re.compile(r"\\[dtc]?frac\s*\\pi\s*\{?(\d+)\}?"), r"\\frac{\\pi}{\1}"),
    (re.compile(r"(?<![\d.,])(\d+) (\d+)/(\d+)(?![\d/])"), r"\1\\frac{\2}{\3}"),
    (re.compile(r",?\s*\$,?\s*(?:and|or)\s*\$"), ", "),
    (re.compile(r"\\p?mod\s*\{[^{}]*\}|\(\s*(?:\\text\{\s*)?mod\s*\}?[^()]*\)"), ""),
    (re.compile(r"\\(sin|cos|tan|cot|sec|csc)\s*\(?\s*(\d+)\s*\^\s*(?:\\circ|\{\s*\\circ\s*\})\s*\)?"), r"\\\1{\\frac{\2\\pi}{180}}"),
)  # fmt: skip
"""Notations that the library does not read, and the ones that it does."""

REPEATING = re.compile(
    r"(?<![\d.])(\d*)\.(\d*)\\(?:overline|bar|dot)\s*(?:\{\s*(\d+)\s*\}|(\d))(?!\d)"
)
"""A decimal number with repeating digits, such as `0.1\\overline{6}`."""

TEXT = re.compile(r"\\(?:text|textbf|textit|textrm|mbox|mathrm|mathbf)\s*\{([^{}]*)\}")
"""Words within mathematics."""

COMMANDS = re.compile(rf"{TEXT.pattern}|\\(?:begin|end)\s*\{{[a-z]+\}}|\\[a-zA-Z]+")
"""Commands of LaTeX, with words that are set as text: what is left of letters are unknowns."""

LAST_LETTER = re.compile(r"(?:(?<=[0-9)}])|(?<=[^,;]\s))([a-zA-Z]*)([a-hj-zA-Z])(?=[\s.$]*\Z)")
"""An unknown at the end of an answer, which the library may take for a unit and drop; in braces it does not."""

WORDS = re.compile(rf"\s?\$?(?:\s?{TEXT.pattern})+\s?\$?\.?\s?")
"""An answer that is set as text as a whole."""

_NO_UNIT = (
    r"and|or|to|by|of|mod|over|root|plus|minus|times|divided|choose|squared|cubed|factorial|more|less|half|halves|thirds?"
    r"|quarters?|(?:four|fif|six|seven|eigh|nin|ten|eleven|twelf|[a-z]+teen|[a-z]+tie|hundred|thousand|[mbt]r?illion)ths?"
    r"|dozens?|hundreds?|thousands?|[mbt]r?illions?"
)
"""Words behind a number that make it another number."""

AMOUNT = re.compile(
    r"(\\?\$?-?[\d,]*\.?\d+(?:/\d+)?)"
    rf"(?:\s+(?!(?:{_NO_UNIT})\b)[a-zA-Z]{{2,}}\.?(?:\^\{{?[23]\}}?)?)+\.?"
)
"""A number with words after it that say of what."""

PERCENT = re.compile(r"\s*(?:\\?%|percent|\\text\{\s*(?:percent|\\?%)\s*\})(?=[\s.$]*\Z)")
"""A sign of per cent, or the word, at the end of an answer."""

BASE = re.compile(
    r"\s*\$?\s*\(?\s*(?P<digits>[0-9A-Z]+)\s*\)?\s*_\s*\{?\s*(?P<base>[0-9]+)\s*\}?\s*\$?\s*"
)
"""A number with the base that it is written in, such as `52_8`; the library reads 52."""

RATIO = re.compile(r"(?<!\d)(\d+)\s*:\s*(\d+)(?!\d)")
"""A ratio, or a time of day if the second number has two digits; the library divides."""

HALF_OF_DAY = re.compile(r"\s*(?<![a-z])([ap])\.?\s?m\b\.?", re.IGNORECASE)
DIRECTION = re.compile(r"(?<![a-z])(north|south|east|west)(?![a-z])", re.IGNORECASE)
"""Words behind a number that make it another answer; the library drops them as units."""

SET = re.compile(r"\s*\$?\s*\\\{.*\\\}\s*\$?\s*")
PAIR = re.compile(r"\s*\$?\s*[\[(].*,.*[\])]\s*\$?\s*")
ONE_PAIR = re.compile(r"\s*\$?\s*[\[(][^\[\]()]*,[^\[\]()]*[\])]\s*\$?\s*")
"""A set in braces, whose elements have no order; a tuple, an interval, or several of them; and one of them."""

_LESS = r"(?P<sign><|\\l(?:t|eq?)(?:slant)?(?![a-z]))"
_MORE = r"(?P<sign>>|\\g(?:t|eq?)(?:slant)?(?![a-z]))"
_UNKNOWN, _BOUND = r"\s?[a-zA-Z]\s?", r"\s?(?P<bound>[^<>=$]+?)\s?"

HALF_LINES = tuple(
    (re.compile(pattern), is_above)
    for pattern, is_above in (
        (_UNKNOWN + _MORE + _BOUND, True),
        (_UNKNOWN + _LESS + _BOUND, False),
        (_BOUND + _LESS + _UNKNOWN, True),
        (_BOUND + _MORE + _UNKNOWN, False),
    )
)
"""A bound of an unknown on one side, such as `x \\ge 5`, and whether the unknown is above it."""


def _between(sign: str) -> re.Pattern[str]:
    one, other = sign.replace("sign", "left"), sign.replace("sign", "right")
    return re.compile(rf"([^<>=$]+?)\s?{one}\s?[a-zA-Z]\s?{other}\s?([^<>=$]+?)")


BETWEEN = ((_between(_LESS), False), (_between(_MORE), True))
"""Bounds of an unknown on both sides, such as `2 \\le x < 5`, and whether the higher one comes first."""

UNEQUAL = re.compile(r"[a-zA-Z]\s?\\neq?(?![a-z])\s?([^<>=$,]+)")
"""All numbers but one, such as `x \\ne 2`."""

STRICT = ("<", ">", "\\lt", "\\gt")

EITHER = re.compile(
    r"\s*(?:,\s*)?(?:\\text\{\s*or\s*\}|(?<![a-zA-Z\\])or(?![a-zA-Z])|\\lor(?![a-z])|\\cup(?![a-z]))\s*"
)
"""What joins two sets of numbers to one."""


def verdict(reference: str, answer: str) -> bool | None:
    r"""Whether two answers are the same, as far as their notation says; None if their values have to be compared.

    Examples:
        >>> verdict("52_8", "52_{9}"), verdict(r"\{1,2\}", "(1,2)"), verdict(r"7\text{ a.m.}", "7 p.m.")
        (False, False, False)
        >>> verdict(r"\text{June 20}", "June 20"), verdict(r"\text{even}", "Even."), verdict("1", "2")
        (True, True, None)
    """
    one, other = (in_latex(each) for each in (reference, answer))
    if _plain(one) == _plain(other):
        return True
    if _differ_in_kind(one, other):
        return False
    return _words(one) == _words(other) if _is_words(one) else None


def _plain(answer: str) -> str:
    """An answer without what sets parts of it as text, and without spaces."""
    return "".join(
        HALF_OF_DAY.sub(lambda found: f"{found[1].lower()}m", TEXT.sub(r"\1", answer))
        .replace("$", "")
        .split()
    )


def _words(answer: str) -> str:
    """The letters of an answer without an article, in lower case."""
    return re.sub(r"\A\s*(?:an?|the)\s+|[\s$*.\"']", "", TEXT.sub(r"\1", answer).lower())


def _is_words(answer: str) -> bool:
    """Whether an answer is set as text as a whole, with at least two letters and no digits."""
    return bool(WORDS.fullmatch(answer)) and bool(
        re.fullmatch(r"[^\d\\]*[a-z]{2,}[^\d\\]*", _words(answer))
    )


def _differ_in_kind(one: str, other: str) -> bool:
    """Whether two answers differ in what the library drops: a base, braces of a set, a colon, a.m., a direction."""
    with_base = BASE.fullmatch(one), BASE.fullmatch(other)
    if (
        all(with_base)
        and len({(found["digits"], found["base"]) for found in with_base if found}) > 1
    ):
        return True
    if any(SET.fullmatch(a) and ONE_PAIR.fullmatch(b) for a, b in ((one, other), (other, one))):
        return True
    ratios = [
        [tuple(map(int, found)) for found in RATIO.findall(_plain(each))] for each in (one, other)
    ]
    is_time = any(second > 9 for each in ratios for _, second in each)
    said = [
        [
            word.lower()
            for pattern in (HALF_OF_DAY, DIRECTION)
            for word in pattern.findall(TEXT.sub(r"\1", each))
        ]
        for each in (one, other)
    ]
    is_other_time = is_time and all(ratios) and ratios[0] != ratios[1]
    return is_other_time or (all(said) and said[0] != said[1])


def alike(reference: str, answer: str) -> tuple[str, str]:
    r"""Both answers in one notation: LaTeX, fractions for repeating decimals, intervals for bounds if one is an interval.

    Per cent are numbers, if the reference says per cent; if it does not, the library takes `10\%` for 10 and for 0.1.

    Examples:
        >>> alike(r"\frac{1}{3}", r"0.\overline{3}")
        ('\\frac{1}{3}', '\\frac{1}{3}')
        >>> alike("[2,5)", "2 ≤ x < 5")
        ('[2,5)', '[2,5)')
    """
    one, other = (in_latex(each) for each in (reference, answer))
    is_percent = PERCENT.search(one)
    one, other = (PERCENT.sub("" if is_percent else r"\\%", each) for each in (one, other))
    if re.search("[a-zA-Z]", COMMANDS.sub("", one)):
        one, other = (LAST_LETTER.sub(r"\1{\2}", each) for each in (one, other))
    elif amount := AMOUNT.fullmatch(other.strip()):
        other = amount[1]
    if PAIR.fullmatch(one):
        other = interval(other)
    elif PAIR.fullmatch(other):
        one = interval(one)
    return one, other


def in_latex(answer: str) -> str:
    r"""An answer in the notation that the library reads.

    Examples:
        >>> in_latex("−2½"), in_latex("1 1/2"), in_latex(r"2.1\overline{3}")
        ('-2\\frac{1}{2}', '1\\frac{1}{2}', '\\frac{32}{15}')
    """
    answer = _RAISED.sub(lambda found: f"^{{{found[0].translate(_FULL_SIZE)}}}", answer)
    answer = _LOWERED.sub(lambda found: f"_{{{found[0].translate(_FULL_SIZE)}}}", answer)
    answer = " ".join(answer.translate(_UNICODE).split())
    for pattern, replacement in NOTATIONS:
        answer = pattern.sub(replacement, answer)
    return REPEATING.sub(_fraction, answer)


def _fraction(found: re.Match[str]) -> str:
    whole, digits, repeated = found[1] or "0", found[2], found[3] or found[4]
    value = Fraction(
        int(f"{whole}{digits}{repeated}") - int(f"{whole}{digits}"), 10 ** len(digits)
    ) / (10 ** len(repeated) - 1)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def interval(text: str) -> str:
    r"""Bounds of an unknown as the interval or the union of intervals that they are; another text unchanged.

    Examples:
        >>> interval(r"2 \le x < 5"), interval(r"x \ge 5")
        ('[2,5)', '[5,\\infty)')
        >>> interval(r"$x < 2$ or $x > 3$")
        '(-\\infty,2) \\cup (3,\\infty)'
    """
    parts = [_one_interval(part.strip()) for part in EITHER.split(text.replace("$", ""))]
    return text if None in parts else r" \cup ".join(map(str, parts))


def _one_interval(text: str) -> str | None:
    if PAIR.fullmatch(text):
        return text
    for pattern, is_high_first in BETWEEN:
        if found := pattern.fullmatch(text):
            ends = (found[1], found["left"]), (found[4], found["right"])
            (low, left), (high, right) = reversed(ends) if is_high_first else ends
            return f"{_opened(left)}{low},{high}{_closed(right)}"
    for pattern, is_above in HALF_LINES:
        if found := pattern.fullmatch(text):
            sign, bound = found["sign"], found["bound"]
            return (
                f"{_opened(sign)}{bound},\\infty)"
                if is_above
                else f"(-\\infty,{bound}{_closed(sign)}"
            )
    if found := UNEQUAL.fullmatch(text):
        return rf"(-\infty,{found[1]}) \cup ({found[1]},\infty)"
    return None


def _opened(sign: str) -> str:
    return "(" if sign in STRICT else "["


def _closed(sign: str) -> str:
    return ")" if sign in STRICT else "]"
