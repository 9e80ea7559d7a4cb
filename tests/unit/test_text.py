"""Text from outside is harmless in a table, and shown as it is everywhere."""

import io
import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from densing_pipeline import text

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
ANY = st.text(st.characters(), max_size=50)
"""Every code point, half surrogate pairs included."""
HARMFUL = st.text(st.sampled_from("ab \n\t\x00\x1b\x7f\x85\x9b" + BIDI + "[]/=+-@|$<>`*"))


def _is_harmless(value: str) -> bool:
    return not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in BIDI for c in value)


@given(st.one_of(ANY, HARMFUL))
def test_cleaned_text_has_no_control_or_bidirectional_character(value: str) -> None:
    cleaned = text.clean(value)
    assert _is_harmless(cleaned)
    assert text.clean(cleaned) == cleaned


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=text.LONGEST_TEXT))
def test_other_text_is_unchanged(value: str) -> None:
    assert text.clean(value) == value


@given(st.lists(st.one_of(st.none(), HARMFUL, st.text(max_size=20)), max_size=5))
def test_a_column_is_cleaned_as_a_text_is(values: list[str | None]) -> None:
    frame = pl.DataFrame(
        {"a": values, "n": range(len(values))}, schema={"a": pl.String, "n": pl.Int64}
    )
    expected = [None if value is None else text.clean(value) for value in values]
    assert text.clean_frame(frame)["a"].to_list() == expected


@pytest.mark.parametrize("length", [text.LONGEST_TEXT, text.LONGEST_TEXT + 1])
def test_text_is_cut_above_its_bound_only(length: int) -> None:
    value = "é" * length
    is_cut = length > text.LONGEST_TEXT
    expected = value[: text.LONGEST_TEXT - 3] + "..." if is_cut else value
    assert text.clean(value) == expected
    assert text.clean_frame(pl.DataFrame({"a": [value]}))["a"].item() == expected


def test_a_name_is_repaired_or_refused_but_never_cut() -> None:
    assert text.clean_name(" a\x1b[2Jb\n") == "a[2Jb"
    assert text.clean_name("n" * text.LONGEST_NAME) == "n" * text.LONGEST_NAME
    for value in ("n" * (text.LONGEST_NAME + 1), "", "\x1b\u202e", " \n"):
        with pytest.raises(text.UncleanTextError):
            text.clean_name(value)


@given(st.one_of(ANY, HARMFUL, st.sampled_from(["[/]", "[red]x[/red]", "a\\[/]", "\\"])))
def test_a_terminal_shows_text_without_taking_it_for_markup(value: str) -> None:
    console = Console(file=io.StringIO(), width=10_000, color_system=None)
    console.print(text.plain(value), soft_wrap=True)
    assert console.file.getvalue() == text.clean(value) + "\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "value",
    ["[a](javascript:b)", "![x](http://h/x.png)", "<img src=x>", "a|b", "`a`", "# a", "http://h"],
)
def test_markdown_shows_text_without_links_images_and_html(value: str) -> None:
    written = text.markdown(value)
    for mark in ("[", "]", "(", "!", "|", "`", "#", ":"):
        assert written.count(mark) == written.count("\\" + mark)
    assert "<" not in written
