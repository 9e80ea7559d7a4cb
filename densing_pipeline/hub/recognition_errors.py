"""Error rates of the recognition of base models, measured on recorded Hub records.

`densing recognition DATA LABELS` prints the confusion tables of `docs/hub.md`.
Not here: the rule (`classify`).
"""

import csv
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from densing_pipeline.hub import record_fields
from densing_pipeline.hub.classify import classify
from densing_pipeline.hub.pretrainers import owner_of

Labelled = tuple[Mapping[str, Any], bool]
"""A record, and whether it is one of a base model."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Confusion table: classifications against labels.

    Attributes:
        found: number of base models recognised (true positives).
        missed: base models not recognised.
        false: other models classified as base (false positives).
        rejected: other models not classified as base (true negatives).
        surely_found: base models recognised without doubt; only these are queued.
        surely_false: other models classified as base without doubt.
        doubtful: number of classifications marked as doubtful.
        hardest: ids of the missed models and of the false positives.
    """

    found: int
    missed: int
    false: int
    rejected: int
    surely_found: int
    surely_false: int
    doubtful: int
    hardest: tuple[str, ...]

    @property
    def precision(self) -> float:
        """Share of base models among the models classified as base; nan if there are none."""
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
    sure = {True: 0, False: 0}
    doubtful, hardest = 0, []
    for record, is_base in labelled:
        found = classify(record)
        counts[is_base, found.is_base] += 1
        doubtful += found.doubtful
        sure[is_base] += found.is_base and not found.doubtful
        if is_base != found.is_base:
            hardest.append(str(record.get("id")))
    return Confusion(
        found=counts[True, True],
        missed=counts[True, False],
        false=counts[False, True],
        rejected=counts[False, False],
        surely_found=sure[True],
        surely_false=sure[False],
        doubtful=doubtful,
        hardest=tuple(sorted(hardest)),
    )


def is_held_out(model_id: str) -> bool:
    """Whether the model's organisation is in the half that was not used to develop the rule."""
    return hashlib.sha256(owner_of(model_id).encode()).digest()[0] % 2 == 1


def whole(records: Iterable[Mapping[str, Any]], labels: Mapping[str, bool]) -> Iterator[Labelled]:
    """Whole records (files and configuration); those that state no parent are labelled by hand."""
    for record in records:
        if not (record.get("siblings") and record.get("config")):
            continue
        derived = bool(record_fields.parents(record))
        if derived or str(record.get("id")) in labels:
            yield record, not derived and labels[str(record.get("id"))]


def unstated(records: Iterable[Mapping[str, Any]]) -> Iterator[Labelled]:
    """Records of derived models with weights and configuration, without their stated parents.

    They measure the rule on derived models that do not state a parent.
    """
    for record in records:
        held = record_fields.files(record)
        if not (record.get("config") and record_fields.parents(record)):
            continue
        if not (held.safetensors or held.pickles):
            continue
        tags = [tag for tag in record_fields.tags(record) if not tag.startswith("base_model")]
        card = {
            key: value
            for key, value in record_fields.card(record).items()
            if not key.startswith("base_model")
        }
        yield {**record, "tags": tags, "cardData": card}, False


def named(types: Mapping[str, str], labels: Mapping[str, bool]) -> Iterator[Labelled]:
    """Names alone; models submitted as pretrained are labelled by hand, others as submitted."""
    for model_id in sorted(types):
        yield {"id": model_id}, labels.get(model_id, False)


def classed(leaderboard: Iterable[Mapping[str, str]], labels: Mapping[str, bool]) -> list[Labelled]:
    """Names with the class of the model and its licence, as if it had safetensors."""
    original = {row["hf_id"]: row for row in leaderboard if row["weight_type"] == "Original"}
    found: list[Labelled] = []
    for model_id, row in sorted(original.items()):
        named = row["architecture"].split(";")[0]
        is_stated = named.isidentifier() and named != "Unknown"
        record = {
            "id": model_id,
            "config": {"architectures": [named]} if is_stated else {"model_type": ""},
            "siblings": HELD,
            "tags": ["safetensors", "text-generation", f"license:{row['licence']}"],
        }
        found.append((record, labels.get(model_id, False)))
    return found


def described(sizes: Iterable[Mapping[str, str]], ids: Iterable[str]) -> Iterator[Labelled]:
    """Records of known base models with their type and size, no tuned tokenizer and no parent."""
    wanted = {model_id.lower() for model_id in ids}
    for row in sizes:
        if row["model_id"].lower() not in wanted:
            continue
        name = row["model_type"].title().replace("_", "") + "ForCausalLM"
        yield (
            {
                "id": row["model_id"],
                "config": {"architectures": [name], "model_type": row["model_type"]},
                "siblings": HELD,
                "safetensors": {"total": int(row["params_total"])},
                "tags": ["transformers", "safetensors", "text-generation", "region:us"],
            },
            True,
        )


HELD = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]


def children(relations: Iterable[Mapping[str, str]]) -> Iterator[Labelled]:
    """Names of models whose parent is stated on the Hub."""
    for model_id in sorted({row["child"] for row in relations}):
        yield {"id": model_id}, False


def sets(data: Path, labels: Mapping[str, bool]) -> dict[str, list[Labelled]]:
    """The labelled sets by title; sets from leaderboards are split by organisation."""
    records = [json.loads(line) for line in lines(data / "hub" / "hub_models.jsonl.gz")]
    relations = csv.DictReader(lines(data / "hub" / "relations.csv.gz"))
    leaderboard = rows(data / "models" / "leaderboard_types.csv")
    types = {row["hf_id"]: row["type"] for row in leaderboard}
    ids = [row["hf_id"] for row in rows(data / "models" / "base_models.csv")]
    sizes = rows(Path(__file__).parent / "known_sizes.csv")
    found = {
        "whole records": list(whole(records, labels)),
        "derived models, parents withheld": list(unstated(records)),
        "known base models, described": list(described(sizes, ids)),
    }
    for title, labelled in (
        ("class and name", classed(leaderboard, labels)),
        ("names alone", list(named(types, labels))),
    ):
        for half, is_wanted in (("worked on", False), ("held out", True)):
            found[f"{title}, {half}"] = [
                pair for pair in labelled if is_held_out(str(pair[0]["id"])) is is_wanted
            ]
    found["children by name alone"] = list(children(relations))
    return found


def lines(path: Path) -> list[str]:
    """Lines of a compressed text file."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return file.read().splitlines()


def rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def shown(title: str, table: Confusion) -> str:
    """One confusion table in words."""
    few = ", ".join(table.hardest[:20])
    return (
        f"{title}: found {table.found}, missed {table.missed}, false {table.false}, rejected"
        f" {table.rejected}, surely {table.surely_found} right {table.surely_false} wrong,"
        f" doubtful {table.doubtful}; precision {table.precision:.3f},"
        f" recall {table.recall:.3f}\n  hardest: {few}\n"
    )
