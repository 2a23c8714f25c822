"""The lists of sessions and experiments fit their terminal, and cut no name."""

import io

import pytest
from rich.console import Console, RenderableType

from autolearn.client.cli.tables.sessions import experiments, sessions
from autolearn.schemas.rest.annotations import Note
from autolearn.schemas.rest.experiments import ExperimentSummary
from autolearn.schemas.rest.sessions import SessionSummary
from autolearn.schemas.values import DatasetRef, RunId, SessionId

ID, TIME = "0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90", "2026-01-02T03:04:05.678Z"
TITLE = "churn of the second quarter, without ids, with forests"
SAID = {
    "tags": ("for-June", "without-ids"),
    "notes": (
        Note("The best so far, but it needs all of the columns of the new system", "ada", TIME),
    ),
}
SESSION = SessionSummary(
    SessionId(ID), TITLE, TIME, "adalovelace", TIME, 3, links={}, expiring=TIME, **SAID
)
EXPERIMENT = ExperimentSummary(
    id=SessionId(ID),
    title=TITLE,
    created=TIME,
    committed=TIME,
    actor="adalovelace",
    sequence=9,
    training_data=(DatasetRef("churn_of_the_second_quarter", "ab" * 32),),
    evaluation_data=(),
    trainings=(RunId("t1"), RunId("t2")),
    matches=(RunId("t2"),),
    cpu_seconds=12.345,
    links={},
    **SAID,
)


def shown(table: RenderableType, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize("kind", ["sessions", "experiments"])
def test_a_list_fits_and_has_every_name_whole(kind: str, width: int):
    table = sessions([SESSION], ID) if kind == "sessions" else experiments([EXPERIMENT])
    lines = shown(table, width)
    assert max(map(len, lines)) <= width
    words = " ".join(lines)
    assert ID[:8] in words
    for word in TITLE.split():
        assert word in words
    heads = {word: word in lines[0].split() for word in ("title", "owner", "committed", "data")}
    if kind == "experiments":
        wanted = {
            80: ("title",),
            100: ("title", "committed"),
            160: ("title", "owner", "committed"),
        }[width]
        assert {*wanted} <= {name for name, there in heads.items() if there}
        assert ("1 of 2" in words) == (width >= 100)
        assert ("12.35" in words) == (width == 160)
