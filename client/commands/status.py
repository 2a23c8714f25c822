"""`autolearn status`: how the whole installation is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from autolearn.client.cli_options import Url
from autolearn.client.exits import NO, UNREACHABLE
from autolearn.client.output import As, Output

if TYPE_CHECKING:
    from autolearn.client.sdk import Unreachable

__all__ = ["status"]


def status(output: As = Output.table, url: Url = None) -> None:
    """Show brokers, topics, lag, terms, workers, dead letters and disks, and what needs attention.

    Asks the API; when none answers, the brokers themselves. Exit codes: 0 nothing needs attention;
    1 something does, it says what; 3 neither the API nor Kafka answers.
    """
    import msgspec

    from autolearn.client.cli_connection import connect
    from autolearn.client.output import console, print_json
    from autolearn.client.sdk import Unreachable
    from autolearn.client.views.status import parts
    from autolearn.schemas.status import Status

    try:
        with connect(url) as to:
            found, said = to.client.status(), to.said
    except Unreachable as error:
        said = without_api(error)
        found = msgspec.json.decode(said, type=Status)
    if output == Output.json:
        print_json(said)
    else:
        console().print(*parts(found), sep="\n")
    kinds = {finding.kind for finding in found.findings}
    if {"no-api", "brokers-unknown"} <= kinds:
        raise typer.Exit(UNREACHABLE)
    raise typer.Exit(NO if kinds else 0)


def without_api(error: Unreachable) -> bytes:
    """Return the status as the brokers and this machine's folders tell it.

    Raises:
        Unreachable: nobody says where Kafka is either.
    """
    import subprocess

    import msgspec

    from autolearn.eventlog.process import child, home_of, read_settings, running

    settings = read_settings()
    if not settings.kafka and running(home_of(settings)) is None:
        raise error
    how = child("autolearn.projections.status", "--without-api", error.detail)
    done = subprocess.run(
        how.command, stdout=subprocess.PIPE, env=how.environment, cwd=how.folder, check=False
    )
    if done.returncode:
        raise typer.Exit(done.returncode)
    return bytes(msgspec.json.decode(done.stdout, type=dict[str, msgspec.Raw])["result"])
