"""Options that many commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="Where the API is. [default: AUTOLEARN_URL, else `autolearn up` on this machine]",
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
    bool, typer.Option("--wait/--no-wait", help="Wait for the end, and show what goes on.")
]
TimeLimit = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="After which the run is stopped.")
]
MemoryLimit = Annotated[
    int | None, typer.Option(metavar="MIB", help="Beyond which the run is stopped.")
]
Metrics = Annotated[
    str | None, typer.Option(metavar="NAME,…", help="What to measure, such as precision,recall.")
]
Positive = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS",
        help="The class that precision, recall, f1 and roc-auc are of. [default: the mean over "
        "the classes]",
    ),
]

TokenName = Annotated[
    str, typer.Option("--name", metavar="WORDS", help="What the token is for, in a few words.")
]
Days = Annotated[
    float,
    typer.Option("--days", min=0, max=3660, help="How long the token is good; 0: for ever."),
]


def words(given: str | None) -> list[str] | None:
    """Split an option at its commas."""
    if given is None:
        return None
    return [word.strip() for word in given.split(",") if word.strip()]
