"""A model in a folder of a repository is a partition of its own."""

import pytest

from densing_pipeline.orchestration.partitions import model_id, partition_key


def test_a_folder_of_a_repository_survives_the_way_there_and_back():
    assert partition_key("lab/rungs:s1") == "lab--rungs:s1"
    assert model_id("lab--rungs:s1") == "lab/rungs:s1"


@pytest.mark.parametrize(
    "name", ["lab/rungs:", "lab/rungs:..", "lab/rungs:a/b", "lab/r:a--b", "a:b:c"]
)
def test_nothing_but_one_plain_folder_is_taken(name):
    with pytest.raises(ValueError, match="folder"):
        partition_key(name)
