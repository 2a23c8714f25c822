"""Options that many commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="The URL of the API. [default: AUTOLEARN_URL, else `autolearn up` on this machine]",
    ),
]
SessionOption = Annotated[
    str | None,
    typer.Option(
        "--session",
        metavar="ID",
        help="The session, or the start of its id. [default: AUTOLEARN_SESSION, else the last "
        "that was opened]",
    ),
]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait for the end, and show the progress.")
]
TimeLimit = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Stop the run after this time.")
]
MemoryLimit = Annotated[
    int | None, typer.Option(metavar="MIB", help="Stop the run above this memory.")
]
Metrics = Annotated[
    str | None, typer.Option(metavar="NAME,…", help="The metrics, such as precision,recall.")
]
Positive = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS",
        help="The class of precision, recall, f1 and roc-auc. [default: the mean over the classes]",
    ),
]

TokenName = Annotated[
    str, typer.Option("--name", metavar="WORDS", help="The purpose of the token.")
]
Days = Annotated[
    float, typer.Option("--days", min=0, max=3660, help="Days until the token expires; 0: never.")
]


def words(given: str | None) -> list[str] | None:
    """Split an option at its commas."""
    if given is None:
        return None
    return [word.strip() for word in given.split(",") if word.strip()]
