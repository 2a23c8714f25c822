"""`autolearn dev`: help for development and tests."""

from __future__ import annotations

from typing import Annotated

import typer

from autolearn.client.cli.exit_codes import EXIT_CODES

app = typer.Typer(help="Tools for developers and tests.", no_args_is_help=True, epilog=EXIT_CODES)


@app.callback()
def dev() -> None:
    """Tools for developers and tests."""


@app.command("cluster")
def cluster(
    folder: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="The folder of the data. [default: <home>/cluster]"),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65533, help="The first of three ports; 0: free ones.")
    ] = 29092,
) -> None:
    """Run three Kafka brokers on this machine, until Ctrl-C or SIGTERM.

    Standard output has the settings to use them, as shell commands: three copies of everything, two
    of which must have an append before it is acknowledged. A killed broker is restarted. --port 0
    takes free ports.
    """
    from pathlib import Path

    from autolearn.client.local.dev_cluster import run_cluster
    from autolearn.runtime.home import home_of
    from autolearn.runtime.process import read_settings

    home = home_of(read_settings())
    run_cluster(Path(folder).expanduser() if folder else home / "cluster", port, home)


cluster.__doc__ = f"{cluster.__doc__}\n\n{EXIT_CODES}"
