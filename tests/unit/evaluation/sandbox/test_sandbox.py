"""Verdicts on harmless programs, and no verdict without isolation."""

import gzip
import json
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from densing_pipeline.evaluation.sandbox import (
    Sandbox,
    SandboxError,
    open_sandbox,
    seccomp,
    selection,
)
from densing_pipeline.evaluation.sandbox.container import Container

pytestmark = pytest.mark.heavy

RIGHT = {
    "plain data of every kind": (
        "def f(x): return x",
        """
for value in (None, True, 0, -1, 10**5000, 0.1, -0.0, 1e308, float("inf"), "ä\\n\\0", "", b"\\xff",
              [], [1, [2]], (), (1, (2,)), {}, {1: [2], (3, 4): {5}}, set(), {1, 2}, 2j, range(3),
              frozenset({1}), bytearray(b"x")):
    assert f(value) == value and type(f(value)) is type(value), value
assert f(float("nan")) != f(float("nan"))
""",
    ),
    "subclasses count as what they are": (
        """
from collections import Counter, OrderedDict, namedtuple
from enum import Enum
P = namedtuple("P", "x y")
class Colour(str, Enum): RED = "red"
def f(): return [Counter("aab"), OrderedDict(a=1), P(1, 2), Colour.RED]
""",
        "assert f() == [{'a': 2, 'b': 1}, {'a': 1}, (1, 2), 'red']",
    ),
    "classes of the program": (
        "class Pair:\n    def __init__(self, a, b): self.a, self.b = a, b\n"
        "def f(pairs): return sum(p.a * p.b for p in pairs)",
        "pairs = [Pair(1, 2), Pair(3, 4)]\npairs[0].a = 10\nassert f(pairs) == 32 and pairs[1].b == 4",
    ),
    "generators and iterators": (
        "def f(n):\n    yield from range(n)",
        "assert list(f(3)) == [0, 1, 2] and 2 in f(3) and [x for x in f(2)] == [0, 1]",
    ),
    "lists that are changed in place": (
        "def f(values, found):\n    values.sort()\n    found['most'] = values[-1]",
        "values, found = [3, 1, 2], {}\nf(values, found)\nassert values == [1, 2, 3] and found['most'] == 3",
    ),
    "exceptions of Python": (
        "def f(x):\n    raise ValueError('no')",
        "try:\n    f(1)\nexcept ValueError as error:\n    assert str(error) == 'no'\nelse:\n    assert False",
    ),
    "types as arguments": (
        "def f(values, kind): return [v for v in values if not isinstance(v, kind)]",
        "assert f((4, 'x', 1.5), str) == [4, 1.5]",
    ),
    "a function named like one of Python's": (
        "def sum(a, b): return a + b",
        "assert sum(2, 3) == 5",
    ),
    "modules the program imported": (
        "import math\ndef f(x): return x / 3",
        "assert math.isclose(f(1), 0.33333333333)",
    ),
    "output and input of its own": (
        "print('hello')\ndef f():\n    try: return input()\n    except EOFError: return 42",
        "print(f())\nassert f() == 42",
    ),
    "a scratch file": (
        "def f():\n    with open('x', 'w') as file: file.write('y')\n    return open('x').read()",
        "assert f() == 'y'",
    ),
    "words after it": (
        "def f(): return 42\n\nThis function returns 42, as asked.\nIt's that simple!",
        "assert f() == 42",
    ),
    "half a function after it": (
        "def f(): return 42\n\ndef g(x):\n    return (x +",
        "assert f() == 42",
    ),
    "half a text after it": ("def f(): return 42\n\nprint('the end of", "assert f() == 42"),
    "the next task after it": (
        "def f(): return 42\nYou are an expert Python programmer, and here is your task:\ndef g(): return 7\n",
        "assert f() == 42",
    ),
    "checks, prints and a main part of its own": (
        "def f(): return 42\n\ndef main():\n    print(f(), int(input()))\n\nassert f() == 42\n"
        "if __name__ == '__main__':\n    main()\n",
        "assert f() == 42",
    ),
    "threads": (
        "import threading\ndef f():\n    found = []\n    every = [threading.Thread(target=found.append, args=(n,)) for n in range(8)]\n"
        "    for one in every: one.start()\n    for one in every: one.join()\n    return sum(found)",
        "assert f() == 28",
    ),
    "processes and an executor": (
        "from concurrent.futures import ThreadPoolExecutor\ndef f():\n"
        "    with ThreadPoolExecutor(4) as pool: return sum(pool.map(abs, range(-5, 0)))",
        "assert f() == 15",
    ),
    "dataclasses and recursion": (
        "from dataclasses import dataclass\n@dataclass\nclass D:\n    x: int\n"
        "def f(n): return n and f(n - 1) + D(1).x",
        "assert f(800) == 800",
    ),
}


