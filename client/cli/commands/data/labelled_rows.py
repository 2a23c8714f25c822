"""Rows that were asked of a model and have a truth, as a file of a dataset."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from autolearn.client.sdk.client import AutoLearn


@contextmanager
def labelled_rows(
    client: AutoLearn, model: str, since: str
) -> Iterator[tuple[Path, str, list[str]]]:
    """Yield a CSV file of the rows, which is deleted at the end, the target, and the sources.

    Raises:
        typer.BadParameter: no row has a truth.
    """
    rows, versions = client.model(model).labelled_by_versions(since=since)
    if not rows:
        raise typer.BadParameter(
            f"no row that was asked of {model} since then has a truth: `autolearn truth add` and "
            "`autolearn label` add some",
            param_hint="--from-predictions",
        )
    target = [*rows[0]][-1]
    names = [*dict.fromkeys(name for row in rows for name in row if name != target), target]
    with tempfile.NamedTemporaryFile("w", prefix="autolearn-", suffix=".csv", newline="") as file:
        lines = csv.DictWriter(file, names, lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)
        file.flush()
        yield Path(file.name), target, [f"requests:{model}@{one}" for one in versions]
