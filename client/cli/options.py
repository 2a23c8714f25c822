"""Options that many commands share."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from autolearn.client.cli.terminal_text import printable

if TYPE_CHECKING:
    from autolearn.schemas.rest.catalog import Grant
    from autolearn.schemas.rest.sessions import Reader

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
        metavar="ID|TITLE",
        help="The session: its id or its title, or the start of either. "
        "[default: AUTOLEARN_SESSION, else the current one]",
    ),
]
Shared = Annotated[
    bool, typer.Option("--shared", help="List only what others have shared with you.")
]
Grantee = Annotated[
    str, typer.Argument(metavar="USER|group/NAME", help="A user, or the members of a group.")
]
May = Literal["read", "work"]
_Task = Literal["classification", "regression"]
Target = Annotated[str | None, typer.Option(help="The column to learn. [default: the dataset's]")]
TaskOption = Annotated[
    _Task | None,
    typer.Option(help="If many different numbers are classes. [default: the estimator's]"),
]
Features = Annotated[
    str | None,
    typer.Option(metavar="COL,…", help="Learn from these. [default: all that tell something]"),
]
Drop = Annotated[str | None, typer.Option(metavar="COL,…", help="Leave these out.")]
Test = Annotated[float | None, typer.Option(help="The fraction of rows held out. [default: 0.25]")]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait for the end, and show the progress.")
]
TimeLimit = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Stop the run after this time.")
]
MemoryLimit = Annotated[
    int | None, typer.Option(metavar="MIB", help="Stop the run above this memory.")
]
LabelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="NAME=VALUE",
        help="What its worker must have: at least so much of cores, memory (MiB) and gpu, as in "
        "gpu=1; the same of others, as in zone=a; may be repeated.",
    ),
]
Metrics = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[:CLASS],…",
        help="The metrics, such as f1 or recall:yes. [default: all that fit]",
    ),
]
Positive = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS",
        help="The class that metrics are of where none is named. [default: the mean over classes]",
    ),
]

Roles = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        metavar="ROLE=COL[,COL]",
        help="What a column is for: feature, target, id, group, time, weight, cohort or ignore; "
        "may be repeated.",
    ),
]

TokenName = Annotated[
    str, typer.Option("--name", metavar="WORDS", help="The purpose of the token.")
]
Days = Annotated[
    float, typer.Option("--days", min=0, max=3660, help="Days until the token expires; 0: never.")
]


SetLimits = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=LIMIT", help="Set a limit of its own. Repeatable."),
]
ResetLimits = Annotated[
    list[str] | None,
    typer.Option("--reset", metavar="NAME", help="Reset to the default. Repeatable."),
]


def limits_in(set_: list[str] | None, reset: list[str] | None) -> list[tuple[str, int | None]]:
    """Return the limits of `--set NAME=LIMIT` by the names of quotas, and None for those to reset.

    Raises:
        typer.BadParameter: it is something else.
    """
    found: list[tuple[str, int | None]] = []
    for given in set_ or ():
        name, _, limit = given.partition("=")
        if not limit.isdecimal():
            raise typer.BadParameter(f"{given!r} is not NAME=LIMIT, as in sessions=10.")
        found.append((name, int(limit)))
    return found + [(name, None) for name in reset or ()]


def roles_in(given: list[str] | None) -> dict[str, Any]:
    """Return the roles by column of ROLE=COL,COL words.

    Raises:
        typer.BadParameter: a word has no `=`, the role is none, or a column has two.
    """
    from autolearn.schemas.values import ColumnRole

    found: dict[str, Any] = {}
    for one in given or ():
        role, _, columns = one.partition("=")
        named = words(columns) or []
        if role not in get_args(ColumnRole) or not named:
            known = ", ".join(get_args(ColumnRole))
            raise typer.BadParameter(
                f"give it as ROLE=COL, with one of {known}; got {one!r}", param_hint="'--role'"
            )
        for column in named:
            if found.setdefault(column, role) != role:
                raise typer.BadParameter(
                    f"{column} has the roles {found[column]} and {role}: give it one",
                    param_hint="'--role'",
                )
    return found


def labels_of(given: list[str] | None) -> dict[str, str] | None:
    """Return labels by name of NAME=VALUE words, None if there are none.

    Raises:
        typer.BadParameter: a word is no label, or a name comes twice.
    """
    from autolearn.schemas.workers.labels import faults_in

    found: dict[str, str] = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not equals or name in found:
            why = f"{name} is given twice" if equals else f"{one!r} is not NAME=VALUE"
            raise typer.BadParameter(why, param_hint="'--label'")
        found[name] = value
    if faults := faults_in(found):
        raise typer.BadParameter("; ".join(faults), param_hint="'--label'")
    return found or None


def words(given: str | None) -> list[str] | None:
    """Split an option at its commas, but for those in double quotes."""
    if given is None:
        return None
    found = next(csv.reader([given], skipinitialspace=True))
    return [word.strip() for word in found if word.strip()]


def metric_names(given: str | None) -> list[str] | None:
    """Split the names of metrics at commas and blanks."""
    return words(None if given is None else ",".join(given.split()))


def warn_of_name(user: str) -> None:
    """Say that nobody has checked the name of a user: the API tells nobody who is one."""
    if not user.startswith("group/"):
        words = f"AutoLearn does not check names of users: see that {user!r} is right."
        print(printable(words), file=sys.stderr)


def shared_with(grants: Iterable[Grant | Reader]) -> str:
    """Return who has a grant, and what they may."""
    who = (f"{one.user} ({one.may})" for one in grants)
    return f"Shared with {', '.join(who) or 'nobody'}"
