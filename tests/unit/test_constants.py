"""A constant of one name has one value."""

import ast
from collections import defaultdict
from pathlib import Path

import densing_pipeline

NUMBERS = {"date", "datetime", "timedelta"}


def is_number(value: ast.expr) -> bool:
    """Whether an expression is made of numbers and days alone."""
    for part in ast.walk(value):
        if isinstance(part, ast.Constant) and not isinstance(part.value, int | float):
            return False
        if isinstance(part, ast.Name) and part.id not in NUMBERS:
            return False
        if isinstance(part, ast.List | ast.Dict | ast.Set | ast.Lambda | ast.Attribute):
            return False
    return True


def constants(source: str) -> dict[str, str]:
    """Numbers that a module gives names to, as written, by name."""
    found = {}
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(targets[0], ast.Name) and value is not None and is_number(value):
            found[targets[0].id] = ast.unparse(value)
    return found


def test_a_named_number_has_one_value_in_all_modules() -> None:
    root = Path(densing_pipeline.__file__).parent
    values: dict[str, dict[str, str]] = defaultdict(dict)
    for path in sorted(root.rglob("*.py")):
        for name, value in constants(path.read_text(encoding="utf-8")).items():
            values[name][str(path.relative_to(root))] = value
    assert len(values["FEWEST_MODELS"]) == 1
    differing = {name: where for name, where in values.items() if len(set(where.values())) > 1}
    assert differing == {}, "give the constants names that differ, or one home"


def test_numbers_are_told_from_other_values() -> None:
    source = 'A = 2**20\nB: float = 0.5\nC = date(2024, 1, 1)\nD = A * 2\nE = "text"\nF = [1]\n'
    assert constants(source) == {"A": "2 ** 20", "B": "0.5", "C": "date(2024, 1, 1)"}
