"""Generated tables in written pages."""

import pytest

from densing_pipeline.tables import markdown

PAGE = "before\n<!-- skill -->\nold\nlines\n<!-- /skill -->\nafter\n"


def test_a_table_has_a_head_a_rule_and_rows():
    assert markdown.table([["a", "b"], ["1", "2"]]) == "| a | b |\n|---|---|\n| 1 | 2 |"


def test_only_the_text_between_the_marks_is_replaced_however_often():
    once = markdown.filled(PAGE, "skill", r"new \1")
    assert once == "before\n<!-- skill -->\nnew \\1\n<!-- /skill -->\nafter\n"
    assert markdown.filled(once, "skill", r"new \1") == once


@pytest.mark.parametrize("page", ["no place", PAGE + PAGE])
def test_a_page_without_exactly_one_place_is_refused(page):
    with pytest.raises(ValueError, match="places named skill"):
        markdown.filled(page, "skill", "new")
