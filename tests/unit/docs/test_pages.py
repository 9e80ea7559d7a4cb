"""The written pages: every published constant is the code's, and every numeral is held by something.

What a release decides is compared in tests/integration/test_pages.py, which makes one.
"""

from pathlib import Path

import pytest

from docs import quoting, values
from docs.quoting import Page
from docs.statements import PAGES

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def constants():
    return values.constants()


@pytest.mark.parametrize(
    ("name", "statement"),
    [(name, statement) for name, page in PAGES.items() for statement in page.constants],
)
def test_a_page_states_the_constants_of_the_code(name, statement, constants):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert list(quoting.differences(text, [statement], constants)) == []


@pytest.mark.parametrize("name", PAGES)
def test_every_numeral_of_a_page_is_held_by_a_statement_or_listed_as_stated(name):
    unheld = quoting.unheld((ROOT / name).read_text(encoding="utf-8"), PAGES[name])
    assert unheld == [], "list it in docs/statements.py, or generate it"


def test_every_page_is_listed():
    written = {"README.md"} | {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert written == set(PAGES)


VALUES = {"days": 135.44, "share": 0.05, "count": 3, "big": 11430}
TEXT = "It doubles every 135 days, in\nthree of 11,430 cases (.05)."
STATEMENT = "every {days:.0f} days, in {count!w} of {big:,} cases ({share!p:.2f})"


def test_a_statement_is_found_however_its_lines_break_and_compared_as_it_is_printed():
    assert list(quoting.differences(TEXT, [STATEMENT], VALUES)) == []
    (found,) = quoting.differences(TEXT, [STATEMENT], VALUES | {"days": 135.5})
    assert found.right == "every 136 days, in three of 11,430 cases (.05)"
    assert found.written == "every 135 days, in three of 11,430 cases (.05)"


LINE = "| `paper` | 106.2 | -.05 | 11,430 | 2026-11-28 | three |"


@pytest.mark.parametrize(
    ("written", "right", "is_same"),
    [
        ("106.2", "106.3", True),
        ("106.2", "106.4", False),
        ("106.2", "106", False),
        ("-.05", "-.06", False),
        ("11,430", "11,431", False),
        ("2026-11-28", "2026-11-29", False),
        ("three", "four", False),
        ("paper", "ols-all", False),
    ],
)
def test_only_a_number_on_the_edge_between_two_printed_ones_may_be_either(written, right, is_same):
    near = LINE.replace("106.2", "106.3")
    assert quoting.agrees(LINE, LINE, near, LINE.replace("three", "never"))
    assert quoting.agrees(LINE.replace(written, right), LINE, LINE, near) == is_same


def test_a_page_is_filled_with_the_right_numbers_and_keeps_its_words_and_lines():
    wrong = TEXT.replace("135", "9").replace("three", "two").replace(".05", ".5")
    assert quoting.filled(wrong, [STATEMENT], VALUES) == TEXT


@pytest.mark.parametrize("text", ["It doubles every year.", f"{TEXT} {TEXT}"])
def test_a_statement_that_a_page_makes_never_or_twice_is_named_with_the_remedy(text):
    with pytest.raises(quoting.QuoteError, match=r"found \d times, needed once.*statements.py"):
        quoting.filled(text, [STATEMENT], VALUES)


def test_a_field_without_a_value_is_named():
    with pytest.raises(quoting.QuoteError, match="hours"):
        quoting.filled("in 3 hours", ["in {hours} hours"], VALUES)


@pytest.mark.parametrize(
    ("value", "conversion", "text"),
    [
        (0.05, "!p:.2f", ".05"),
        (-0.05, "!p:.2f", "-.05"),
        (10.05, "!p:.2f", "10.05"),
        (7.0, "!w", "seven"),
        (12, "!W", "Twelve"),
        (13, "!w", "13"),
    ],
)
def test_numbers_are_written_as_the_pages_write_them(value, conversion, text):
    assert quoting.numbers(f"{{x{conversion}}}", {"x": value}) == [text]


@pytest.mark.parametrize(
    ("text", "numerals"),
    [
        ("after 135 days", ["135 days"]),
        ("it is .033 to 2.28", [".033 to 2.28", "2.28"]),
        ("days (82-143)", ["82-143)", "143)"]),
        ("on 2024-09-19", ["2024-09-19"]),
        ("GPT-4, Qwen2.5 and MMLU-5", []),
        ("`x = 4`, [a 5](b6.md), <http://7.example/8>", ["5](b6.md), <http://7.example/8>"]),
        ("```\n9\n```\n\n    code 10\n", []),
        ("<!-- measured: x -->\n11\n<!-- /measured: x -->", []),
    ],
)
def test_what_counts_as_a_numeral(text, numerals):
    assert [rest for _, rest in quoting.unheld(text, Page())] == numerals


def test_a_numeral_is_held_by_a_statement_a_stated_piece_or_what_the_page_rests_on():
    assert quoting.unheld(TEXT, Page(constants=(STATEMENT,))) == []
    assert quoting.unheld(TEXT, Page(stated={"a book": (TEXT,)})) == []
    assert quoting.unheld(TEXT, Page(rest="a measurement")) == []
    assert quoting.unheld(f"{TEXT}\n4", Page(released=(STATEMENT,))) == [(3, "4")]


def test_a_stated_piece_that_is_gone_is_named():
    with pytest.raises(quoting.QuoteError, match="1 apple"):
        quoting.unheld("no fruit", Page(stated={"a book": ("1 apple",)}))


def test_a_finding_must_be_in_the_page_and_borne_out():
    page = Page(findings={"it doubles": lambda of: of["days"] < 100})
    assert quoting.contradicted("So it\ndoubles.", page, {"days": 99}) == []
    assert quoting.contradicted("So it\ndoubles.", page, {"days": 100}) == ["it doubles"]
    with pytest.raises(quoting.QuoteError, match="it doubles"):
        quoting.contradicted("So it halves.", page, {"days": 99})
