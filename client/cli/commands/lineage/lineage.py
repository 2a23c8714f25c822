"""`autolearn lineage`: what a thing was made of, or what was made of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from autolearn.client.cli.options import Url
from autolearn.client.cli.time_points import AsOf, point


class Graph(StrEnum):
    """The format of a graph."""

    tree = "tree"
    json = "json"
    mermaid = "mermaid"


def lineage(
    thing: Annotated[
        str,
        typer.Argument(
            metavar="THING",
            help="A dataset (NAME or NAME@VERSION), a model (NAME@NUMBER or NAME@ALIAS), or the id "
            "of a session, experiment, run or request, of which the start is enough. "
            "dataset/NAME and model/NAME where both are called so.",
        ),
    ],
    forward: Annotated[
        bool, typer.Option("--forward", help="What was made of it, instead of its sources.")
    ] = False,
    depth: Annotated[int, typer.Option(min=1, max=50, help="Steps from the thing.")] = 50,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The most nodes.")] = 200,
    output: Annotated[
        Graph, typer.Option("--output", "-o", help="How to print the answer.")
    ] = Graph.tree,
    url: Url = None,
    as_of: AsOf = None,
) -> None:
    """Show what a thing was made of, back to the sources; or what was made of it.

    Things that you may not see are no part of it (docs/lineage.md).
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.lineage.lineage import lineage as tree

    then = point(as_of) if as_of else None
    with connect(url) as to:
        found = to.client.lineage(thing, forward=forward, depth=depth, limit=limit, as_of=then)
        match output:
            case Graph.json:
                print_json(to.said)
            case Graph.mermaid:
                print(found.mermaid(), end="")
            case Graph.tree:
                console().print(tree(found))
        to.say_position()
