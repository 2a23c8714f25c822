"""`autolearn replay retrain`: train again what is recorded, and compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from autolearn.client.cli_options import SessionOption, Url
from autolearn.client.output import As, Output

if TYPE_CHECKING:
    from autolearn.schemas.retraining import RecordedTraining

__all__ = ["retrain"]


def retrain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|EXPERIMENT",
            help="A training of an experiment or of the open session, or an experiment for all "
            "of its trainings. The start of the id is enough.",
        ),
    ],
    session: SessionOption = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Train again from the recorded request, and say how the result compares with the record.

    From the strongest to the weakest: identical artifact, same predictions (bit for bit), same
    metrics, differs. Nothing is written to the log or to the artifact store. Exit code 1: a
    training differs or could not be made again, or a recorded evaluation is not confirmed.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    import msgspec

    from autolearn.client.cli_connection import connect
    from autolearn.client.output import console, print_json
    from autolearn.client.recorded import recorded_of
    from autolearn.client.views import retraining as views
    from autolearn.schemas.retraining import RetrainCheck

    with TemporaryDirectory(prefix="autolearn-retrain-") as folder:
        with connect(url, session) as to:
            trainings = recorded_of(to, what, Path(folder))
        said, code = train_again(trainings)
    if output == Output.json:
        print_json(said)
    else:
        console().print(views.check(msgspec.json.decode(said, type=RetrainCheck)))
    raise typer.Exit(code)


def train_again(trainings: Sequence[RecordedTraining]) -> tuple[bytes, int]:
    """Run the retrain tool, show how far it is, and return its result (JSON) and exit code.

    Raises:
        typer.Exit: it failed (it has said why), or Ctrl-C was pressed; it has cleaned up then.
    """
    import subprocess

    import msgspec
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from autolearn.client.exits import FAULT, INTERRUPTED, NO
    from autolearn.client.output import messages, short
    from autolearn.eventlog.process import child

    console, result = messages(), msgspec.Raw(b"")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    how = child("autolearn.agents.retrain")
    process = subprocess.Popen(
        how.command,
        env=how.environment,
        cwd=how.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            bar = progress.add_task("training again", total=len(trainings))
            lines = (msgspec.json.encode(one) + b"\n" for one in trainings)
            process.stdin.write(b"".join(lines) + b"\n")
            process.stdin.flush()
            for line in process.stdout:
                said = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
                if "progress" in said:
                    at = msgspec.json.decode(said["progress"])
                    words = f"{short(at['training'])} {at['phase']}"
                    progress.update(bar, completed=at["done"], description=words)
                result = said.get("result", result)
        code = process.wait()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = process.wait()
    finally:
        process.stdin.close()  # which ends the tool, if it still runs
        process.wait()
        process.stdout.close()
    if not result:
        raise typer.Exit(FAULT if code in (0, NO) else code)
    return bytes(result), code
