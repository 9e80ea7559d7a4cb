"""What every test must be: able to fail, and no judge of how busy the machine is."""

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]
ABLE_TO_FAIL = {"pytest.raises", "pytest.warns", "pytest.fail"}
CLOCKS = {"time", "monotonic", "perf_counter", "process_time", "thread_time"}


def calls(node: ast.AST) -> set[str]:
    """Names of the functions called in a piece of code, with the modules or values they are of."""
    return {dotted(found.func) for found in ast.walk(node) if isinstance(found, ast.Call)}


def dotted(node: ast.AST) -> str:
    """A name with its dots; what is no name is left out."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions of a piece of code, nested ones and methods included."""
    return [
        found
        for found in ast.walk(tree)
        if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def asserts(node: ast.AST) -> bool:
    """Whether a piece of code holds an assertion, of pytest or of numpy and polars included."""
    return any(isinstance(found, ast.Assert) for found in ast.walk(node)) or any(
        call in ABLE_TO_FAIL or call.rpartition(".")[2].startswith("assert_")
        for call in calls(node)
    )


def without_assertion(source: str) -> list[str]:
    """Tests of a module that assert nothing, neither themselves nor in a function of the module."""
    found = functions(ast.parse(source))
    asserting = {function.name for function in found if asserts(function)}
    return [
        function.name
        for function in found
        if function.name.startswith("test_")
        and function.name not in asserting
        and asserting.isdisjoint(calls(function))
    ]


def clocks_read(source: str) -> set[str]:
    """Clocks that a module reads."""
    if "time." not in source:
        return set()
    return {f"time.{clock}" for clock in CLOCKS} & calls(ast.parse(source))


def test_every_test_asserts_something():
    idle = {
        str(path.relative_to(TESTS)): found
        for path in TESTS.rglob("test_*.py")
        if (found := without_assertion(path.read_text()))
    }
    assert idle == {}


def test_no_test_reads_a_clock():
    judged = {
        str(path.relative_to(TESTS)): found
        for path in (*TESTS.rglob("test_*.py"), *(TESTS / "servers").glob("*.py"))
        if (found := clocks_read(path.read_text()))
    }
    assert judged == {}, "wait for what is to happen, or count it; a busy machine is no failure"


def test_idle_tests_and_clocks_are_recognised():
    assert without_assertion("def test_a(): run()\ndef test_b():\n    assert run()") == ["test_a"]
    assert without_assertion("def check(): assert run()\ndef test_a(): check()") == []
    assert without_assertion("def test_a():\n    with pytest.raises(ValueError): run()") == []
    assert clocks_read("import time\ntime.sleep(time.monotonic())") == {"time.monotonic"}
