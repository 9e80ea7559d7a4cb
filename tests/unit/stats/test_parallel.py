"""Work shared between two processes."""

import math
import os
from functools import partial

import pytest

from densing_pipeline.stats import parallel
from densing_pipeline.stats.parallel import BLAS_THREADS, parallel_map

POWERS = [2.0**exponent for exponent in range(40)]


@pytest.mark.parametrize("fewest", [40, 41])
def test_results_are_in_order_in_two_processes_and_in_one(fewest):
    assert parallel_map(partial(math.pow, 2.0), range(40), fewest=fewest) == POWERS


def test_an_error_in_a_process_reaches_the_caller():
    with pytest.raises(ValueError, match="math domain error"):
        parallel_map(math.log, [1.0, -1.0], fewest=2)


def test_each_process_uses_one_thread_for_linear_algebra(monkeypatch):
    monkeypatch.setattr(parallel, "WORKERS", 2)
    monkeypatch.delenv(BLAS_THREADS, raising=False)
    assert parallel_map(os.getenv, [BLAS_THREADS] * 2, fewest=2) == ["1", "1"]
    assert BLAS_THREADS not in os.environ
