"""`autolearn worker`: workers on Slurm or Kubernetes, as many as the waiting runs ask for."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import labels_of

app = typer.Typer(
    help="Start workers on a cluster, as many as the waiting runs ask for, and let them go.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)
_Most = Annotated[int, typer.Option("--max", min=1, max=1000, help="Workers at a time, at most.")]
_Least = Annotated[int, typer.Option("--min", min=0, max=1000, help="Workers that always run.")]
_Label = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="NAME=VALUE",
        help="What each worker has, such as gpu=1, cores=8, memory=16384 (MiB), zone=a or "
        "package/NAME=VERSION: runs that ask for no more are for it; may be repeated.",
    ),
]
_Idle = Annotated[
    float, typer.Option(metavar="SECONDS", min=1, help="A worker goes after so long without a run.")
]


@app.command("slurm")
def slurm(
    most: _Most,
    least: _Least = 0,
    label: _Label = None,
    idle: _Idle = 60.0,
    name: Annotated[
        str, typer.Option(help="The name of the pool; its jobs are NAME-0, NAME-1 and so on.")
    ] = "slurm",
    sbatch: Annotated[
        str, typer.Option(metavar="OPTIONS", help="Further options of sbatch: '--partition=large'.")
    ] = "",
) -> None:
    """Submit a job for each worker that the waiting runs ask for, until Ctrl-C.

    It reads the log (AUTOLEARN_KAFKA), and calls sbatch, squeue and scancel. The labels cores,
    memory and gpu are asked of Slurm for each job. The jobs have the settings of this process; a
    worker ends itself when it is idle, and a job that has started is never cancelled. Started
    again, it knows the jobs by their names.
    """
    _execute("slurm", most, least, label, idle, "--name", name, f"--sbatch={sbatch}")


@app.command("kubernetes")
def kubernetes(
    most: _Most,
    least: _Least = 0,
    label: _Label = None,
    idle: _Idle = 60.0,
    name: Annotated[str, typer.Option(help="The Deployment of the workers.")] = "autolearn-work",
    namespace: Annotated[
        str, typer.Option(help="Its namespace. [default: that of this pod, else default]")
    ] = "",
    server: Annotated[
        str,
        typer.Option(
            metavar="URL", help="The API, by `kubectl proxy`. [default: that of this pod]"
        ),
    ] = "",
) -> None:
    """Scale a Deployment to as many workers as the waiting runs ask for, until Ctrl-C.

    It reads the log (AUTOLEARN_KAFKA). The Deployment is that of deploy/kustomize: its workers have
    the label pool=NAME, and end their runs before they go. Idle ones go first.
    """
    given = ("--name", name, "--namespace", namespace, "--server", server)
    _execute("kubernetes", most, least, label, idle, *given)


def _execute(
    where: str, most: int, least: int, label: list[str] | None, idle: float, *given: str
) -> None:
    """Become the process that does it."""
    if least > most:
        raise typer.BadParameter(f"{least} is more than --max {most}", param_hint="'--min'")
    from autolearn.runtime.process import child
    from autolearn.schemas.workers.labels import faults_in, text_of

    name = given[1]
    if faults := faults_in({"pool": name}):
        raise typer.BadParameter(faults[0], param_hint="'--name'")
    bounds = (f"--max={most}", f"--min={least}", f"--idle={idle}")
    labels = f"--labels={text_of(labels_of(label) or {})}"
    sys.stdout.flush()
    how = child("autolearn.operations.scaling", where, *bounds, labels, *given)
    os.chdir(how.folder)
    os.execve(how.command[0], how.command, how.environment)  # noqa: S606 - no shell


for command in (slurm, kubernetes):
    command.__doc__ = f"{command.__doc__}\n\n{EXIT_CODES}"
