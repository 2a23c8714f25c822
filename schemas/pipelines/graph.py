"""The graph of a pipeline: its steps, and what goes between them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from autolearn.schemas.pipelines.definition import Definition
from autolearn.schemas.pipelines.steps import PORT_WORDS, StepSpec


class PipelineNode(Struct, frozen=True, omit_defaults=True):
    """A step. Its table is kept as a version of the dataset `keep_as` ("": it is not)."""

    step: str
    kind: str
    keep_as: str = ""


class PipelineEdge(Struct, frozen=True, omit_defaults=True):
    """The step `taker` takes the result of the step `giver`; `port` says which, as `a table`."""

    giver: str
    taker: str
    port: str = ""


class PipelineGraph(Struct, frozen=True):
    """The steps in an order in which they can run, and the edges in that of their takers."""

    nodes: tuple[PipelineNode, ...]
    edges: tuple[PipelineEdge, ...]


def graph_of(definition: Definition, steps: Mapping[str, StepSpec]) -> PipelineGraph:
    """Return the graph of a definition. Ports of kinds that `steps` has not are ""."""
    gives = {
        step.name: PORT_WORDS[steps[step.kind].gives]
        for step in definition.steps
        if step.kind in steps
    }
    return PipelineGraph(
        tuple(PipelineNode(step.name, step.kind, step.keep_as) for step in definition.steps),
        tuple(
            PipelineEdge(giver, step.name, gives.get(giver, ""))
            for step in definition.steps
            for giver in step.inputs
        ),
    )


def mermaid(graph: PipelineGraph) -> str:
    """Return a graph as a flowchart of Mermaid."""
    ids = {node.step: f"s{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart TD"]
    for node in graph.nodes:
        words = [node.step] if node.step == node.kind else [node.step, node.kind]
        if node.keep_as:
            words.append(f"kept as {node.keep_as}")
        lines.append(f'  {ids[node.step]}["{"<br/>".join(map(_escaped, words))}"]')
    for edge in graph.edges:
        port = f'|"{_escaped(edge.port)}"|' if edge.port else ""
        lines.append(f"  {ids[edge.giver]} -->{port} {ids[edge.taker]}")
    return "\n".join((*lines, ""))


def _escaped(text: str) -> str:
    """Return text for a label in quotes: what Mermaid or HTML would read are entities."""
    return "".join(one if one.isalnum() or one in " ._-" else f"#{ord(one)};" for one in text)
