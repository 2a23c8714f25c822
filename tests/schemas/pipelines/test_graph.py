"""The graph of a pipeline, and its picture."""

from __future__ import annotations

from autolearn.schemas.pipelines.graph import (
    PipelineEdge,
    PipelineGraph,
    PipelineNode,
    graph_of,
    mermaid,
)
from autolearn.schemas.pipelines.parse import parse
from tests.schemas.pipelines.kinds import STEPS

TEXT = """\
pipeline: p
steps:
  - source: {dataset: d}
  - select: {}
    name: "chosen"
    keep: dataset:kept
  - train: {estimator: svm}
"""


def test_a_graph_has_the_steps_and_what_goes_between_them():
    graph = graph_of(parse(TEXT, STEPS), STEPS)
    assert graph.nodes[1] == PipelineNode("chosen", "select", "kept")
    assert graph.edges == (
        PipelineEdge("source", "chosen", "a table"),
        PipelineEdge("chosen", "train", "a table"),
    )
    assert mermaid(graph) == (
        "flowchart TD\n"
        '  s0["source"]\n'
        '  s1["chosen<br/>select<br/>kept as kept"]\n'
        '  s2["train"]\n'
        '  s0 -->|"a table"| s1\n'
        '  s1 -->|"a table"| s2\n'
    )


def test_a_label_cannot_leave_its_quotes():
    node = PipelineNode('x"]; click s0 "javascript:alert(1)', "<script>")
    label = mermaid(PipelineGraph((node,), ())).splitlines()[1]
    assert label.count('"') == 2
    assert "<script>" not in label
