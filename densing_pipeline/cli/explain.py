"""`densing explain`: a number of the latest release and what it rests on, drawn as a tree."""

from rich.tree import Tree

from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import current_settings, published_folder
from densing_pipeline.publication.lineage import Node, UnknownNumberError, density_lineage
from densing_pipeline.publication.raw_bytes import State
from densing_pipeline.publication.release import read_latest
from densing_pipeline.tables.schemas import TableError
from densing_pipeline.text import plain


def run(
    screen: Screen, model: str, law: str | None, scores: str | None, params: str | None
) -> None:
    """Print where the density of a model comes from.

    Raises:
        CommandError: there is no release, or no such number in it.
    """
    try:
        tables = read_latest(published_folder())
        state = State.of(current_settings())
        found = density_lineage(tables, model, law, scores, params, state)
    except (TableError, UnknownNumberError) as error:
        raise CommandError(str(error)) from error
    screen.show(_drawn(found))


def _drawn(node: Node, tree: Tree | None = None) -> Tree:
    branch = Tree(plain(node.text)) if tree is None else tree.add(plain(node.text))
    for each in node.rests_on:
        _drawn(each, branch)
    return branch