@pytest.mark.parametrize(("program", "tests"), RIGHT.values(), ids=RIGHT)
def test_an_honest_program_passes_with(sandbox: Sandbox, program: str, tests: str) -> None:
    assert sandbox.check(program, tests).reason == ""


WRONG = {
    "AssertionError in: assert f(2) == 3": ("def f(x): return x", "assert f(2) == 3"),
    "NameError: name 'f' is not defined in: f()": ("g = 1", "f()"),
    "SyntaxError: invalid syntax (program, line 1)": ("def f(:", "f()"),
    "IndentationError: unexpected indent (program, line 1)": ("    return 1\n  x", "f()"),
    "NameError: name 'f' is not defined in: assert f()": (
        "x = 1\ndef f(:\n    return 1",
        "assert f()",
    ),
    "ZeroDivisionError: division by zero in: assert f()": (
        "def f(): return 1 / 0",
        "assert f()",
    ),
    "ModuleNotFoundError: No module named 'polars'": ("import polars", "pass"),
    "the program ended its process before its checks were through (status 3)": (
        "import os\nos._exit(3)",
        "pass",
    ),
    "MemoryError": ("kept = bytearray(2 * 2**30)", "pass"),
    "TypeError: the tests hand over a function, which is no plain data in: f(lambda: 1)": (
        "def f(x): return x",
        "f(lambda: 1)",
    ),
}


@pytest.mark.parametrize(("program", "tests"), WRONG.values(), ids=WRONG)
def test_the_reason_of_a_failure_is(
    sandbox: Sandbox, program: str, tests: str, request: pytest.FixtureRequest
) -> None:
    verdict = sandbox.check(program, tests)
    assert not verdict.passed
    assert verdict.reason == request.node.callspec.id


def test_time_is_that_of_the_processor_or_three_times_as_much_by_the_clock(
    impatient: Sandbox,
) -> None:
    slept = impatient.check("import time\ntime.sleep(60)", "pass").reason
    assert slept == "not through after 1.5 s"
    computed = replace(impatient, seconds=1.0).check("while True: pass", "pass").reason
    # On a busy machine the clock may be first.
    assert "SIGXCPU" in computed or computed == "not through after 3 s"


def test_programs_run_beside_each_other_keep_their_order(sandbox: Sandbox) -> None:
    tasks = [(f"def f(): return {n % 3}", "assert f() == 0") for n in range(9)]
    assert [v.passed for v in sandbox.check_all(tasks)] == [True, False, False] * 3


def test_the_order_of_sets_is_the_same_in_every_run(sandbox: Sandbox) -> None:
    program = "def f(): return list({'a', 'b', 'c', 'd', 'e', 'f'})"
    reasons = {sandbox.check(program, "assert f() == [], f()").reason for _ in range(4)}
    assert len(reasons) == 1


@dataclass(frozen=True)
class NoIsolation:
    """Runs the guest as it is: what must be noticed."""

    name: str = "no isolation"

    @contextmanager
    def around(self, label: str, inside: Sequence[str]) -> Iterator[tuple[list[str], list[int]]]:
        yield list(inside), []


def test_missing_walls_are_noticed_before_anything_is_trusted_to_them() -> None:
    try:
        failed = selection.failed_probes(Sandbox(NoIsolation(), selection.SYSTEM_PYTHON, seconds=2))
    except SandboxError:
        # The limit of processes counts all of a user who is not root.
        failed = ["it does not even start"]
    assert failed


