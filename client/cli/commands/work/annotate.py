"""`autolearn note`, `autolearn tag`, `autolearn log`, `autolearn attach` and `attachment`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autolearn.client.cli.options import SessionOption, Url, words
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.terminal_text import printable

if TYPE_CHECKING:
    from autolearn.client.cli.connection import Connection
    from autolearn.client.sdk.handles.runs import TrainingHandle
    from autolearn.schemas.rest.annotations import Annotated as Said

What = Annotated[
    str,
    typer.Argument(
        metavar="SESSION|EXPERIMENT|TRAINING",
        help="By id or title; of a training the id. The start is enough.",
    ),
]


def note(
    what: What,
    text: Annotated[str, typer.Argument(help="Up to 2,000 characters.")],
    session: SessionOption = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Add a note to a session, experiment or training, and show all of its notes and tags.

    A note stays as long as what it is about. It is encrypted with it.
    """
    _annotate(what, lambda one: one.note(text), session, output, url)


def tag(
    what: What,
    tags: Annotated[str, typer.Argument(metavar="TAG,…", help="Words without commas.")],
    remove: Annotated[bool, typer.Option("--remove", help="Remove these tags.")] = False,
    session: SessionOption = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Tag a session, experiment or training, and show all of its notes and tags."""
    some = [one for one in words(tags) or () if one]
    if not some:
        raise typer.BadParameter("name one or more, such as good,fast", param_hint="'TAG,…'")

    def change(one: Any) -> Said:
        return one.tag(remove=some) if remove else one.tag(*some)  # type: ignore[no-any-return]

    _annotate(what, change, session, output, url)


def log(
    training: Annotated[
        str, typer.Argument(help="Of the session or an experiment; the start of its id is enough.")
    ],
    figures: Annotated[
        list[str], typer.Argument(metavar="NAME=NUMBER…", help="Figures, such as cost=12.5.")
    ],
    session: SessionOption = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Log figures with a training that you have computed yourself.

    `compare` shows them apart from what AutoLearn has measured. A new value replaces the old one.
    """
    metric = {}
    for one in figures:
        name, _, number = one.rpartition("=")
        try:
            metric[name] = float(number)
        except ValueError:
            raise typer.BadParameter(f"give figures as NAME=NUMBER; got {one!r}") from None
        if not name:
            raise typer.BadParameter(f"give figures as NAME=NUMBER; got {one!r}")

    def change(one: TrainingHandle) -> Said:
        one.log(metric)
        return _said_of(one)

    _annotate(training, change, session, output, url, only_trainings=True)


def attach(
    training: Annotated[
        str, typer.Argument(help="Of the session or an experiment; the start of its id is enough.")
    ],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", exists=True, dir_okay=False, readable=True)
    ],
    session: SessionOption = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Attach files to a training, of up to 16 MiB each, which are kept with it.

    They are encrypted like all of the session. One of the same name is replaced.
    """

    def change(one: TrainingHandle) -> Said:
        for file in files:
            one.attach(file)
        return _said_of(one)

    _annotate(training, change, session, output, url, only_trainings=True)


def attachment(
    training: Annotated[
        str, typer.Argument(help="Of the session or an experiment; the start of its id is enough.")
    ],
    name: Annotated[str, typer.Argument(help="The name of the attached file.")],
    file: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="[default: its name]")
    ] = None,
    session: SessionOption = None,
    url: Url = None,
) -> None:
    """Fetch a file that is attached to a training."""
    from autolearn.client.cli.connection import connect

    with connect(url, session) as to:
        path = _training_of(to, training).download_attachment(name, file)
    print(printable(f"Wrote {path}"))


def _said_of(one: TrainingHandle) -> Said:
    """Return the annotations of a training, as they are now."""
    from autolearn.schemas.rest.annotations import Annotated as Said
    from autolearn.schemas.rest.annotations import Annotations

    data = one.refresh().data
    said = {name: getattr(data, name) for name in Annotations.__struct_fields__}
    return Said(id=one.id, **said)


def _annotate(
    what: str,
    change: Callable[[Any], Said],
    session: str | None,
    output: Output,
    url: str | None,
    *,
    only_trainings: bool = False,
) -> None:
    """Change the annotations of a session, experiment or training, and print all of them."""
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, pairs, print_json, short
    from autolearn.client.cli.tables.annotations import said_of

    with connect(url, session) as to:
        said = change(_training_of(to, what)) if only_trainings else _changed(to, what, change)
        if output == Output.json:
            print_json(msgspec.json.encode(said))
        else:
            console().print(pairs({"id": short(said.id), **said_of(said)}))


def _changed(to: Connection, what: str, change: Callable[[Any], Said]) -> Said:
    """Change a session or experiment, or else a training of the session or an experiment.

    Raises:
        NothingSo: nothing is called so, or several are.
    """
    from autolearn.client.sdk.errors import Problem

    try:
        return change(to.session_of(to.find(what)))
    except Problem as problem:
        if problem.kind != "session-unknown":
            raise
    return change(_training_of(to, what))


def _training_of(to: Connection, what: str) -> TrainingHandle:
    """Return a training of the session or an experiment.

    Raises:
        NothingSo: there is none so, or there are several.
    """
    from autolearn.client.cli.titles import NothingSo
    from autolearn.client.cli.training_owner import owner_of

    found = owner_of(to, what)
    if found.training is None:
        raise NothingSo(
            f"{what!r} is an experiment.", advice="`autolearn experiment show` has its trainings."
        )
    return found.owner.training(found.training)
