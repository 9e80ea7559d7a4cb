"""`densing export`: the measured scores of the latest release in the formats of others."""

import json
from pathlib import Path

import polars as pl
import yaml

from densing_pipeline import clock, files
from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.evaluation import exports
from densing_pipeline.publication.reading import read_tables
from densing_pipeline.tables.schemas import TableError

RESULTS_FILE = f".eval_results/{exports.EVALUATOR}.yaml"


def every_eval_ever(screen: Screen, folder: Path) -> None:
    """Write a document of Every Eval Ever for each evaluation.

    Raises:
        CommandError: there is no release, or it has no measured scores.
    """
    tables = _read("scores", "evaluations")
    documents = exports.every_eval_ever(tables["scores"], tables["evaluations"], clock.now())
    _write(
        screen,
        {
            folder / path: json.dumps(document, indent=2, ensure_ascii=False) + "\n"
            for path, document in documents.items()
        },
    )


def eval_results(screen: Screen, folder: Path) -> None:
    """Write the `.eval_results` of each measured model, in a folder of its id.

    Raises:
        CommandError: there is no release, or it has no measured scores.
    """
    lists = exports.eval_results(_read("scores")["scores"])
    _write(
        screen,
        {
            folder / model_id / RESULTS_FILE: yaml.safe_dump(entries, sort_keys=False)
            for model_id, entries in lists.items()
            if entries
        },
    )


def _read(*names: str) -> dict[str, pl.DataFrame]:
    try:
        return read_tables(names)
    except TableError as error:
        raise CommandError(str(error)) from error


def _write(screen: Screen, written: dict[Path, str]) -> None:
    if not written:
        raise CommandError(
            "the latest release has no measured scores to export; evaluations are off until "
            "DENSING_EVALUATE=true (docs/evaluation.md)"
        )
    for path, text in written.items():
        files.write(path, text.encode())
        screen.line(str(path))
