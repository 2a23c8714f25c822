"""Prints the faults of a pipeline's file as compilers do, so that editors find the places."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from autolearn.client.cli.terminal_text import printable
from autolearn.schemas.errors import ExitCode


@contextmanager
def faults_of(file: Path) -> Iterator[None]:
    """Print the faults that the API finds in a file, a line each.

    Raises:
        typer.Exit: there are faults (exit code 2).
    """
    from autolearn.client.sdk.errors import Problem

    try:
        yield
    except Problem as problem:
        if problem.kind != "pipeline-invalid" or not any("line" in one for one in problem.errors):
            raise
        for one in problem.errors:
            print(printable(_in_file(file, one), but=""), file=sys.stderr)
        raise typer.Exit(ExitCode.USAGE) from None


def _in_file(file: Path, fault: dict[str, Any]) -> str:
    line, column = fault.get("line"), fault.get("column")
    place = f"{file}:{line}:{column}" if line else f"{file}"
    return f"{place}: {fault['detail']}"
