"""YAML of others is read as text, and no file of a bounded size can do harm."""

import subprocess
import sys

import pytest

from densing_pipeline.json_documents import STATED_TWICE
from densing_pipeline.yaml_documents import DEEPEST_YAML, load


def test_every_scalar_is_text():
    content = b"- {value: 20.90, date: 2025-01-15, on: no, at: 20:30, none: ~, empty: }"
    assert load(content) == [
        {
            "value": "20.90",
            "date": "2025-01-15",
            "on": "no",
            "at": "20:30",
            "none": "~",
            "empty": "",
        }
    ]


BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n".encode()
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (BOMB, "aliases are not read"),
        (b"a: &a\n  - *a\n", "aliases are not read"),
        (b"a: &a {b: 1}\nc:\n  <<: *a\n", "aliases are not read"),
        (
            b"[" * (DEEPEST_YAML + 1) + b"]" * (DEEPEST_YAML + 1),
            f"nested more than {DEEPEST_YAML} deep",
        ),
        (b"- value: [1, 2\n- x", "not YAML: "),
        (b"\x80\x81", "not YAML: "),
        (b"--- a\n--- b\n", "not YAML: "),
        (b"? [a, b]\n: 1\n", "not YAML: "),
        (b"{? {a: b} : 1}", "not YAML: "),
    ],
)
def test_what_is_not_plain_yaml_is_refused(content, reason):
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
        load(content)


def test_nesting_up_to_the_bound_is_read():
    assert load(b"[" * DEEPEST_YAML + b"]" * DEEPEST_YAML) is not None


def test_an_anchor_that_nothing_refers_to_is_only_a_name():
    assert load(b"a: &a 1\n") == {"a": "1"}


def test_a_tag_makes_no_object():
    assert load(b"- !!python/object/apply:os.system ['touch /never']\n") == [["touch /never"]]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"value: 71\nvalue: 0.71\n", {"value": STATED_TWICE}),
        (b"value: 71\nvalue: 71\n", {"value": "71"}),
        (b"value: [1]\nvalue: {a: 1}\n", {"value": STATED_TWICE}),
    ],
)
def test_a_key_stated_twice_counts_for_no_value(content, found):
    assert load(content) == found


@pytest.mark.parametrize("opening", ["[", "- ", "? "])
def test_a_file_that_only_opens_collections_ends_no_process(opening):
    code = (
        "from densing_pipeline.yaml_documents import load\n"
        f"try:\n    load({opening!r}.encode() * 32768)\nexcept ValueError as error:\n    print(error)\n"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "nest" in done.stdout
