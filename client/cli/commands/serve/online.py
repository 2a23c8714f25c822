"""`autolearn predict MODEL`: a model that answers is asked."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import typer

from autolearn.client.cli.output import count, messages, sentence
from autolearn.client.sdk.client import AutoLearn
from autolearn.client.sdk.errors import Problem
from autolearn.client.sdk.models.online_rows import csv_parts, json_parts
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.records.prediction import Purpose
from autolearn.schemas.rest.models import Inference
from autolearn.schemas.stream_kinds import KINDS

_WARNINGS = 10
"""Warnings that are printed."""


def is_model(client: AutoLearn, name: str) -> bool:
    """Return whether a model has this name, as far as the user may know."""
    if not KINDS["model"].fits(name):
        return False
    try:
        client.model(name)
    except Problem as problem:
        if problem.status in (404, 410):
            return False
        raise
    return True


class Several(NamedTuple):
    """The versions that are asked as well, and how their answers become one."""

    others: Sequence[str]
    combine: str


def answer_online(
    client: AutoLearn,
    name: str,
    version: str,
    rows: str,
    form: str,
    out: Path | None,
    several: Several,
    purpose: Purpose,
) -> None:
    """Ask a model about rows, and print a line for each, in their order.

    `rows` are JSON, the path of a file, or - for standard input.

    Raises:
        typer.BadParameter: the form cannot be written.
    """
    if form == "parquet":
        raise typer.BadParameter("a model answers as csv or json", param_hint="'-o'")
    asked = {"version": version or CHAMPION, "purpose": purpose, **several._asdict()}
    said = client.ask_model(name, _parts_of(rows), **asked)
    if not said:
        raise typer.BadParameter("there is no row", param_hint="'FILE'")
    predictions = [_flat(part, at) for part in said for at in range(len(part.predictions))]
    if out is None:
        _write(predictions, form, sys.stdout)
    else:
        with out.open("w", encoding="utf-8", newline="") as file:
            _write(predictions, form, file)
    _say(said, len(predictions), out)


def _flat(said: Inference, at: int) -> dict[str, Any]:
    """Return the answer to a row; where each version's was wanted, named after the versions."""
    if said.combine != "each":
        return said.predictions[at]
    found: dict[str, Any] = {}
    for part in said.parts:
        row = dict(part.predictions[at])
        shares: Any = row.pop("probabilities", {})
        row |= {f"probability_{label}": share for label, share in shares.items()}
        found |= {f"{part.model}@{part.version} {name}": value for name, value in row.items()}
    return found


def _parts_of(rows: str) -> Iterator[tuple[bytes, str]]:
    """Return rows in parts for requests: JSON that was given, or a file of JSON or CSV."""
    if rows.lstrip()[:1] in ("{", "["):
        return json_parts(rows)
    if rows == "-":
        return json_parts(sys.stdin.read())
    path = Path(rows)
    if path.suffix in (".json", ".jsonl"):
        text = path.read_text(encoding="utf-8-sig")
        lines = [line for line in text.splitlines() if line.strip()]
        return json_parts(f"[{','.join(lines)}]" if path.suffix == ".jsonl" else text)
    return csv_parts(path)


def _write(predictions: Sequence[Mapping[str, Any]], form: str, file: Any) -> None:
    """Write a line for each row: JSON, or CSV with a header."""
    if form == "json":
        for one in predictions:
            file.write(f"{msgspec.json.encode(one).decode()}\n")
        return
    labels = [*predictions[0].get("probabilities", {})]
    names = [name for name in predictions[0] if name != "probabilities"]
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow([*names, *(f"probability_{label}" for label in labels)])
    for one in predictions:
        shares = one.get("probabilities", {})
        lines.writerow([*(one[name] for name in names), *(shares[label] for label in labels)])


def _say(said: Sequence[Inference], many: int, out: Path | None) -> None:
    """Print which version has answered, and the warnings, on standard error."""
    console = messages()
    asked = [f"{one.model}@{one.version}" for one in said]
    asked += [f"{part.model}@{part.version}" for one in said for part in one.parts]
    answering = " and ".join(dict.fromkeys(asked))
    into = f" into {out}" if out else ""
    console.print(sentence(f"{answering} answered {count(many, 'row')}{into}."))
    warnings, before = list[str](), 0
    for part in said:
        warnings += [f"row {before + w.row}: {w.column}: {w.detail}" for w in part.warnings]
        before += len(part.predictions)
    for words in warnings[:_WARNINGS]:
        console.print(sentence(words))
    more = sum(sum(part.warned.values()) for part in said) - len(warnings[:_WARNINGS])
    if more > 0:
        console.print(sentence(f"and {count(more, 'more warning')}"))
    if unused := list(dict.fromkeys(name for part in said for name in part.unused)):
        console.print(sentence(f"not used by the model: {', '.join(unused)}"))
