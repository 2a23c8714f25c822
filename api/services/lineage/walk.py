"""Walks from a thing to its sources, or to what was made of it, breadth first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from autolearn.api.identity.visibility import Level
from autolearn.api.services.lineage.kinds import gone, level_on, shown
from autolearn.api.services.lineage.sight import Sight, Start
from autolearn.projections.lineage.edges import MADE_BY, Edge, Ref, data_ref
from autolearn.projections.lineage.index import MOST_INDEXED
from autolearn.schemas.rest.lineage.graph import Lineage, LineageEdge, LineageNode
from autolearn.schemas.stream_kinds import stream

_ROOTS = ("session", "experiment")
"""The kinds from which a walk begins only: what else they keep says nothing about a thing."""


class Way(NamedTuple):
    """The way to a neighbour, and its node, whose depth is not set; None if it is only counted."""

    how: str
    to: Ref
    node: LineageNode | None


class Walk:
    """One walk. All of it blocks.

    What the principal may not see is no part of the graph: of a source a node says so, without a
    name; what others have made is only counted, and for the owner of what it was made of.
    """

    def __init__(self, sight: Sight, start: Start, *, forward: bool) -> None:
        self.sight, self.start, self.forward = sight, start, forward
        self.nodes: dict[Ref, LineageNode] = {}
        self.edges: dict[tuple[str, str], LineageEdge] = {}
        self.hidden: dict[Ref, str] = {}
        self.levels: dict[tuple[str, str], Level] = {}
        self.room = True
        """Whether a neighbour that is not in the graph yet has room there."""

    def graph(self, depth: int, limit: int) -> Lineage | None:
        """Return at most `limit` nodes up to a depth; None if the thing is not there."""
        root = self.start.ref
        node = self.start.node or shown(self.sight, root)
        if node is None:
            return None
        self.nodes[root] = node
        waiting, cut, deeper = deque([root]), False, False
        while waiting:
            ref = waiting.popleft()
            at, left, others = self.nodes[ref].depth, 0, 0
            self.room = at < depth and len(self.nodes) < limit
            for way in self._ways(ref):
                if way is None:
                    others += 1
                    continue
                if way.to not in self.nodes:
                    if not self.room or way.node is None:
                        left += 1
                        deeper, cut = deeper or at == depth, cut or at != depth
                        continue
                    self.nodes[way.to] = replace(way.node, depth=at + 1)
                    self.room = len(self.nodes) < limit
                    if way.node.status not in ("deleted", "not-yours"):
                        waiting.append(way.to)
                self._note(ref, way)
            self.nodes[ref] = replace(self.nodes[ref], more=left, others=others)
        found: dict[str, LineageNode] = {}
        for one in self.nodes.values():  # steps that give the same rows have made one table
            found.setdefault(one.id, one)
        notes = []
        if cut:
            notes.append(f"It has more than {limit:,} nodes: those nearest are here.")
        if deeper:
            notes.append(f"It goes on beyond the depth of {depth}.")
        if self.forward and self.sight.now.lineage.full:
            notes.append(
                f"There are more than {MOST_INDEXED:,} runs and versions: what was made in some "
                "of them is not looked through."
            )
        return Lineage(
            of=node.id,
            forward=self.forward,
            depth=max(one.depth for one in self.nodes.values()),
            complete=not notes,
            notes=notes,
            nodes=[*found.values()],
            edges=[*self.edges.values()],
        )

    def _note(self, ref: Ref, way: Way) -> None:
        """Put an edge into the graph, between a thing and its neighbour."""
        product, source = self.nodes[ref].id, self.nodes[way.to].id
        if self.forward:
            product, source = source, product
        edge = LineageEdge(product=product, how=way.how, source=source)
        self.edges[(product, source)] = edge

    def _ways(self, ref: Ref) -> Iterator[Way | None]:
        """Yield the ways from a thing; None for what others have made of it."""
        if ref == self.start.ref and self.start.edge is not None:
            return iter(()) if self.forward else self._to_sources([self.start.edge])
        if ref.kind in _ROOTS and ref != self.start.ref:
            return iter(())
        lineage = self.sight.seen.lineage
        if not self.forward:
            return self._to_sources(lineage.sources(ref))
        if ref.kind in _ROOTS:
            kept = (edge.source for edge in lineage.sources(ref))
            found = (
                edge
                for training in kept
                for edge in lineage.products(training)
                if edge.product.name != ref.name
            )
            return self._to_products(ref, [*found])
        made = lineage.products(ref)
        if ref.kind == "model-version" and self.sight.asked(ref) is not None:
            requests = Ref("requests", ref.within, ref.name)
            made.append(Edge(requests, "answered by", ref))
        return self._to_products(ref, made)

    def _to_sources(self, edges: list[Edge]) -> Iterator[Way]:
        for edge in edges:
            other = edge.source
            if self._level(other) >= Level.READ:
                node = shown(self.sight, other)
                if node is not None or edge.how != MADE_BY:  # that step came later
                    yield Way(edge.how, other, node or gone(other))
                continue
            yield Way(edge.how, other, self._not_yours(other))
            if edge.product.kind == "model-version":
                yield from self._data_of(edge.product)

    def _level(self, ref: Ref) -> Level:
        """Return the level on a thing, which is that on all of its kind in the same one."""
        if ref.kind in ("prediction", "table") or not ref.within:
            return level_on(self.sight, ref)
        at = (ref.kind, ref.within)
        if at not in self.levels:
            self.levels[at] = level_on(self.sight, ref)
        return self.levels[at]

    def _not_yours(self, ref: Ref) -> LineageNode:
        name = self.hidden.setdefault(ref, f"not-yours/{len(self.hidden) + 1}")
        return LineageNode(id=name, kind=ref.kind, label="not yours", depth=0, status="not-yours")  # type: ignore[arg-type]

    def _data_of(self, version: Ref) -> Iterator[Way]:
        """Yield the way to the data of a version whose training is another user's."""
        at = self.sight.at(stream("model", version.within))
        row = at.models.version(version.within, int(version.name))
        if row is None or row.source is None or row.imported:
            return
        data = data_ref(row.source.dataset)
        if self._level(data) >= Level.READ and (node := shown(self.sight, data)):
            yield Way("trained on", data, node)

    def _to_products(self, ref: Ref, edges: list[Edge]) -> Iterator[Way | None]:
        owned: bool | None = None
        for edge in edges:
            other = edge.product
            if self._level(other) >= Level.READ:
                if not self.room and self.sight.past is None:  # it is there: the index says so
                    yield Way(edge.how, other, None)
                elif (node := shown(self.sight, other)) is not None:
                    yield Way(edge.how, other, node)
                continue
            if owned is None:
                owned = self._level(ref) >= Level.OWN
            if owned and self.sight.past is None:
                yield None
            for behind in self.sight.seen.lineage.products(other):
                version = behind.product
                if version.kind == "model-version" and self._level(version) >= Level.READ:
                    node = shown(self.sight, version)
                    if node is not None:
                        yield Way(edge.how, version, node)
