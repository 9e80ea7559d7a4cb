"""Evaluations that were asked for and have not ended, with the GPUs they were given.

By these the next model is given its own (`places`). Read from the small files of evaluation folders. Not here: the
state of a folder in the tables (`folder_reader`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from densing_pipeline.evaluation.folder_format import OUTCOME, PROVENANCE, REQUEST, read_json
from densing_pipeline.evaluation.folder_reader import instant, is_running, whole_number

START_TIME = timedelta(minutes=10)
"""Time after it was asked for in which an evaluation counts as under way though its job holds no lock yet."""


@dataclass(frozen=True)
class Launched:
    """An evaluation that was asked for and has not ended.

    Attributes:
        model_id: its model.
        asked_at: when it was asked for, UTC.
        gpus: that it was given for copies of the model; 0 if that was not recorded.
        loaded_at: when the model was loaded on its GPUs, UTC; None if it is not yet.
    """

    model_id: str
    asked_at: datetime
    gpus: int
    loaded_at: datetime | None


def launched(root: Path, now: datetime) -> list[Launched]:
    """Evaluations that were asked for and have not ended, in the order in which they were asked for.

    Args:
        root: folder of all evaluations.
        now: the time, UTC.
    """
    found = []
    for path in root.glob(f"*/*/*/{REQUEST}"):
        folder = path.parent
        if (folder / OUTCOME).exists():
            continue
        request = read_json(path)
        asked_at = instant(request.get("started_at"))
        if asked_at is None or not (is_running(folder) or abs(now - asked_at) < START_TIME):
            continue
        loaded_at = instant(read_json(folder / PROVENANCE).get("loaded_at"))
        if loaded_at and loaded_at < asked_at:  # by an earlier attempt
            loaded_at = None
        model = folder.parts[-3].replace("--", "/", 1)
        found.append(Launched(model, asked_at, whole_number(request.get("gpus")) or 0, loaded_at))
    return sorted(found, key=lambda each: (each.asked_at, each.model_id))
