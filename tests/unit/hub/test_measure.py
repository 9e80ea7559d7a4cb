"""What `docs/hub.md` says of the rule's errors is what comes out.

`labels.csv` holds labels given by hand from what publishers say of their models.
"""

import csv
import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest

from densing_pipeline.hub.classify import classify
from densing_pipeline.hub.measure import Confusion, main, measure, named, unstated, whole

LABELS = Path(__file__).parent / "labels.csv"
DATA = Path(__file__).parents[4] / "shared" / "data"
RECORDS = DATA / "hub" / "hub_models.jsonl.gz"
LEADERBOARD = DATA / "models" / "leaderboard_types.csv"


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    if not RECORDS.exists():
        pytest.skip("the recorded data in ../shared is absent")
    with gzip.open(RECORDS, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def labels() -> dict[str, bool]:
    with LABELS.open(newline="", encoding="utf-8") as file:
        return {row["hf_id"]: row["is_base"] == "true" for row in csv.DictReader(file)}


def test_precision_and_recall() -> None:
    table = Confusion(found=3, missed=1, false=2, rejected=9, doubtful=0, hardest=())
    assert (table.precision, table.recall) == (0.6, 0.75)
    assert math.isnan(measure([]).precision)


@pytest.mark.shared
def test_whole_records(records: list[dict[str, Any]]) -> None:
    table = measure(whole(records, labels()))
    assert table.found + table.missed + table.false + table.rejected == 551
    assert (table.found, table.missed, table.false) == (3, 0, 0)


@pytest.mark.shared
def test_derived_models_that_state_no_parent_are_mostly_seen_through(
    records: list[dict[str, Any]],
) -> None:
    table = measure(unstated(records))
    assert table.false + table.rejected == 378
    assert table.false / 378 <= 0.03


@pytest.mark.shared
def test_names_alone_do_not_carry_the_rule() -> None:
    if not LEADERBOARD.exists():
        pytest.skip("the recorded data in ../shared is absent")
    with LEADERBOARD.open(newline="", encoding="utf-8") as file:
        table = measure(named(csv.DictReader(file)))
    assert table.precision == pytest.approx(0.77, abs=0.01)
    assert table.recall == pytest.approx(0.37, abs=0.01)


@pytest.mark.shared
def test_without_the_tokenizer_chat_models_pass_but_never_without_doubt() -> None:
    if not DATA.exists():
        pytest.skip("the recorded data in ../shared is absent")
    composed = []
    for path in sorted((DATA / "hub" / "configs").glob("*.json")):
        model_id = path.stem.replace("--", "/", 1)
        held = [{"rfilename": "model.safetensors"}]
        record = {"id": model_id, "config": json.loads(path.read_text()), "siblings": held}
        composed.append((record, labels()[model_id]))
    table = measure(composed)
    assert (table.found, table.missed) == (33, 0)
    assert table.false == 24
    assert all(classify(record).doubtful for record, _ in composed if record["id"] in table.hardest)


def test_the_command_reads_the_files_it_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, boards = tmp_path / "records.jsonl.gz", tmp_path / "types.csv"
    record = {"id": "acme/Anvil-7B", "siblings": [{"rfilename": "a.gguf"}], "config": {"a": 1}}
    with gzip.open(lines, "wt", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    boards.write_text("hf_id,type\nacme/Anvil-7B-Base,pretrained\nacme/Anvil-7B-chat,chat\n")
    marks = tmp_path / "labels.csv"
    marks.write_text("hf_id,is_base\nacme/Anvil-7B,false\n")
    main([str(lines), str(marks), str(boards)])
    printed = capsys.readouterr().out
    assert "names alone: found 1, missed 0, false 0, rejected 1" in printed
    assert "whole records: found 0, missed 0, false 0, rejected 1" in printed
