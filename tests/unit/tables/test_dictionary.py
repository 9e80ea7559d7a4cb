"""The data dictionary says what the tables are."""

from pathlib import Path
from typing import Any

from densing_pipeline.tables import dictionary
from densing_pipeline.tables.published import MODELS, PUBLISHED, SCORES

DOCS = Path(__file__).parents[3] / "docs"


def test_the_committed_dictionary_is_current():
    committed = (DOCS / "data_dictionary.md").read_text(encoding="utf-8")
    assert committed == dictionary.markdown(), "run `make dictionary`"


def test_every_table_and_column_has_a_row():
    text = dictionary.markdown()
    for table in PUBLISHED.values():
        section = text.split(f"\n## {table.name}\n")[1].split("\n## ")[0]
        assert all(f"| `{name}` |" in section for name in table.names)


def test_a_field_carries_type_unit_and_domain():
    assert dictionary.field("score", SCORES) == {
        "name": "score",
        "type": "number",
        "description": "Benchmark score.",
        "unit": "fraction",
        "constraints": {"required": True, "minimum": 0, "maximum": 1},
    }
    assert dictionary.field("first_seen_at", MODELS)["type"] == "datetime"
    constraints: Any = dictionary.field("first_seen_at", MODELS)["constraints"]
    assert "required" not in constraints
