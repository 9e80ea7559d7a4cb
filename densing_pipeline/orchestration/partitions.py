"""Models as dynamic partitions: one per Hub repository, the key its id with `/` written as `--`.

The Hub forbids `--` in names, so the key can be converted back to the id. A model in a folder of a
repository with several models is `<repository>:<folder>`. Not here: which models are to be
evaluated (`evaluation.queue`).
"""

import re

import dagster as dg
from huggingface_hub.utils import HFValidationError, validate_repo_id

SEPARATOR = "--"

FOLDER = re.compile(r"[A-Za-z0-9][\w.-]{0,95}")

MODELS = dg.DynamicPartitionsDefinition(name="models")


def partition_key(model_id: str) -> str:
    """The partition of a model.

    Raises:
        ValueError: the Hub does not allow this id; ids are third-party text and become paths.
    """
    repository, colon, folder = model_id.partition(":")
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise ValueError(f"{model_id!r} is not a repository id: {error}") from error
    if colon and (not FOLDER.fullmatch(folder) or SEPARATOR in folder):
        raise ValueError(f"{model_id!r} names no folder of a repository")
    return model_id.replace("/", SEPARATOR)


def model_id(key: str) -> str:
    """The model of a partition.

    Raises:
        ValueError: the key does not come from `partition_key`.
    """
    found = key.replace(SEPARATOR, "/", 1)
    if partition_key(found) != key:
        raise ValueError(f"{key!r} is not the partition of a model")
    return found
