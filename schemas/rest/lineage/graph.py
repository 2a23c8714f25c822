"""The graph of what was made of what."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from autolearn.schemas.rest.page import Links

NodeKind = Literal[
    "dataset-version",
    "table",
    "file",
    "training",
    "study",
    "evaluation",
    "prediction",
    "session",
    "experiment",
    "model-version",
    "requests",
    "request",
    "pipeline-run",
    "step",
]
"""A prediction is a batch of rows. A request is one that a model answered, requests are all that a
version answered. A table is the result of a step of a pipeline, a file came from outside."""


class LineageNode(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A thing. The `id` can be asked for in its turn: `/v1/lineage/<id>`; `links.self` shows it.

    `depth` is its distance from the thing that was asked for. `status` is that of a run, or says
    why there is no more of it: `deleted`, `unreadable`, or `not-yours`, then without a name. `time`
    (RFC 3339) is when it was made, by `actor`. `more` counts its neighbours in this direction that
    are not in the graph, for its bounds; `others` what other users made of what is yours.
    """

    id: str
    kind: NodeKind
    label: str
    depth: int
    links: Links = {}
    about: str = ""
    status: str = ""
    time: str = ""
    actor: str = ""
    more: int = 0
    others: int = 0


class LineageEdge(Struct, kw_only=True, frozen=True):
    """The node `product` was made of the node `source`: read it as product, how, source."""

    product: str
    how: str
    source: str


class Lineage(Struct, kw_only=True, frozen=True):
    """What the node `of` was made of, and the sources of these; `forward`: what was made of it.

    The nodes come in the order of their depth, at most `depth`. `complete` says that the graph was
    not cut; the `notes` say how it was.
    """

    of: str
    forward: bool
    depth: int
    complete: bool
    notes: list[str]
    nodes: list[LineageNode]
    edges: list[LineageEdge]
