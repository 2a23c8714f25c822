"""A lineage as a tree, and as Mermaid, whatever is in the names."""

from autolearn.client.cli.output import console
from autolearn.client.cli.tables.lineage.lineage import lineage
from autolearn.client.sdk.lineage.graph import LineageGraph
from autolearn.schemas.rest.lineage.graph import Lineage, LineageEdge, LineageNode


def node(name: str, depth: int, label: str = "", **more: object) -> LineageNode:
    return LineageNode(id=name, kind="training", label=label or name, depth=depth, **more)


def edge(product: str, how: str, source: str) -> LineageEdge:
    return LineageEdge(product=product, how=how, source=source)


def graph(*, forward: bool) -> LineageGraph:
    nodes = [
        node("a", 0),
        node("b", 1, 'two "] --> x\x1b[1m', status="failed"),
        node("c", 1, others=1),
        node("d", 2, more=3),
    ]
    edges = [edge("a", "made of", "b"), edge("a", "made of", "c")]
    edges += [edge("b", "made of", "d"), edge("c", "trained on", "d"), edge("d", "keeps", "a")]
    if forward:
        edges = [edge(one.source, one.how, one.product) for one in edges]
    notes = ["It goes on."]
    return LineageGraph(
        Lineage(
            of="a", forward=forward, depth=2, complete=False, notes=notes, nodes=nodes, edges=edges
        )
    )


def test_it_is_a_tree_from_the_thing_even_if_it_has_a_circle(capsys):
    assert str(graph(forward=False)).splitlines() == [
        "a",
        '  made of two "] --> x [1m',
        "    made of d",
        "      keeps a",
        "  made of c",
        "    trained on d",
    ]
    assert str(graph(forward=True)).splitlines()[-2:] == ["  c, made of it", "    d, trained on it"]
    console().print(lineage(graph(forward=False)))
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    for words in ("(training): failed", "1 thing made by others", "3 more", "see above", "It goes"):
        assert words in shown


def test_names_are_no_markup_of_mermaid():
    lines = graph(forward=False).mermaid().splitlines()
    assert lines[0] == "flowchart LR"
    assert lines[2] == '    n1["training<br/>two #34;#93; --#62; x #91;1m"]'
    assert "    n1 -- made of --> n0" in lines
    assert "two &quot;] --&gt; x" in graph(forward=True)._repr_html_()
