"""`autolearn dead-letters`: records of the topic `commands` that are no commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.terminal_text import printable
from autolearn.schemas.errors import ExitCode

app = typer.Typer(
    help="Show the records that could not be decoded as commands, and append them again.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)

Id = Annotated[str, typer.Argument(metavar="ID", help="Its id in the list, such as 0-17.")]
_WAIT = 10.0
"""Seconds that a retry waits for the decision."""


@app.command("list")
def list_(
    reason: Annotated[
        str, typer.Option(metavar="WORDS", help="Only those whose reason has these words.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=100, help="The maximum number to print.")] = 20,
    page: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="Continue an earlier list.")
    ] = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """List the dead letters, newest first."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.dead_letters import letters

    with connect(url) as to:
        found = to.client.dead_letters(reason=reason, limit=limit, page=page)
        if output == Output.json:
            print_json(to.said)
            return
    if found.items:
        console().print(letters(found.items))
    else:
        print("None here." if found.next else "There are none.")
    if found.next:
        print(f"There are more: --page {found.next}", file=sys.stderr)


@app.command("show")
def show(letter: Id, output: As = Output.table, url: Url = None) -> None:
    """Show a dead letter: its reason, headers and value."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.dead_letters import about

    with connect(url) as to:
        found = to.client.dead_letter(letter)
        if output == Output.json:
            print_json(to.said)
            return
    console().print(about(found))
    if found.text is not None or found.base64 is not None:
        print(f"\n{printable(found.text)}" if found.text is not None else f"\n{found.base64}")


@app.command("retry")
def retry(
    letter: Id,
    value: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="A corrected command in its place: a CloudEvent in JSON.",
        ),
    ] = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Send the command of a dead letter again. A second retry does nothing.

    Exit code 1: the command is refused. Exit code 4: it still cannot be decoded; the message says
    why.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json, short

    command = None if value is None else read(value)
    with connect(url) as to:
        done = to.client.retry_dead_letter(letter, command, wait=_WAIT)
        if output == Output.json:
            print_json(to.said)
    if output == Output.table:
        answer = f" by {done.answer} on {done.stream}" if done.answer else ""
        print(f"{done.dead_letter}: command {short(done.command)} is {done.state}{answer}")
    raise typer.Exit(ExitCode.NO if done.state == "refused" else ExitCode.DONE)


@app.command("quarantine")
def quarantine(
    partition: Annotated[int, typer.Argument(min=0, help="The partition of the command.")],
    offset: Annotated[int, typer.Argument(min=0, help="The offset of the command.")],
    reason: Annotated[str, typer.Option(metavar="WORDS", help="The reason, kept for ever.")],
    output: As = Output.table,
) -> None:
    """Answer a command that stops the deciders, so that they continue behind it.

    This writes to the brokers (AUTOLEARN_KAFKA, else those of `autolearn up` on this machine), also
    without running deciders and API; it allows everything. The event and the behaviour log name you
    and the reason. Exit code 4: that command is answered already, or is not the next.
    """
    from autolearn.client.cli.output import print_json
    from autolearn.client.cli.tools.tool_runner import run_tool

    words = [str(partition), str(offset), "--reason", reason]
    found, code = run_tool("autolearn.operations.quarantine", "claiming the partition", *words)
    if output == Output.json:
        print_json(found)
    else:
        print(f"{found['type']} {found['command']} on {found['stream']} is in quarantine.")
    raise typer.Exit(code)


def read(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        typer.BadParameter: there is none.
    """
    import msgspec

    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise typer.BadParameter(
            f"{path} has no JSON object: {error}", param_hint="'--value'"
        ) from None
