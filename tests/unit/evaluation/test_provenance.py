"""What the items of one benchmark alone depend on."""

import pytest

from densing_pipeline.evaluation import provenance, suite


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("MMLU", ["data_sha256 MMLU"]),
        ("MATH", ["data_sha256 MATH", "math_verify_version"]),
        ("HumanEval", ["data_sha256 HumanEval", "sandbox"]),
        ("fresh-text", []),
    ],
)
def test_items_depend_on_their_data_and_on_what_judges_them(name: str, fields: list[str]) -> None:
    assert provenance.own_fields(suite.BENCHMARKS[name]) == fields
