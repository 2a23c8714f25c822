"""`autolearn status`: the status of the whole installation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output
from autolearn.schemas.errors import ExitCode

if TYPE_CHECKING:
    from autolearn.client.sdk.errors import Unreachable


def status(
    everything: Annotated[
        bool,
        typer.Option("--all", "-a", help="Show brokers, topics, lag, terms, workers and disks."),
    ] = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Show whether everything is well, and what needs attention.

    Asks the API; without one, the brokers themselves. Exit codes: 0 no findings; 1 findings; 3
    neither the API nor Kafka answers.
    """
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.status import parts, summary
    from autolearn.client.sdk.errors import Unreachable
    from autolearn.schemas.reports.status import Status

    try:
        with connect(url) as to:
            found = to.client.status()
            said: bytes | dict[str, Any] = to.said
    except Unreachable as error:
        said = _without_api(error)
        found = msgspec.convert(said, Status)
    if output == Output.json:
        print_json(said)
    else:
        console().print(*(parts if everything else summary)(found), sep="\n")
    kinds = {finding.kind for finding in found.findings}
    if {"no-api", "brokers-unknown"} <= kinds:
        raise typer.Exit(ExitCode.UNREACHABLE)
    raise typer.Exit(ExitCode.NO if kinds else ExitCode.DONE)


def _without_api(error: Unreachable) -> dict[str, Any]:
    """Return the status from the brokers and this machine's folders.

    Raises:
        Unreachable: the brokers are unknown too.
    """
    from autolearn.client.cli.tools.tool_runner import run_tool
    from autolearn.runtime.home import home_of, running
    from autolearn.runtime.process import read_settings

    settings = read_settings()
    if not settings.kafka.brokers and running(home_of(settings)) is None:
        raise error
    words = ("--without-api", error.detail)
    return run_tool("autolearn.operations.status", "asking the brokers", *words)[0]
