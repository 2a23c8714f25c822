"""`autolearn replay`: fold the whole log again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from autolearn.client.commands.retrain import retrain
from autolearn.client.exits import EXIT_CODES
from autolearn.client.output import As, Output

__all__ = ["app"]

app = typer.Typer(
    help="Do it again: fold the whole log, to rebuild the read models or to verify them; or train "
    "again what is recorded.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)
app.command("retrain")(retrain)


@app.command("rebuild")
def rebuild(output: As = Output.table) -> None:
    """Rebuild the read models from the log; put in place unless an API process has them open."""
    show(*fold("rebuild"), output)


@app.command("verify")
def verify(
    output: As = Output.table,
    url: Annotated[
        str | None, typer.Option(metavar="URL", envvar="AUTOLEARN_URL", help="Where the API is.")
    ] = None,
) -> None:
    """Rebuild beside what the API serves, and compare view by view. Exit code 1: they differ."""
    show(*fold("verify", *(("--url", url) if url else ())), output)


def fold(*arguments: str) -> tuple[dict[str, Any], int]:
    """Run the replay tool, show how far it is, and return its result and exit code.

    Raises:
        typer.Exit: it failed; it has said why.
    """
    import subprocess
    import sys

    import msgspec
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from autolearn.client.output import messages

    console = messages()
    columns = (
        TextColumn("folding the log"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    result: dict[str, Any] = {}
    command = [sys.executable, "-m", "autolearn.projections.replay", *arguments, "--json"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as process,
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
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


def show(result: dict[str, Any], code: int, output: Output) -> None:
    """Print a result, and exit with the tool's code."""
    from autolearn.client.output import console, pairs, print_json, rows, short

    if output == Output.json:
        print_json(result)
        raise typer.Exit(code)
    out, served = console(), result.get("served")
    about = {"events": result["events"], "seconds": result["seconds"]}
    if result["resumed_at"]:
        about["folded before an interruption"] = result["resumed_at"]
    out.print(pairs({**about, "events per second": round(result["events_per_s"])}))
    digests = sorted(result["digests"].items())
    if served is None:
        out.print(rows(("view", "digest"), [(view, short(digest)) for view, digest in digests]))
        placed = "put in place" if result["placed"] else "not put in place: an API process runs"
        out.print(f"Rebuilt, and {placed}.")
    else:
        compared = [
            (view, short(ours), short(served.get(view, "")), ours == served.get(view))
            for view, ours in digests
        ]
        out.print(rows(("view", "from the log", "served", "equal"), compared))
        differs = ", ".join(result["differs"])
        out.print(f"They differ: {differs}." if differs else "Equal: the log says the same.")
    raise typer.Exit(code)
