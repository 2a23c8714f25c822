"""`autolearn model`: the registry, and who answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from autolearn.client.cli.commands.serve import backtests as serve_backtests
from autolearn.client.cli.commands.serve import cases
from autolearn.client.cli.commands.serve import traffic as serve_traffic
from autolearn.client.cli.commands.serve.hours import hours
from autolearn.client.cli.confirm import Yes, confirm
from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import Grantee, Shared, Url, warn_of_name
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.time_points import AsOf, point

if TYPE_CHECKING:
    from autolearn.client.cli.connection import Connection
    from autolearn.client.sdk.models.registry import ModelHandle
    from autolearn.schemas.rest.models import ModelChange, ModelVersion

app = typer.Typer(
    help="Models: a name under which trainings are versions, one of which answers.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The model's name.")]
Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="The number of a version, or an alias.")
]
Training = Annotated[
    str,
    typer.Argument(
        metavar="TRAINING",
        help="A training of an experiment, or an experiment with one: its id, or the start of it.",
    ),
]
Require = Annotated[
    list[str],
    typer.Option(
        metavar="CONDITION",
        help='What the version must show, such as "f1 >= 0.8" or "f1 >= champion + 0.01"; may be '
        "repeated.",
    ),
]
Reason = Annotated[str, typer.Option(metavar="WORDS", help="Why, for people who look later.")]
Note = Annotated[str, typer.Option(metavar="WORDS", help="What is to be known of the version.")]
AliasName = Annotated[str, typer.Option(metavar="ALIAS", help="Under which alias it answers.")]


@app.command("register")
def register(
    name: Name,
    training: Annotated[
        str | None,
        typer.Argument(
            metavar="[TRAINING]",
            show_default=False,
            help="A training of an experiment, or an experiment with one: its id, or the start of "
            "it.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A model that was made elsewhere (skops, .onnx), in place of TRAINING.",
        ),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Of such a model: the columns that it takes, in JSON."),
    ] = None,
    examples: Annotated[
        Path | None, typer.Option(metavar="FILE", help="And rows that it must answer now, in CSV.")
    ] = None,
    note: Note = "",
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Register a training of an experiment as the next version; the first makes the model.

    Or a model that was made elsewhere: --file MODEL.skops --schema SCHEMA.json
    --examples ROWS.csv.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        made = to.client.register_model(
            name,
            _training(to, training) if training else None,
            file=file,
            schema=schema,
            examples=examples,
            note=note,
        )
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"Registered {made.model}@{made.version}: {_origin(made)}")
            print(f"Let it answer: autolearn model promote {made.model} {made.version}")


@app.command("publish")
def publish(
    name: Name,
    training: Training,
    require: Require = [],  # noqa: B006 - typer copies it
    reason: Reason = "",
    note: Note = "",
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Register a training, and let it answer if it meets what is required."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        made = to.client.register_model(name, _training(to, training), note=note)
        if output != Output.json:
            print(f"Registered {made.model}@{made.version}: {_origin(made)}")
        model = to.client.model(name).promote(made.version, require=require, reason=reason)
        _say_promotion(to, model, "champion", output)


@app.command("list")
def list_(
    shared: Shared = False, as_of: AsOf = None, output: As = Output.table, url: Url = None
) -> None:
    """List the models that you own or that are shared with you, and who answers."""
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import models as views
    from autolearn.schemas.rest.models import RegisteredModel

    with connect(url) as to:
        items = to.every(to.client.models(shared=shared, as_of=as_of and point(as_of)))
        to.say_position()
        if output == Output.json:
            print_json({"items": items, "next": None})
        else:
            console().print(views.models(msgspec.convert(items, list[RegisteredModel])))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="A model, or a version.")],
    as_of: AsOf = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Show a model with its versions; or NAME@VERSION, with what it comes from."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import models as views

    called, at, version = name.partition("@")
    with connect(url) as to:
        model = to.client.model(called, as_of=as_of and point(as_of))
        to.say_position()
        said, found = to.said, model.version(version) if at else None
        if output == Output.json:
            print_json(to.said if at else said)
        elif found is not None:
            console().print(views.version(found))
        else:
            versions = model.version_list(as_of=as_of and point(as_of))
            console().print(views.model(model.data, versions))


@app.command("versions")
def versions(name: Name, output: As = Output.table, url: Url = None) -> None:
    """List the versions of a model, each with the training that it comes from."""
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import models as views
    from autolearn.schemas.rest.models import ModelVersion

    with connect(url) as to:
        items = to.every(to.client.model(name).version_list())
        if output == Output.json:
            print_json({"items": items, "next": None})
        else:
            console().print(views.version_list(msgspec.convert(items, list[ModelVersion])))


@app.command("promote")
def promote(
    name: Name,
    version: Version,
    alias: AliasName = "champion",
    require: Require = [],  # noqa: B006 - typer copies it
    reason: Reason = "",
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Let a version answer, if it meets what is required. The evidence is kept with the event."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        model = to.client.model(name)
        given = int(version) if version.isdecimal() else version
        model.promote(given, alias=alias, require=require, reason=reason)
        _say_promotion(to, model, alias, output)


@app.command("rollback")
def rollback(
    name: Name,
    alias: AliasName = "champion",
    reason: Reason = "",
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Let the version answer that answered before, among those that are not retired."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        model = to.client.model(name).roll_back(alias=alias, reason=reason)
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"{name}@{model.aliases[alias]} is {alias} again")
            _say_cases([*model.history(alias=alias)][-1])


@app.command("history")
def history(
    name: Name,
    alias: Annotated[str, typer.Option(metavar="ALIAS", help="Of this alias only.")] = "",
    as_of: AsOf = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Show who was in production from when to when, by whose decision, and why."""
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import models as views
    from autolearn.schemas.rest.models import ModelChange

    with connect(url) as to:
        items = to.every(to.client.model(name).history(alias=alias, as_of=as_of and point(as_of)))
        to.say_position()
        if output == Output.json:
            print_json({"items": items, "next": None})
        else:
            console().print(views.timeline(msgspec.convert(items, list[ModelChange])))


