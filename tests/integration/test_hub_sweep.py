"""A full sweep of the Hub fits into memory and survives being killed, at a reduced scale.

`python -m benchmarks.run hub.sweep` does the same with 2.5 million records.
"""

import pytest

from benchmarks.hub import (
    BASE_PER_PAGE,
    DOUBTFUL_PER_PAGE,
    PAGE,
    in_a_process,
    land_killed_half_way,
)

BOUND_MB = 500
ROWS = 100_000


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_its_memory_does_not_grow_with_the_hub(tmp_path):
    few = in_a_process("land", str(tmp_path / "few"), str(ROWS // 10))
    done = land_killed_half_way(tmp_path / "many", ROWS)
    assert done["killed"]
    assert (done["rows"], done["finished"]) == (ROWS, True)
    assert done["peak_mb"] < few["peak_mb"] + 30, "a page is held, not the listing"
    read = in_a_process("read", str(tmp_path / "many"))
    assert read["models"] == ROWS // PAGE * (BASE_PER_PAGE + DOUBTFUL_PER_PAGE)
    assert read["peak_mb"] < BOUND_MB
