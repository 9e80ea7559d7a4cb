"""`densing explain`: a number of the latest release and what it rests on, drawn as a tree."""

from collections.abc import Callable, Iterable
from datetime import date

import polars as pl
from rich.tree import Tree

from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import current_settings, published_folder
from densing_pipeline.past_prices import on_day
from densing_pipeline.past_prices.naming import UnknownModelError
from densing_pipeline.publication import growth_lineage, lineage, price_lineage
from densing_pipeline.publication.lineage import Node, UnknownNumberError
from densing_pipeline.publication.raw_bytes import State
from densing_pipeline.publication.reading import read_tables
from densing_pipeline.tables.schemas import TableError
from densing_pipeline.text import plain


def density(
    screen: Screen, model: str, law: str | None, scores: str | None, params: str | None
) -> None:
    """Print where the density of a model comes from.

    Raises:
        CommandError: there is no release, or no such number in it.
    """
    state = State.of(current_settings())
    _show(
        screen,
        lineage.TABLES,
        lambda tables: lineage.density_lineage(tables, model, law, scores, params, state),
    )


def price(screen: Screen, model: str, on: date) -> None:
    """Print where the prices of a model on a day come from.

    Raises:
        CommandError: there is no release, or no offer has that name.
    """
    landing = current_settings().landing_dir
    _show(
        screen,
        on_day.TABLES,
        lambda tables: price_lineage.price_lineage(tables, model, on, landing),
    )


def halving(screen: Screen, level: str, share: float | None) -> None:
    """Print where the halving time of a level's price comes from.

    Raises:
        CommandError: there is no release, or no such number in it.
    """
    landing = current_settings().landing_dir
    _show(
        screen,
        price_lineage.HALVING_TABLES,
        lambda tables: price_lineage.halving_lineage(tables, level, landing, share),
    )


def growth(screen: Screen, ruler: str | None, group: str | None, params: str | None) -> None:
    """Print where a pace of density comes from.

    Raises:
        CommandError: there is no release, or no such number in it.
    """
    state = State.of(current_settings())
    _show(
        screen,
        growth_lineage.TABLES,
        lambda tables: growth_lineage.growth_lineage(tables, ruler, group, params, state),
    )


def _show(
    screen: Screen, names: Iterable[str], found: Callable[[dict[str, pl.DataFrame]], Node]
) -> None:
    """Draw a tree that is made from tables of the latest release."""
    try:
        tree = found(read_tables(names, published_folder() / "latest"))
    except (TableError, UnknownModelError, UnknownNumberError, on_day.FutureDayError) as error:
        raise CommandError(str(error)) from error
    screen.show(_drawn(tree))


def _drawn(node: Node, tree: Tree | None = None) -> Tree:
    branch = Tree(plain(node.text)) if tree is None else tree.add(plain(node.text))
    for each in node.rests_on:
        _drawn(each, branch)
    return branch
