"""The mutations that the tests are tried on keep up with the code."""

from pathlib import Path

import pytest

from tests.mutation.mutations import MUTATIONS
from tests.mutation.run import mutated

PACKAGE = Path(__file__).parents[2] / "densing_pipeline"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: f"{each.file}: {each.old}")
def test_a_mutation_changes_one_place_of_its_file_and_names_tests_there_are(mutation):
    before = (PACKAGE / mutation.file).read_text(encoding="utf-8")
    assert mutated(before, mutation) != before
    assert all((PACKAGE.parent / name).is_file() for name in mutation.tests)
