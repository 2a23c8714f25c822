"""The files of a pipeline on the user's machine: sources are uploaded, results are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from autolearn.client.sdk.dataset_files import dataset_name
from autolearn.client.sdk.errors import BadArgument
from autolearn.client.sdk.flows import EXAMINED, Call, Flow, ask
from autolearn.client.sdk.handles.datasets import known
from autolearn.client.sdk.paths import segment
from autolearn.schemas.pipelines.definition import Definition, Step
from autolearn.schemas.pipelines.results import TABLE
from autolearn.schemas.rest.catalog import Dataset
from autolearn.schemas.results import PREDICTION_FORMS
from autolearn.schemas.values import JsonValue

_REFERENCE = re.compile(r"(\$)?\$\{([^{}]*)\}")
_LONGEST_NAME = 64


def file_sources(
    definition: Definition, parameters: Mapping[str, JsonValue]
) -> dict[str, tuple[str, Step]]:
    """Return the file that each `file:` source names, and its step, by the name of the step."""
    found = {}
    for step in definition.steps:
        name = step.parameters.get("file")
        if step.kind == "source" and isinstance(name, str):
            found[step.name] = (_put_in(name, definition, parameters), step)
    return found


def destinations(
    definition: Definition, parameters: Mapping[str, JsonValue], folder: Path
) -> dict[str, Path]:
    """Return where the client writes the result of each `deliver: {file: ...}`, by step.

    Raises:
        BadArgument: a name leads out of the folder, or nothing can be written there.
    """
    found = {}
    for step in definition.steps:
        name = step.parameters.get("file")
        if step.kind == "deliver" and isinstance(name, str):
            found[step.name] = path_below(folder, _put_in(name, definition, parameters))
            file_of_form(found[step.name])
    return found


def file_of_form(path: Path) -> str:
    """Return the name of the file of a step's result that is delivered as a path.

    Raises:
        BadArgument: the path has no ending of a form.
    """
    form = path.suffix.removeprefix(".")
    if form not in PREDICTION_FORMS:
        endings = ", ".join(f".{one}" for one in PREDICTION_FORMS)
        raise BadArgument(f"{path} has no ending of a known form.", advice=f"Those are {endings}.")
    return TABLE if form == "parquet" else PREDICTION_FORMS[form]


def path_below(folder: Path, name: str) -> Path:
    """Return the path of a file below a folder.

    Raises:
        BadArgument: the name is not a plain one: it is absolute, has `..` or a hidden part, or a
            link leads out of the folder.
    """
    parts = Path(name).parts
    plain = parts and not Path(name).is_absolute() and not any(one[0] == "." for one in parts)
    path = folder / name
    if not plain or "\\" in name or not path.resolve().is_relative_to(folder.resolve()):
        raise BadArgument(
            f"{name!r} is no plain name of a file below {folder.resolve()}.",
            advice="A pipeline reads and writes below the folder where it is run, without `..`, "
            "links out of it, and names that begin with a dot.",
        )
    return path


def uploaded(pipeline: str, step: Step, path: Path) -> Flow[str]:
    """Upload the file of a source as the dataset <pipeline>-<file>; return NAME@VERSION.

    A file with the content of the newest version is not uploaded again.

    Raises:
        BadArgument: there is no such file.
        Problem: it is refused.
    """
    if not path.is_file():
        raise BadArgument(
            f"The step {step.name} reads {path}, and there is no such file.",
            advice="A relative path begins at the folder of the pipeline's file; a pipeline that "
            "is named reads it from the current folder.",
        )
    name = f"{pipeline}-{dataset_name(path)}"[:_LONGEST_NAME].rstrip("._-")
    hints = {key: value for key, value in step.parameters.items() if key != "file"}
    found = None if hints else (yield from known(name, path, {}, {}))
    if found is None:
        query = {**dict(_query_of(hints)), "accept_changes": True}
        at, media = f"/v1/catalog/datasets/{segment(name)}", "application/octet-stream"
        found = yield from ask(Call("PUT", at, Dataset, query, path, media=media, grace=EXAMINED))
    return f"{found.name}@{found.version}"


def _query_of(hints: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield how a file is read, as the upload of a dataset has it."""
    for key, value in hints.items():
        if key == "types":
            yield "type", [f"{column}={kind}" for column, kind in value.items()]
        elif key == "missing":
            yield key, [*value] or [""]
        else:
            yield key, str(value).lower() if isinstance(value, bool) else value


def _put_in(text: str, definition: Definition, given: Mapping[str, JsonValue]) -> str:
    """Return a text with the parameters of a pipeline put in, as the API does it."""
    defaults = {
        name: one.default for name, one in definition.parameters.items() if one.default is not UNSET
    }
    values = {**defaults, **given}

    def value(found: re.Match[str]) -> str:
        if found[1]:
            return found[0][1:]
        one = values.get(found[2], found[0])  # the API says what is missing
        return one if isinstance(one, str) else msgspec.json.encode(one).decode()

    return _REFERENCE.sub(value, text)
