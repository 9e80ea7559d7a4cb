"""Facts bundled with the package: one validated CSV per table.

Not here: reading and validating a CSV (`reader`), consistency between tables (`consistency`), and
computations from the facts.
"""

from functools import cache
from pathlib import Path

import polars as pl

from densing_pipeline.facts import consistency
from densing_pipeline.facts.reader import read
from densing_pipeline.facts.tables import FACTS
from densing_pipeline.tables.identifiers import COMMIT
from densing_pipeline.tables.schemas import TableError

__all__ = ["FOLDER", "ladders", "load", "read"]

FOLDER = Path(__file__).parent


@cache
def load(name: str) -> pl.DataFrame:
    """A bundled fact table, validated.

    Args:
        name: a key of `facts.tables.FACTS`.

    Raises:
        TableError: a cell is bad or contradicts another; the message names file, line, column and
            remedy.
    """
    return consistency.check(name, read(FOLDER / f"{name}.csv", FACTS[name]), load)


def ladders(path: Path | None = None) -> pl.DataFrame:
    """The ladders of models to whose measurements reference laws are fitted.

    Args:
        path: a file of the same form to use in place of the bundled one.

    Raises:
        TableError: a cell is bad, or a revision is no commit; the message says where, and the
            remedy.
    """
    found = load("ladders") if path is None else read(path, FACTS["ladders"])
    moving = found.filter(~pl.col("revision").str.contains(f"^{COMMIT.pattern}$"))
    if moving.height:
        row = moving.row(0, named=True)
        raise TableError(
            f"{path or 'ladders.csv'}, {row['model_id']}: revision {row['revision']!r} is no commit; "
            "give the 40 digits the Hub shows for it, or leave the cell empty for the newest"
        )
    return found
