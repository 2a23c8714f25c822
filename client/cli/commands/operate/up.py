"""`autolearn up`."""

from __future__ import annotations

from typing import Annotated

import typer

from autolearn.client.cli.exit_codes import EXIT_CODES


def up(
    home: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="The folder of all data.", envvar="AUTOLEARN_HOME"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The API's port; 0: a free one. [default: 8321]"),
    ] = None,
) -> None:
    """Run the whole system on this machine: Kafka, agents, workers and API.

    It runs until Ctrl-C or SIGTERM, and then exits with 0. A restart on the same folder has all
    data; while it runs, another `up` on that folder is refused (exit code 4). With
    AUTOLEARN_KAFKA=host:port,… your brokers are used instead of an embedded one.
    """
    import os

    from msgspec.structs import replace

    from autolearn.client.local.up import run_up
    from autolearn.runtime.process import read_settings

    if home is not None:
        os.environ["AUTOLEARN_HOME"] = home  # its `.env` applies, also to the started processes
    settings = read_settings()
    if port is not None:
        settings = replace(settings, api=replace(settings.api, port=port))
    run_up(settings)


up.__doc__ = f"{up.__doc__}\n\n{EXIT_CODES}"
