"""Running our tools that read the log, as processes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["progress_bar", "run_tool"]


def progress_bar(what: str) -> Progress:
    """Return a bar on standard error, shown to people only."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from autolearn.client.output import messages

    console = messages()
    return Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def run_tool(
    module: str, what: str, *arguments: str, token: str = ""
) -> tuple[dict[str, Any], int]:
    """Run a tool that reads the log, show how far it is, and return its result and exit code.

    With `token` it asks the API in the name of that one's user, and trusts whom we trust.

    Raises:
        typer.Exit: it failed; it has said why.
    """
    import subprocess

    import msgspec

    from autolearn.client.sdk_trust import variable
    from autolearn.eventlog.process import child

    how = child(module, *arguments, "--json")
    environment = how.environment
    if token:
        environment["AUTOLEARN_TOKEN"] = token
        if authorities := variable("AUTOLEARN_CA"):
            environment["SSL_CERT_FILE"] = authorities  # by which OpenSSL knows them
    result: dict[str, Any] = {}
    with (
        subprocess.Popen(
            how.command, stdout=subprocess.PIPE, env=environment, cwd=how.folder
        ) as process,
        progress_bar(what) as progress,
    ):
        bar = progress.add_task("", total=None)
        assert process.stdout is not None
        for line in process.stdout:
            said = msgspec.json.decode(line)
            if "progress" in said:
                progress.update(
                    bar, completed=said["progress"]["done"], total=said["progress"]["total"]
                )
            result = said.get("result", result)
    if not result:
        raise typer.Exit(process.returncode or 5)
    return result, process.returncode