@app.command("alias")
def alias(
    name: Name,
    alias: Annotated[str, typer.Argument(metavar="ALIAS", help="Such as candidate.")],
    version: Annotated[
        str | None,
        typer.Argument(metavar="[VERSION]", help="A version or another alias; none: take it away."),
    ] = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Give a version an alias, or take it away. `promote` makes the champion."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        given = int(version) if version is not None and version.isdecimal() else version
        model = to.client.model(name).alias(alias, given)
        if output == Output.json:
            print_json(to.said)
        elif alias in model.aliases:
            print(f"{name}@{model.aliases[alias]} is {alias}")
        else:
            print(f"No version of {name} is {alias} any more")


app.command("traffic")(serve_traffic.traffic)
app.command("shadow")(serve_traffic.shadow)
app.command("recording")(serve_traffic.recording)
app.command("hours")(hours)
app.command("backtest")(serve_backtests.backtest)
app.command("backtests")(serve_backtests.backtests)
app.add_typer(cases.app, name="case")


@app.command("retire")
def retire(
    name: Name, version: Version, reason: Reason = "", output: As = Output.table, url: Url = None
) -> None:
    """Retire a version that no alias names: it never answers again."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        retired = to.client.model(name).retire(version, reason=reason)
        if output == Output.json:
            print_json(to.said)
        else:
            free = ": its experiment may be deleted now" if retired.experiment else ""
            print(f"Retired {retired.model}@{retired.version}{free}")


@app.command("export")
def export(
    name: Annotated[
        str, typer.Argument(metavar="NAME[@VERSION]", help="A model: its champion, or a version.")
    ],
    form: Annotated[
        Literal["python", "onnx"],
        typer.Option("--as", help="A folder with the artifact and predict.py; or a file of ONNX."),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|URL",
            help="The folder or file to write, or a URL that takes a file (https by PUT, s3 and "
            "others by fsspec); an earlier export there is replaced at once. "
            "[default: NAME-VERSION in the current directory]",
        ),
    ] = None,
    url: Url = None,
) -> None:
    """Write a version as files that answer without AutoLearn."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.sdk.models.upload import shown

    called, _, version = name.partition("@")
    with connect(url) as to_api:
        model = to_api.client.model(called)
        place = model.export(form, to, version=version or "champion")
        if isinstance(place, str):
            print(f"Exported {name} to {shown(place)}")
            return
        print(f"Exported {name} into {place}")
        if form == "python":
            print(f"Try it: python {place / 'predict.py'} ROWS.csv")


@app.command("share")
def share(
    name: Name,
    user: Grantee,
    may: Annotated[
        Literal["read", "predict", "promote"],
        typer.Option(help="To see it; to ask it as well; to register and promote as well."),
    ] = "predict",
    requests_per_second: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="So many requests for each user.")
    ] = None,
    rows_per_second: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="So many rows in these requests.")
    ] = None,
    url: Url = None,
) -> None:
    """Share a model with a user or group/NAME."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console
    from autolearn.client.cli.tables import models as views

    with connect(url) as to:
        rates = {"requests_per_second": requests_per_second, "rows_per_second": rows_per_second}
        console().print(views.grants(to.client.model(name).share(user, may, **rates).items))
        warn_of_name(user)


@app.command("unshare")
def unshare(name: Name, user: Grantee, url: Url = None) -> None:
    """End the grant of a user or group, at once."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        to.client.model(name).unshare(user)
        print(f"{user} has no grant of {name} any more")


