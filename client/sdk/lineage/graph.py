"""A lineage as an object: nodes and edges, as a tree, as Mermaid, in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from autolearn.client.sdk.handles.display import plain, printable, table_html
from autolearn.schemas.rest.lineage.graph import Lineage, LineageEdge, LineageNode

_SHOWN = 100
"""Lines that a notebook shows."""


class Branch(NamedTuple):
    """A node in a tree, below another one by the words `how`; of a `repeated` one there is more."""

    level: int
    how: str
    node: LineageNode
    repeated: bool


class LineageGraph:
    """What a thing was made of, or what was made of it. `data` is the answer of the API."""

    def __init__(self, data: Lineage) -> None:
        self.data = data

    @property
    def nodes(self) -> list[LineageNode]:
        """The things, nearest first."""
        return self.data.nodes

    @property
    def edges(self) -> list[LineageEdge]:
        """What was made of what: read each as product, how, source."""
        return self.data.edges

    @property
    def complete(self) -> bool:
        """Whether the graph was not cut; `data.notes` say how it was."""
        return self.data.complete

    def __len__(self) -> int:
        return len(self.nodes)

    def branches(self) -> Iterator[Branch]:
        """Yield the graph as a tree from the thing that was asked for, depth first.

        What lies below a node comes with its first branch only.
        """
        nodes = {node.id: node for node in self.nodes}
        below: dict[str, list[tuple[str, str]]] = {}
        for edge in self.edges:
            at, to = edge.product, edge.source
            if self.data.forward:
                at, to = to, at
            below.setdefault(at, []).append((edge.how, to))
        waiting, seen = [(0, "", self.data.of)], set[str]()
        while waiting:
            level, how, name = waiting.pop()
            repeated = name in seen and name in below
            yield Branch(level, how, nodes[name], repeated)
            if name not in seen:
                waiting += [(level + 1, *one) for one in reversed(below.get(name, []))]
            seen.add(name)

    def mermaid(self) -> str:
        """Return it as a Mermaid flowchart, from the sources to the products."""
        names = {node.id: f"n{number}" for number, node in enumerate(self.nodes)}
        lines = ["flowchart LR"]
        lines += [
            f'    {names[n.id]}["{_quoted(n.kind)}<br/>{_quoted(n.label)}"]' for n in self.nodes
        ]
        lines += [
            f"    {names[e.source]} -- {_quoted(e.how)} --> {names[e.product]}" for e in self.edges
        ]
        return "\n".join([*lines, f"    style {names[self.data.of]} stroke-width:3px", ""])

    def _title(self) -> str:
        of = self.nodes[0]
        what = "made of it" if self.data.forward else "sources"
        return f"Lineage of {of.kind} {of.label}: {len(self) - 1} {what}"

    def __repr__(self) -> str:
        return f"<{printable(self._title())}>"

    def __str__(self) -> str:
        return "\n".join(f"{'  ' * one.level}{self.words(one)}" for one in self.branches())

    def words(self, branch: Branch) -> str:
        """Return the line of a branch: how and what, or forward what, and how it was made of it."""
        label = printable(branch.node.label)
        if not branch.how:
            return label
        return f"{label}, {branch.how} it" if self.data.forward else f"{branch.how} {label}"

    def _repr_html_(self) -> str:
        rows = [
            ("\u2003" * one.level + self.words(one), one.node.kind, one.node.about)
            for one in self.branches()
        ]
        table = table_html(("", "kind", "about"), rows[:_SHOWN])
        notes = [*self.data.notes]
        if len(rows) > _SHOWN:
            notes.append(f"{len(rows) - _SHOWN} more lines: str() has all.")
        return table + "".join(f"<p>{plain(note)}</p>" for note in notes)


def _quoted(words: str) -> str:
    """Return words for a label of Mermaid: characters with a meaning there as their codes."""
    return "".join(
        one if one.isalnum() or one in " .,@-_/:" else f"#{ord(one)};" for one in printable(words)
    )
