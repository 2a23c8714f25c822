"""Runs our tools, as processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import typer


class OnProgress(Protocol):
    """Receives the stage, the done amount and the total."""

    def __call__(self, done: int, total: int | None, stage: str = "") -> None:
        """Show it."""


@contextmanager
def progress_bars(
    what: str, stages: Mapping[str, tuple[str, Callable[[int], str]]] | None = None
) -> Iterator[OnProgress]:
    """Show progress on standard error, on a terminal only.

    Each of `stages` has a bar of its own, with its name and count; all others share one, with the
    name of the present stage, or `what`.
    """
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    from autolearn.client.cli.output import messages

    console = messages()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[at]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bars: dict[str, TaskID] = {}

        def show(done: int, total: int | None, stage: str = "") -> None:
            name, count = (stages or {}).get(stage, (stage or what, None))
            bar = stage if count else what
            if bar not in bars:
                bars[bar] = progress.add_task(name, total=None, at="")
            at = count(done) if count else f"{done}/{'?' if total is None else total}"
            progress.update(bars[bar], completed=done, total=total, description=name, at=at)

        yield show


def run_tool(
    module: str,
    what: str,
    *arguments: str,
    given: bytes | None = None,
    stages: Mapping[str, tuple[str, Callable[[int], str]]] | None = None,
    told: OnProgress | None = None,
) -> tuple[dict[str, Any], int]:
    """Run a tool, show its progress, and return its result and exit code.

    `given` are the lines of its standard input, if it reads any. `told` receives the progress, too.

    Raises:
        typer.Exit: it failed, and has printed why; or Ctrl-C was pressed, and it has cleaned up.
    """
    import subprocess

    import msgspec

    from autolearn.runtime.process import child
    from autolearn.schemas.errors import ExitCode

    how = child(module, *(["--with-parent"] if given is None else []), *arguments)
    result: dict[str, Any] | None = None
    with (
        subprocess.Popen(
            how.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=how.environment,
            cwd=how.folder,
        ) as process,
        progress_bars(what, stages) as show,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with suppress(BrokenPipeError):  # it has ended: its message and exit code say why
                process.stdin.write(given or b"")
                process.stdin.flush()
            for line in process.stdout:
                said = msgspec.json.decode(line)
                if "progress" in said:
                    show(**said["progress"])
                    if told is not None:
                        told(**said["progress"])
                result = said.get("result", result)
            code = process.wait()
        except KeyboardInterrupt:
            result, code = None, ExitCode.INTERRUPTED
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()  # which ends the tool, if it still runs
            process.wait()
    if result is None:
        raise typer.Exit(code if code > 0 else ExitCode.FAULT)
    return result, code
