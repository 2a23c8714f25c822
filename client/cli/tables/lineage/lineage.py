"""A lineage as a tree."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from autolearn.client.cli.output import count, sentence
from autolearn.client.cli.terminal_text import printable
from autolearn.client.sdk.lineage.graph import Branch, LineageGraph

_ENDED_WELL = ("", "completed")
"""The states that go without saying."""


def lineage(one: LineageGraph) -> RenderableType:
    """Return a lineage as a tree, with what a reader must know below it."""
    branches = one.branches()
    trees = [Tree(_line(one, next(branches)))]
    for branch in branches:
        del trees[branch.level :]
        trees.append(trees[-1].add(_line(one, branch)))
    notes = [*one.data.notes]
    if len(one) == 1 and not one.data.notes:
        alone = "Nothing was made of it" if one.data.forward else "It has no sources"
        notes.append(f"{alone} that you may see here.")
    return Group(trees[0], *([""] if notes else []), *map(sentence, notes))


def _line(one: LineageGraph, branch: Branch) -> Text:
    node, words = branch.node, one.words(branch)
    before, label, after = words.partition(printable(node.label))
    line = Text(before, "dim")
    line.append(label, "italic" if node.status == "not-yours" else "")
    if node.kind.partition("-")[0] not in label:
        line.append(f" ({node.kind})", "dim")
    line.append(after, "dim")
    about = [printable(node.about)] if node.about and not branch.repeated else []
    if node.status not in (*_ENDED_WELL, "not-yours"):
        about.append(node.status)
    if node.others:
        about.append(f"{count(node.others, 'thing')} made by others")
    if node.more:
        about.append(f"{node.more:,} more")
    if branch.repeated:
        about.append("see above")
    if about:
        line.append(f": {'; '.join(about)}", "dim")
    return line