@app.command("readers")
def readers(name: Name, url: Url = None) -> None:
    """List with whom a model is shared."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console
    from autolearn.client.cli.tables import models as views

    with connect(url) as to:
        console().print(views.grants(to.client.model(name).readers()))


@app.command("delete")
def delete(name: Name, yes: Yes = False, output: As = Output.table, url: Url = None) -> None:
    """Delete a model for good: its name is never reused."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import count, print_json

    with connect(url) as to:
        model = to.client.model(name)
        if not yes:
            many = count(model.versions, "version")
            answers = f", of which {model.champion} answers," if model.champion else ""
            confirm(f"Delete model {name} with {many}{answers} for good?", yes=yes)
        deleted = model.delete()
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"Deleted model {deleted.name}")


def _training(to: Connection, given: str) -> str:
    """Return the id of a training or experiment; an experiment may be given by its title."""
    from autolearn.client.cli.training_owner import owner_of

    owner, training = owner_of(to, given)
    return training or owner.id


def _origin(made: ModelVersion) -> str:
    """Describe a version, such as `random-forest on churn, f1 0.91`."""
    from autolearn.client.cli.output import number

    source = made.source
    if source is None:
        return "it cannot be read"
    scores = ", ".join(f"{name} {number(value)}" for name, value in [*source.metrics.items()][:3])
    if made.imported:
        return f"{source.estimator}, imported"
    return ", ".join(filter(None, (f"{source.estimator} on {source.dataset.name}", scores)))


def _say_cases(newest: ModelChange) -> None:
    """Print which named cases are answered otherwise than before."""
    from autolearn.client.cli.output import console
    from autolearn.client.cli.tables.serve import cases as views

    if newest.cases is not None:
        console().print(views.changes(newest.cases))


def _say_promotion(to: Connection, model: ModelHandle, alias: str, output: Output) -> None:
    """Print who answers now, what was required, and who answered before."""
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import models as views
    from autolearn.schemas.models.traffic import traffic_words

    if output == Output.json:
        print_json(to.said)
        return
    newest = [*model.history(alias=alias)][-1]
    before = f" in place of {newest.before}" if newest.before else ""
    console().print(views.gate(newest.evidence), end="")
    print(f"{model.name}@{newest.version} is {alias}{before}")
    _say_cases(newest)
    if model.data.traffic is not None:
        shares = traffic_words(model.data.traffic.routes)
        print(f"Traffic goes on: {shares} (autolearn model traffic {model.name} --off ends it)")
