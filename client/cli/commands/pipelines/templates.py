"""`autolearn pipeline new` and `schema`: what helps to write a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from autolearn.client.cli.options import Url

TemplateName = Literal["classification", "regression", "clustering", "anomaly", "forecast"]


def new(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            exists=True,
            dir_okay=False,
            readable=True,
            help="The file with the data: CSV, Parquet and others, as of `dataset add`.",
        ),
    ],
    template: Annotated[TemplateName, typer.Option(help="What is to be learned.")],
    target: Annotated[str, typer.Option(metavar="COL", help="The column to learn.")] = "",
    time: Annotated[
        str,
        typer.Option(
            metavar="COL", help="The times of a forecast. [default: the first with times]"
        ),
    ] = "",
    ahead: Annotated[
        str, typer.Option(metavar="1h,7d,…", help="How much later a forecast is.")
    ] = "1d,7d",
    name: Annotated[
        str | None, typer.Option(help="The name of the pipeline. [default: from the file's]")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="[default: NAME.yaml beside the data]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    url: Url = None,
) -> None:
    """Write the file of a pipeline that runs, for data of yours. Nothing is uploaded for good."""
    import os

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.options import words
    from autolearn.client.cli.output import console, sentence
    from autolearn.client.sdk.dataset_files import dataset_name
    from autolearn.schemas.pipelines.templates import template as filled

    called = name or dataset_name(data)
    file = write or data.parent / f"{called}.yaml"
    _require_free(file, force=force)
    with connect(url) as to:
        seen = to.client.upload_dataset(data, f"{called}-{dataset_name(data)}"[:64], dry_run=True)
    text = filled(
        template,
        name=called,
        file=os.path.relpath(data, file.parent),
        columns=seen.data.columns,
        target=target,
        time=time,
        ahead=words(ahead) or (),
    )
    file.write_text(text, "utf-8")
    console().print(sentence(f"Wrote {file}: read it, then run it"))
    console().print(sentence(f"  autolearn pipeline run {file}"))


def schema(
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there, in place of printing it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    url: Url = None,
) -> None:
    """Print the JSON Schema of pipelines' files, with which editors complete and check them.

    It has the steps that workers offer now. The first line of a file names it for editors:
    # yaml-language-server: $schema=FILE
    """
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json, sentence

    if write is not None:
        _require_free(write, force=force)
    with connect(url) as to:
        found = to.client.pipelines.schema()
    if write is None:
        print_json(found)
        return
    write.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    console().print(sentence(f"Wrote {write}. Begin a pipeline's file with this line:"))
    console().print(sentence(f"  # yaml-language-server: $schema={write}"))


def _require_free(file: Path, *, force: bool) -> None:
    """Raise typer.BadParameter for a file that exists, unless it may be replaced."""
    if file.exists() and not force:
        raise typer.BadParameter(
            f"{file} exists: --force replaces it, --write names another", param_hint="'--write'"
        )
