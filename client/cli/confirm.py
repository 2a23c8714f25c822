"""Asks before a command does what cannot be undone."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def confirm(question: str, *, yes: bool) -> None:
    """Ask a question, unless `yes`; without a terminal the answer is the next line of a pipe.

    Raises:
        typer.Abort: the answer is not yes, or nobody answers.
    """
    if yes:
        return
    print(f"{question} [y/N]: ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline() if sys.stdin is not None else ""
    if not answer:
        print("\nNobody has answered, so nothing was done: --yes does not ask.", file=sys.stderr)
    if answer.strip().lower() not in ("y", "yes"):
        raise typer.Abort