def test_without_a_sandbox_nothing_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="install the package bubblewrap"):
        open_sandbox()
    with pytest.raises(SandboxError, match="switched off"):
        open_sandbox("none")


def test_a_sandbox_that_does_not_come_up_gives_no_verdict(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="did not start"):
        replace(sandbox, python="/usr/bin/no-such-python").check("def f(): return 1", "pass")


def test_a_container_is_asked_for_the_same_walls() -> None:
    with Container("/usr/bin/true", "podman 5", "python:3.11").around("name", ["python3"]) as (
        command,
        files,
    ):
        text = " ".join(command)
    assert files == []
    assert command[-2:] == ["python:3.11", "python3"]
    for wall in (
        "--network none", "--ipc none", "--read-only", "--cap-drop ALL", "no-new-privileges", "--user 65534",
        "--pids-limit 12", "--memory 1073741824", "--pull never", "size=16777216",
    ):  # fmt: skip
        assert wall in text


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_allows_what_it_does_not_name(machine: str) -> None:
    """A small machine of our own runs the filter as the kernel would."""
    audit, socket, clone, refused = seccomp.MACHINES[machine]
    assert _filtered(machine, audit, 0, 0) == seccomp.ALLOW
    assert _filtered(machine, audit + 1, 0, 0) == seccomp.KILL
    assert _filtered(machine, audit, socket, 1) == seccomp.ALLOW
    assert _filtered(machine, audit, socket, 40) == seccomp.REFUSE | 1
    assert _filtered(machine, audit, clone, 0x1200011) == seccomp.ALLOW
    assert _filtered(machine, audit, clone, 0x10000000) == seccomp.REFUSE | 1
    assert {_filtered(machine, audit, number, 0) for number in refused} == {seccomp.REFUSE | 1}


def _filtered(machine: str, audit: int, call: int, argument: int) -> int:
    code = list(struct.iter_unpack("=HBBI", seccomp.filter_program(machine)))
    data = {seccomp.CALL_AT: call, seccomp.MACHINE_AT: audit, seccomp.ARGUMENT_AT: argument}
    at = loaded = 0
    while True:
        what, yes, no, value = code[at]
        if what == seccomp.RETURN:
            return int(value)
        if what == seccomp.LOAD:
            loaded, jump = data[value], 0
        else:
            holds = {
                seccomp.EQUAL: loaded == value,
                seccomp.AT_LEAST: loaded >= value,
                seccomp.ANY_BIT: bool(loaded & value),
            }[what]
            jump = yes if holds else no
        at += 1 + jump


@pytest.mark.shared
@pytest.mark.slow
def test_every_reference_solution_passes_its_own_tests(sandbox: Sandbox, recorded: Path) -> None:
    """HumanEval and MBPP as published: 164 of 164 and 974 of 974."""
    bench = recorded / "bench"
    with gzip.open(bench / "HumanEval/data/HumanEval.jsonl.gz", "rt") as lines:
        human = [json.loads(line) for line in lines]
    mbpp = [json.loads(x) for x in (bench / "MBPP/data/mbpp.jsonl").read_text().splitlines()]
    tasks = [
        (x["prompt"] + x["canonical_solution"], f"{x['test']}\ncheck({x['entry_point']})")
        for x in human
    ] + [(x["code"], "\n".join([x["test_setup_code"], *x["test_list"]])) for x in mbpp]
    failed = [
        (task[0], verdict.reason)
        for task, verdict in zip(tasks, sandbox.check_all(tasks), strict=True)
        if not verdict.passed
    ]
    assert failed == []


def test_the_guest_needs_nothing_but_the_standard_library() -> None:
    source = Path(selection.__file__).with_name("runner.py")
    found = subprocess.run(  # noqa: S603 - our own command line
        [selection.SYSTEM_PYTHON, "-I", "-S", "-c", source.read_text(), "[{}, 1]"],
        input=json.dumps(
            {"nonce": "n", "program": "def f(): return 1", "tests": "assert f() == 1"}
        ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == 'n started\nn ""\n'
