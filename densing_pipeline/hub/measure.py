"""How often the recognition of base models errs, measured on recorded records.

`python -m densing_pipeline.hub.measure RECORDS LABELS LEADERBOARD` prints the confusion tables of
`docs/hub.md`. Not here: the rule (`classify`).
"""

import argparse
import csv
import gzip
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from densing_pipeline.hub import evidence
from densing_pipeline.hub.classify import classify

Labelled = tuple[Mapping[str, Any], bool]
"""A record and whether it is a base model."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Verdicts against labels.

    Attributes:
        found: base models recognised.
        missed: base models not recognised.
        false: others taken for base models.
        rejected: others not taken for base models.
        doubtful: verdicts marked as doubtful, of all.
        hardest: ids of the missed and the false ones.
    """

    found: int
    missed: int
    false: int
    rejected: int
    doubtful: int
    hardest: tuple[str, ...]

    @property
    def precision(self) -> float:
        """Share of base models among what was taken for one; nan if nothing was."""
        taken = self.found + self.false
        return self.found / taken if taken else float("nan")

    @property
    def recall(self) -> float:
        """Share of base models recognised; nan if there are none."""
        there = self.found + self.missed
        return self.found / there if there else float("nan")


def measure(labelled: Iterable[Labelled]) -> Confusion:
    """The confusion table of the rule on labelled records."""
    counts = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    doubtful, hardest = 0, []
    for record, is_base in labelled:
        found = classify(record)
        counts[is_base, found.is_base] += 1
        doubtful += found.doubtful
        if is_base != found.is_base:
            hardest.append(str(record.get("id")))
    return Confusion(
        found=counts[True, True],
        missed=counts[True, False],
        false=counts[False, True],
        rejected=counts[False, False],
        doubtful=doubtful,
        hardest=tuple(sorted(hardest)),
    )


def whole(records: Iterable[Mapping[str, Any]], labels: Mapping[str, bool]) -> Iterator[Labelled]:
    """Whole records (files and configuration), labelled by hand where no parent is stated."""
    for record in records:
        if not (record.get("siblings") and record.get("config")):
            continue
        derived = bool(evidence.parents(record))
        if derived or str(record.get("id")) in labels:
            yield record, not derived and labels[str(record.get("id"))]


def unstated(records: Iterable[Mapping[str, Any]]) -> Iterator[Labelled]:
    """Derived models with weights and configuration, with what they state of parents taken out.

    What is left tells how the rule does on the many that state nothing.
    """
    for record in records:
        held = evidence.files(record)
        if not (record.get("config") and evidence.parents(record)):
            continue
        if not (held.safetensors or held.pickles):
            continue
        tags = [tag for tag in evidence.tags(record) if not tag.startswith("base_model")]
        card = {
            key: value
            for key, value in evidence.card(record).items()
            if not key.startswith("base_model")
        }
        yield {**record, "tags": tags, "cardData": card}, False


def named(leaderboard: Iterable[Mapping[str, str]]) -> Iterator[Labelled]:
    """Names alone, with the type their submitters gave."""
    types = {row["hf_id"]: row["type"] for row in leaderboard}
    for model_id, kind in sorted(types.items()):
        yield {"id": model_id}, kind == "pretrained"


def main(arguments: list[str] | None = None) -> None:
    """Prints the tables for the files given."""
    parser = argparse.ArgumentParser(description="Errors of the recognition of base models.")
    parser.add_argument("records", type=Path, help="records of the Hub, one JSON each line, gzip")
    parser.add_argument("labels", type=Path, help="labels by hand: hf_id, is_base")
    parser.add_argument("leaderboard", type=Path, help="types by name: hf_id, type")
    given = parser.parse_args(arguments)
    with gzip.open(given.records, "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    labels = {row["hf_id"]: row["is_base"] == "true" for row in _rows(given.labels)}
    for title, labelled in (
        ("whole records", whole(records, labels)),
        ("derived models, parents withheld", unstated(records)),
        ("names alone", named(_rows(given.leaderboard))),
    ):
        sys.stdout.write(_shown(title, measure(labelled)))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _shown(title: str, table: Confusion) -> str:
    few = ", ".join(table.hardest[:20])
    return (
        f"{title}: found {table.found}, missed {table.missed}, false {table.false}, rejected"
        f" {table.rejected}, doubtful {table.doubtful}; precision {table.precision:.3f},"
        f" recall {table.recall:.3f}\n  hardest: {few}\n"
    )


if __name__ == "__main__":
    main()
