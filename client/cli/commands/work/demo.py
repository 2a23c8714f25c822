"""`autolearn demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    home: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="The folder of all data. [default: a temporary folder]"),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the temporary folder.")] = False,
) -> None:
    """Run the main job, from an empty folder to a state rebuilt from the log.

    Trains all five classifiers on a bundled dataset and on a CSV with missing values and
    categories, evaluates, commits, stops everything, deletes every RocksDB folder, starts again,
    and compares. Exit code 1: the rebuilt state differs.
    """
    from autolearn.client.cli.demo.story import run_demo

    raise typer.Exit(run_demo(home, keep=keep))
