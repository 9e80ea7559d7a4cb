"""What the app with Uncheatable Eval's leaderboard answers, made of the bundled rates."""

import json
from typing import Any

from densing_pipeline import facts
from densing_pipeline.density.text_ruler import TEXT_NAMES

KINDS = (
    "ao3 english",
    "arxiv cs",
    "arxiv physics",
    "bbc news",
    "github cpp",
    "github python",
    "wikipedia english",
)


def rates(times: float = 1.0) -> dict[str, dict[str, float]]:
    """Rates in percent by model and the leaderboard's kind of text: the bundled ones, times a factor."""
    table = facts.load("reported_fresh_text").pivot(
        "text", index="model_id", values="compression_percent"
    )
    return {
        row["model_id"].split("/")[1]: {
            kind: round(times * row[TEXT_NAMES[kind]], 3) for kind in KINDS
        }
        for row in table.iter_rows(named=True)
    }


def rows(found: dict[str, dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Headers and rows of the leaderboard; the mean and the size are of no use to us."""
    headers = ["Name", "Params (B)", "Average (lower=better)", *KINDS]
    return headers, [[name, 1.0, 7.0, *(of[kind] for kind in KINDS)] for name, of in found.items()]


def leaderboard(times: float = 1.0, *, as_html: bool = False, **changed: dict[str, Any]) -> bytes:
    """The app's configuration with the table as a data frame or as HTML."""
    headers, data = rows(rates(times) | changed)
    value: Any = {"headers": headers, "data": data, "metadata": None}
    if as_html:
        lines = (headers, *data)
        cells = ("".join(f"<td><b>{cell}</b></td>" for cell in line) for line in lines)
        value = f"<table>{''.join(f'<tr>{line}</tr>' for line in cells)}</table>"
    other = {"type": "dataframe", "props": {"value": {"headers": ["Month"], "data": [["2026-03"]]}}}
    board = {"type": "html" if as_html else "dataframe", "props": {"value": value}}
    return json.dumps({"version": "5.9.1", "components": [other, board]}).encode()
