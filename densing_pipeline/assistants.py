"""A read-only server of the latest release for assistants, by the Model Context Protocol.

Each tool answers from the tables of the release that is the latest when it is asked, by the functions of the command
line, so the numbers are the same. Nothing is written, and no other address is asked.

Not here: the answers themselves, and how the server is started (`cli.mcp`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from densing_pipeline import clock
from densing_pipeline.past_prices.naming import UnknownModelError
from densing_pipeline.past_prices.on_day import TABLES, FutureDayError, price_on_day
from densing_pipeline.past_prices.wording import sentence
from densing_pipeline.publication import lineage
from densing_pipeline.publication.answers import HEADLINE_FILE
from densing_pipeline.publication.reading import read_tables
from densing_pipeline.tables.schemas import TableError
from densing_pipeline.text import quoted

INSTRUCTIONS = (
    "How fast language models get denser (capability per parameter) and cheaper, from one release of "
    "densing-pipeline. Quote a number with its interval, its date and what it rests on; say `unknown` where the "
    "answer says so. Prices are USD per million tokens, days are UTC."
)

MOST_OFFERS = 60
"""Most offers of a model in one answer; the others are counted."""

MOST_CHANGES = 200
"""Most changes of prices in one answer."""

Days = Annotated[int, Field(ge=1, le=100_000)]
"""A number of days that an assistant may ask for."""

READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)


def server(latest: Path) -> MCPServer[Any]:
    """The server of a folder of releases.

    Args:
        latest: the link to the latest release.
    """
    made: MCPServer[Any] = MCPServer("densing-pipeline", instructions=INSTRUCTIONS)
    for tool in Tools(latest).each:
        made.tool(annotations=READ_ONLY)(tool)
    return made


@dataclass(frozen=True)
class Tools:
    """What an assistant may call; docstrings and annotations of the methods describe them to it.

    Attributes:
        latest: the link to the latest release.
    """

    latest: Path

    @property
    def each(self) -> tuple[Callable[..., dict[str, Any]], ...]:
        """The tools in the order in which they are listed."""
        return (
            self.headline, self.density, self.price, self.cheapest_per_level, self.price_changes,
            self.explain,
        )  # fmt: skip

    def headline(self) -> dict[str, Any]:
        """How fast language models get denser and cheaper: every answer of the release in sentences and numbers."""
        try:
            return dict(json.loads((self.latest / HEADLINE_FILE).read_bytes()))
        except (OSError, ValueError) as error:
            raise ToolError(f"{self.latest}: no release can be read ({error})") from error

    def density(
        self, model: str, law: str = "", scores: str = "", params: str = ""
    ) -> dict[str, Any]:
        """The density of a model, with its interval, in every series, or in those chosen.

        Args:
            model: Hub id, or a part of it that one model alone has.
            law: reference law, such as nmi-2025; all if empty.
            scores: score set, such as mmlu or average; all if empty.
            params: parameter basis, such as total or active; all if empty.
        """
        release = self.latest.resolve()
        densities = _read(release, ("densities",))["densities"]
        model_id = _asked(lineage.one_model, densities, model)
        wanted = {"reference_id": law, "score_set": scores, "params_basis": params}
        rows = densities.filter(
            pl.col("model_id") == model_id,
            *(pl.col(name) == value for name, value in wanted.items() if value),
        )
        if rows.is_empty():
            asked = ", ".join(quoted(value) for value in wanted.values() if value)
            raise ToolError(f"{model_id} has no density of {asked}; without these all are told")
        return _answer(release, rows, model=model_id)

    def price(self, model: str, on: str = "", known: str = "") -> dict[str, Any]:
        """What a model cost on a day: each seller's prices, since when, how sure, and from which bytes.

        Args:
            model: name in a price list, Hub id, or another spelling of one.
            on: the day, YYYY-MM-DD; today if empty.
            known: answer with what was known on this day; with everything if empty.
        """
        release = self.latest.resolve()
        day = _day(on, "on") or clock.now().date()
        found = _asked(price_on_day, _read(release, TABLES), model, day, _day(known, "known"))
        shown = found.frame.head(MOST_OFFERS)
        return _answer(
            release, shown, answer=sentence(found, found.offers), on=str(found.on),
            known=str(found.known), models=list(found.canonical_ids),
            left_out=found.frame.height - shown.height,
        )  # fmt: skip

    def cheapest_per_level(self) -> dict[str, Any]:
        """The cheapest offer today of each level of capability, and its record low."""
        release = self.latest.resolve()
        return _answer(release, _read(release, ("price_now",))["price_now"])

    def price_changes(self, days: Days = 7, model: str = "") -> dict[str, Any]:
        """Cuts, rises, promotions, arrivals and departures of the days before the last look at a price list.

        Args:
            days: number of days.
            model: part of the name of a model, or of the id of what it sells; all if empty.
        """
        release = self.latest.resolve()
        changes = _read(release, ("price_changes",))["price_changes"]
        last = changes["date"].max()
        since = last - timedelta(days=days) if isinstance(last, date) else None
        named = pl.concat_str("model", pl.col("canonical_id").fill_null(""), separator=" ")
        rows = changes.filter(
            pl.lit(since is None) | (pl.col("date") > since),
            named.str.to_lowercase().str.contains(model.lower(), literal=True),
        ).sort("date", "source", "provider", "model", descending=[True, False, False, False])
        return _answer(
            release, rows.head(MOST_CHANGES), since=since and str(since), until=last and str(last),
            left_out=max(0, rows.height - MOST_CHANGES),
        )  # fmt: skip

    def explain(
        self, model: str, law: str = "", scores: str = "", params: str = ""
    ) -> dict[str, Any]:
        """Where the density of a model comes from, as a tree: parameters, scores with sources, law, draws, raw bytes.

        Args:
            model: Hub id, or a part of it that one model alone has.
            law: reference law; that of the headline if empty.
            scores: score set; that of the headline if empty, or the first one the model has.
            params: parameter basis; that of the headline if empty.
        """
        release = self.latest.resolve()
        found = _asked(
            lineage.density_lineage, _read(release, lineage.TABLES), model,
            law or None, scores or None, params or None,
        )  # fmt: skip
        return {"release": release.name, "tree": _tree(found)}


def _read(release: Path, names: tuple[str, ...]) -> dict[str, pl.DataFrame]:
    return dict(_asked(read_tables, names, release))


def _asked(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives; what it refuses, as an error for the assistant."""
    try:
        return function(*arguments)
    except (TableError, UnknownModelError, FutureDayError, lineage.UnknownNumberError) as error:
        raise ToolError(str(error)) from error


def _answer(release: Path, rows: pl.DataFrame, **more: Any) -> dict[str, Any]:
    """Rows of a table as plain values, with the release that they are of."""
    return {"release": release.name, **more, "rows": json.loads(rows.write_json())}


def _tree(node: lineage.Node) -> dict[str, Any]:
    made: dict[str, Any] = {"text": node.text}
    if node.rests_on:
        made["rests_on"] = [_tree(one) for one in node.rests_on]
    return made


def _day(text: str, name: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ToolError(f"{name}: {quoted(text)} is not a day; write YYYY-MM-DD") from error
