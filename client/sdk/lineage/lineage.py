"""Asks for the lineage of things, for both clients."""

from __future__ import annotations

from typing import Any

from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.lineage.graph import LineageGraph
from autolearn.client.sdk.operation import operation
from autolearn.client.sdk.paths import segment
from autolearn.schemas.rest.lineage.graph import Lineage


class Lineages:
    """What things were made of."""

    @operation
    def lineage(
        self,
        thing: Any,
        *,
        forward: bool = False,
        depth: int | None = None,
        limit: int | None = None,
        as_of: str | None = None,
    ) -> Flow[LineageGraph]:
        """Return the things of which one was made, back to the sources; `forward`: made of it.

        The thing is an object, such as a training or a dataset; or a name: NAME or NAME@VERSION of
        a dataset, NAME@NUMBER or NAME@ALIAS of a model, dataset/NAME or model/NAME where both are
        called so; or the id of a session, experiment, run or request, of which the start is enough.
        The graph has at most `limit` nodes (200), up to `depth` steps away.

        Raises:
            Problem: nothing is called so, or several things are.
        """
        given = thing if isinstance(thing, str) else _called(thing)
        kind, slash, name = given.partition("/")
        path = f"{segment(kind)}/{segment(name)}" if slash else segment(given)
        query = {"forward": forward or None, "depth": depth, "limit": limit, "as_of": as_of}
        data = yield from ask(Call("GET", f"/v1/lineage/{path}", Lineage, query))
        return LineageGraph(data)


def _called(thing: Any) -> str:
    """Return the name of an object: its id, or that of a version of a dataset or a model."""
    if getattr(thing, "id", None):
        return str(thing.id)
    if getattr(thing, "model", None):
        return f"model/{thing.model}@{thing.version}"
    version = getattr(thing, "version", None)
    return f"dataset/{thing.name}@{version}" if version else f"model/{thing.name}"
