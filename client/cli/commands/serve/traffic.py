"""Commands of `autolearn model` that share requests among versions."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from autolearn.client.cli.confirm import Yes, confirm
from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output

if TYPE_CHECKING:
    from autolearn.client.cli.connection import Connection
    from autolearn.client.sdk.models.registry import ModelHandle

Name = Annotated[str, typer.Argument(metavar="NAME", help="The model's name.")]
Reason = Annotated[str, typer.Option(metavar="WORDS", help="Why, for people who look later.")]
Off = Annotated[bool, typer.Option("--off", help="End it: the champion answers alone.")]


class Recorded(StrEnum):
    """How answers are recorded."""

    durable = "durable"
    fast = "fast"


def traffic(
    name: Name,
    routes: Annotated[
        list[str],
        typer.Argument(
            metavar="VERSION=PERCENT",
            help="Shares that sum to 100, such as champion=90 challenger=10; none: show them.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    sticky: Annotated[
        str, typer.Option(metavar="COLUMN", help="The column that decides who gets which version.")
    ] = "",
    sticky_header: Annotated[
        str, typer.Option(metavar="HEADER", help="The header that decides it, not a column.")
    ] = "",
    salt: Annotated[
        str | None, typer.Option(metavar="WORD", help="Share anew. [default: the model's name]")
    ] = None,
    guard: Annotated[
        list[str],
        typer.Option(
            metavar="LIMIT",
            help='End the traffic when a version passes it: "errors <= 1% over 200" or "p99 <= 50 '
            'ms over 1000"; may be repeated.',
        ),
    ] = [],  # noqa: B006 - typer copies it
    off: Off = False,
    reason: Reason = "",
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Share the requests among versions, end that, or show it.

    Without a sticky key each request is shared by its id.
    """
    from autolearn.client.cli.connection import connect

    shares = _shares_in(routes)
    if off and (routes or guard or sticky or sticky_header or salt):
        raise typer.BadParameter("--off goes with --reason only", param_hint="'--off'")
    if not off and not routes and (guard or sticky or sticky_header or salt or reason):
        raise typer.BadParameter("name shares: champion=90 challenger=10", param_hint="VERSION")
    with connect(url) as to:
        model = to.client.model(name)
        if off:
            model.set_traffic(None, reason=reason)
        elif routes:
            about = {"sticky": sticky, "sticky_header": sticky_header}
            model.set_traffic(shares, **about, salt=salt, guards=guard, reason=reason)
        _show(to, model, output)


def shadow(
    name: Name,
    version: Annotated[
        str | None,
        typer.Argument(metavar="[VERSION]", help="A version or an alias; none: show the shadow."),
    ] = None,
    off: Off = False,
    reason: Reason = "",
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Let a version see the requests too, which answers nobody; end that, or show it."""
    from autolearn.client.cli.connection import connect

    if (off and version is not None) or (reason and not off and version is None):
        raise typer.BadParameter("name a version, or give --off", param_hint="VERSION")
    with connect(url) as to:
        model = to.client.model(name)
        if off or version is not None:
            given = int(version) if version is not None and version.isdecimal() else version
            model.shadow(given, reason=reason)
        _show(to, model, output)


def recording(
    name: Name,
    how: Annotated[
        Recorded | None,
        typer.Argument(metavar="[durable|fast]", help="None: show it.", show_default=False),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Keep records so many days after the end of their month; 0: as long as the "
            "settings say, which is the most. [default: as it is]",
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Choose how answers are recorded: durable, before they are given, or fast, behind them.

    With fast, what cannot be recorded is dropped and counted. --days, for the owner, says for how
    long records are kept: the keys of older months are shredded at once.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        model = to.client.model(name)
        if days:
            confirm(f"Shred the records of months that ended over {days} days ago?", yes=yes)
        if how is not None or days is not None:
            model.set_recording(how.value if how else None, days=days)
        if output == Output.json:
            print_json(to.said)
        else:
            long = f"{model.prediction_days} days" if model.prediction_days else "the usual time"
            print(f"Answers of {model.name} are recorded {model.recording}, and kept for {long}.")


def _show(to: Connection, model: ModelHandle, output: Output) -> None:
    """Print how the requests of a model are shared now."""
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import models as views

    if output == Output.json:
        print_json(to.said)
    else:
        console().print(views.traffic(model.data))


def _shares_in(routes: list[str]) -> dict[int | str, int]:
    """Return percentages by version, as VERSION=PERCENT words say.

    Raises:
        typer.BadParameter: a word is something else, or a version has two.
    """
    shares: dict[int | str, int] = {}
    for one in routes:
        version, _, percent = one.rpartition("=")
        if not version or not percent.isdecimal() or len(percent) > 3 or version in shares:
            raise typer.BadParameter(
                f"{one!r} is not VERSION=PERCENT, as in champion=90, once for each",
                param_hint="VERSION",
            )
        shares[version] = int(percent)
    return shares
