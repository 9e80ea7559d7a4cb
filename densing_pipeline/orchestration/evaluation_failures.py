"""Failures of the runs that evaluate a model or check the installation; Dagster does not retry them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from densing_pipeline.object_stores import StoreError


def failure(reason: str, path: Path | None = None) -> dg.Failure:
    """A failure with its reason and, if it has one, the evaluation folder."""
    metadata = {} if path is None else {"folder": dg.MetadataValue.path(str(path))}
    return dg.Failure(reason, metadata=metadata, allow_retries=False)


@contextmanager
def store_errors(meaning: str) -> Iterator[None]:
    """Have errors of the store fail the run, with what that means."""
    try:
        yield
    except StoreError as error:
        raise failure(f"{error}; {meaning}") from error
