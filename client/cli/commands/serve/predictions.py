"""`autolearn predictions`: what was asked of a model, what it answered, and the end of that."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import typer
from typer.core import TyperGroup

from autolearn.client.cli.confirm import Yes, confirm
from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.time_points import point

_Since = Annotated[
    str, typer.Option(metavar="TIME", help="From when on: 1h, 2d, or a time such as 2026-01-31.")
]


class _ListedByDefault(TyperGroup):
    """`predictions NAME` is `predictions list NAME`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        if args and args[0] not in {*self.commands, "--help", "-h"}:
            args = ["list", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ListedByDefault,
    help="The prediction log of a model: `predictions NAME` lists it.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The model's name.")]


@app.command("list")
def list_(
    name: Name,
    since: _Since = "1h",
    request: Annotated[
        str, typer.Option(metavar="ID", help="Only this request, with its rows and answers.")
    ] = "",
    version: Annotated[int, typer.Option(min=0, help="Only this version; 0: all.")] = 0,
    purpose: Annotated[
        Literal["production", "showroom", "explain"] | None,
        typer.Option(help="Only what was asked for this. [default: all but explain]"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """List what was asked of a model and answered, newest first.

    Those who may promote see all of it, others what they asked themselves.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import models as views

    with connect(url) as to:
        found = to.client.model(name).predictions(
            since="" if request else point(since, "--since"),
            request=request,
            version=version,
            purpose=purpose,
            limit=1 if request else limit,
        )
        items = [*found]
        if output == Output.json:
            print_json({"items": items, "next": None})
        elif request and items:
            console().print(views.prediction(items[0]))
        elif items:
            console().print(views.predictions(items))
        else:
            for_what = "" if purpose is None else f" for {purpose}"
            print(f"Nothing was asked of {name}{for_what}{'' if request else f' since {since}'}.")
            print(f"Nothing was asked of {name}{'' if request else f' since {since}'}.")


@app.command("erase")
def erase(
    name: Name,
    key: Annotated[
        list[str],
        typer.Option(
            metavar="COL=VALUE",
            help="Whose rows: customer=17. Again with another value of the column: theirs, too. "
            "With another column: only rows that fit both.",
            show_default=False,
        ),
    ],
    reason: Annotated[str, typer.Option(metavar="WORDS", help="Why, for the log.")] = "",
    yes: Yes = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Erase a person's rows from the prediction log, with their answers and truths, for good.

    All records of the model are looked at whose keys are there, also for columns that the model
    does not use. At once nobody sees the rows any more; from Kafka's files they are gone within
    AUTOLEARN_ERASE_WITHIN seconds, 30 days by default. It is for the owner of the model.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import count, messages, print_json, sentence
    from autolearn.schemas.rest.predictions import ErasedPredictions

    wanted = _keys(key)
    whose = " and ".join(f"{name} is {' or '.join(of)}" for name, of in wanted.items())
    with connect(url) as to:
        model = to.client.model(name)
        confirm(f"Erase the rows asked of {name} where {whose}, for good?", yes=yes)

        def report(one: ErasedPredictions) -> None:
            if one.next:
                messages().print(sentence(f"{one.done:.0%} of the log is looked at"))

        said = model.erase_predictions(wanted, reason=reason, report=report)
        if output == Output.json:
            print_json(msgspec.to_builtins(said))
            return
        print(f"{count(said.rows, 'row')} of {count(said.requests, 'request')} erased.")
        if said.rows:
            messages().print(
                "Not erased, for they are no part of the log: exports, answers that clients kept, "
                "older backups, and datasets that were made of predictions (dataset add "
                "--from-predictions): make a version of these anew, and delete the one before."
            )
            yesterday = point("1d", "--since")
            for one in model.backtests(limit=50):
                if one.data.requested < yesterday:
                    continue
                messages().print(
                    sentence(f"the backtest {one.id} may hold them, for a day after its request")
                )


def _keys(given: list[str]) -> dict[str, list[str]]:
    """Return the values by column. Raises typer.BadParameter."""
    found = dict[str, list[str]]()
    for one in given:
        column, mark, value = one.partition("=")
        if not (column and mark and value):
            raise typer.BadParameter(f"{one!r} is not COL=VALUE", param_hint="'--key'")
        found.setdefault(column, []).append(value)
    return found
