"""What a run of a pipeline prints of its steps in a pipe."""

from types import SimpleNamespace
from typing import Any, cast

from autolearn.client.cli.commands.pipelines.step_progress import StepProgress
from autolearn.schemas.rest.pipelines.runs import StepState


def test_a_pipe_gets_why_a_step_waits_and_no_phases(capsys):
    states = [
        ("waiting", ""),
        ("waiting", "waiting for a worker with gpu=1: no worker has a gpu"),
        ("waiting", "waiting for a worker with gpu=1: no worker has a gpu"),
        ("running", "reading"),
        ("running", "storing"),
        ("completed", "first run"),
    ]
    with StepProgress() as progress:
        for status, why in states:
            step = StepState(name="fit", kind="select", status=status, why=why)
            progress.show(cast("Any", SimpleNamespace(steps=[step])))
    lines = capsys.readouterr().err.split("fit: ")[1:]
    assert [line.split()[0] for line in lines] == ["waiting,", "running,", "✓"]
    assert "gpu=1" in lines[0]
