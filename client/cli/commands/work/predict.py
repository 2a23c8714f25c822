"""`autolearn predict`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from autolearn.client.cli.options import SessionOption, Url

if TYPE_CHECKING:
    from autolearn.client.sdk.handles.predictions import PredictionHandle
    from autolearn.schemas.rest.runs import Prediction


class Form(StrEnum):
    """The form of the predictions."""

    csv = "csv"
    json = "json"
    parquet = "parquet"


_FORMS: dict[Form, Literal["csv", "jsonl", "parquet"]] = {
    Form.csv: "csv",
    Form.json: "jsonl",
    Form.parquet: "parquet",
}


class Combine(StrEnum):
    """How the answers of several versions become one."""

    vote = "vote"
    mean = "mean"
    each = "each"


_ENDINGS = {".csv": Form.csv, ".parquet": Form.parquet, ".json": Form.json, ".jsonl": Form.json}


def predict(
    training: Annotated[
        str,
        typer.Argument(
            metavar="TRAINING|EXPERIMENT|MODEL[@VERSION]",
            help="The start of its id is enough, or the title of an experiment. A model answers "
            "rows at once.",
        ),
    ],
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Rows with the columns of the training, in any form of `dataset add`; - is "
            "standard input. For a model: a CSV file, or rows in JSON, as a file or here.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="NAME or NAME@VERSION, in place of a file.")
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="csv|json|parquet|FILE",
            help="The form, which has a line for each row (json, too); or a file, whose ending "
            "says the form. [default: by the ending of --out, else csv]",
        ),
    ] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="[default: standard output]")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|dataset:NAME",
            help="A file that ends in .csv, .parquet or .jsonl; or a new version of a dataset, "
            "with all columns of the input.",
        ),
    ] = None,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="VERSION|MODEL@VERSION",
            help="A model: ask this one, too; may be repeated.",
        ),
    ] = None,
    combine: Annotated[
        Combine | None,
        typer.Option(help="Of several: their vote, their mean, or each. [default: each]"),
    ] = None,
    purpose: Annotated[
        Literal["production", "showroom", "explain"],
        typer.Option(
            help="A model: why it is asked. Other requests than production are recorded, and not "
            "counted."
        ),
    ] = "production",
    with_input: Annotated[
        bool, typer.Option("--with-input", help="Repeat all columns, not only those with role id.")
    ] = False,
    session: SessionOption = None,
    url: Url = None,
) -> None:
    """Predict the rows of a file, or of a dataset: a line for each, in their order.

    A class and the probabilities of all classes, a number, a cluster, or a score of how strange a
    row is. A dataset is work for a worker, also for a model. Rows that are sent, and predictions,
    are deleted within a day. Exit code 1: it did not complete.
    """
    import sys

    from autolearn.client.cli.commands.data.dataset import file_of
    from autolearn.client.cli.commands.serve.online import Several, answer_online, is_model
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.training_owner import owner_of
    from autolearn.client.sdk.handles.predictions import PredictionHandle
    from autolearn.client.sdk.models.batches import destination_of
    from autolearn.schemas.models.versions import CHAMPION

    if (file is None) == (dataset is None):
        raise typer.BadParameter("give a file of rows, or --dataset NAME", param_hint="'FILE'")
    rows_here = file is not None and str(file).lstrip()[:1] in ("{", "[")
    if file is not None and str(file) != "-" and not rows_here and not file.is_file():
        raise typer.BadParameter(f"there is no file {file}", param_hint="'FILE'")
    into = ""
    if to is not None:
        if output or out is not None:
            raise typer.BadParameter("give it in place of --out and -o", param_hint="'--to'")
        _, out, into = destination_of(to)
    form, out = _form_and_file(output, out)
    if form is Form.parquet and out is None and sys.stdout.isatty():
        raise typer.BadParameter("Parquet is not for a terminal: name a file", param_hint="'--out'")
    with connect(url, session) as there:
        name, _, version = training.partition("@")
        by_model = bool(version) or is_model(there.client, name)
        if by_model and file is not None:
            if into:
                raise typer.BadParameter("rows that are sent go to a file", param_hint="'--to'")
            several = Several([*(others or ())], "" if combine is None else combine.value)
            answer_online(there.client, name, version, str(file), form, out, several, purpose)
            return
        if purpose != "production":
            words = "it is said of rows that a model answers at once"
            raise typer.BadParameter(words, param_hint="'--purpose'")
        if by_model and dataset is not None:
            found = there.client.model(name).predict_dataset(
                dataset,
                version=version or CHAMPION,
                with_input=with_input or bool(into),
                form="parquet" if into else _FORMS[form],
                wait=False,
            )
            _put(found, form, out, into)
            return
        if rows_here:
            raise typer.BadParameter(
                f"{name} is no model of yours, and only models answer rows in JSON",
                param_hint="'FILE'",
            )
        owned = owner_of(there, training)
        owned.say()
        asked: dict[str, Any] = {"training": owned.training, "with_input": with_input or bool(into)}
        if file is None:
            run = owned.owner.predict(dataset=dataset, wait=False, **asked)
        else:
            with file_of(file) as rows:
                name = "standard input" if str(file) == "-" else file.name
                run = owned.owner.predict(rows, name=name, wait=False, **asked)
        assert isinstance(run, PredictionHandle), "it is not waited for"
        _put(run, form, out, into)


def _put(run: PredictionHandle, form: Form, out: Path | None, into: str) -> None:
    """Wait for a prediction, and put its rows into a file, a dataset, or on standard output."""
    import shutil
    import sys
    import tempfile

    from autolearn.client.cli.wait import follow, require_completed

    prediction = follow(run).data
    require_completed(prediction)
    if into:
        made = run.to_dataset(into)
        _say(prediction, f"dataset {into}@{made.version[:12]}")
        return
    with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
        there = out or Path(folder) / "rows"
        run.download(there, _FORMS[form])
        _say(prediction, str(out or ""))
        if out is None:
            sys.stdout.flush()
            with there.open("rb") as source:
                shutil.copyfileobj(source, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _form_and_file(output: str, out: Path | None) -> tuple[Form, Path | None]:
    """Return the form of the predictions and the file that gets them; None: standard output."""
    if output in {*Form}:
        return Form(output), out
    if output and out is None and Path(output).suffix in _ENDINGS:
        out = Path(output)
    elif output:
        forms = ", ".join(Form)
        raise typer.BadParameter(
            f"give one of {forms}, or a file that ends so; got {output!r}", param_hint="'-o'"
        )
    return _ENDINGS.get("" if out is None else out.suffix, Form.csv), out


def _say(prediction: Prediction, into: str) -> None:
    """Print what was predicted, and what was odd about the rows, on standard error."""
    from autolearn.client.cli.output import count, messages, sentence

    rows = f"{prediction.rows:,} row{'' if prediction.rows == 1 else 's'}"
    counts = sorted(prediction.counts.items(), key=lambda one: -one[1])[:10]
    more = len(prediction.counts) - len(counts)
    words = ", ".join(f"{name} {many:,}" for name, many in counts)
    words += f" and {count(more, 'other')}" if more > 0 else ""
    by = f" by {prediction.model}@{prediction.model_version}" if prediction.model else ""
    into = f" into {into}" if into else ""
    said = [f"Predicted {rows}{by}{into}{f': {words}' if words else ''}."]
    said += [
        f"never seen in training: a value of {name} in {many:,} of {rows}"
        for name, many in prediction.unseen.items()
    ]
    console = messages()
    for line in (*said, *prediction.notes):
        console.print(sentence(line))
