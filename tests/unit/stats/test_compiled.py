"""Loops as machine code."""

import importlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from densing_pipeline.stats.compiled import NUMBERS, argument, compiled

SUM = """
def total(numbers):
    every = 0.0
    for i in range(numbers.size):
        every += numbers[i]
    return every
"""


def test_a_function_is_compiled_where_no_folder_can_keep_it():
    functions: dict[str, Any] = {}
    exec(SUM, functions)  # noqa: S102 - a function without a file, as in a folder that is not writable
    total = compiled(NUMBERS[1])(functions["total"])
    assert total(np.arange(5.0)) == 10
    assert total.signatures


def test_a_damaged_file_of_machine_code_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "kept_total.py").write_text(SUM)
    monkeypatch.syspath_prepend(tmp_path)
    total = importlib.import_module("kept_total").total
    assert compiled(NUMBERS[1])(total)(np.arange(5.0)) == 10
    for kept in (files := list((tmp_path / "__pycache__").glob("*.nb?"))):
        kept.write_bytes(b"")
    assert len(files) == 2
    assert compiled(NUMBERS[1])(total)(np.arange(5.0)) == 10


def test_numbers_are_added_in_the_order_they_are_written_in():
    functions: dict[str, Any] = {}
    exec(SUM, functions)  # noqa: S102
    numbers = np.random.default_rng(0).lognormal(0, 9, 999)
    assert compiled(NUMBERS[1])(functions["total"])(numbers) == functions["total"](numbers)


def test_an_argument_is_copied_only_if_it_must_be():
    fit, shared = np.ones((3, 4)), np.ones((3, 4))
    shared.flags.writeable = False
    assert argument(fit) is fit
    for other in (shared, fit.T):
        assert argument(other).flags.c_contiguous
        assert argument(other).flags.writeable


@pytest.mark.heavy
def test_nothing_is_compiled_by_an_import_of_the_definitions():
    code = "import sys, densing_pipeline.definitions; print('numba' in sys.modules)"
    command = [sys.executable, "-W", "ignore", "-c", code]
    assert subprocess.check_output(command, text=True).strip() == "False"  # noqa: S603
