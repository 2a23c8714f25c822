"""Reads some columns of a dataset's file batch by batch, as a training reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pyarrow as pa

from autolearn.artifacts.datasets.column_profile import cast, clean
from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files.content import FileContent
from autolearn.artifacts.datasets.files.csv_reader import options_before
from autolearn.artifacts.datasets.files.json_reader import JsonLinesFile
from autolearn.artifacts.datasets.files.parquet_reader import BATCH, MAGIC, ParquetFile
from autolearn.artifacts.datasets.files.text_reader import TextFile
from autolearn.artifacts.datasets.table import reopened
from autolearn.artifacts.datasets.values.typed_values import typed
from autolearn.schemas.datasets.read_options import ColumnFormat, ReadOptions

Batch = dict[str, Any]
"""Rows: an Arrow array for each column."""


def typed_batches(
    content: FileContent,
    options: ReadOptions | None,
    types: Mapping[str, str],
    wanted: Collection[str],
    *,
    rows: int = BATCH,
) -> Iterator[Batch]:
    """Yield the `wanted` columns, a batch of rows at a time, read with a version's options.

    `types` are those of all columns of the version, by name. `rows` are those of a batch, if the
    format allows a choice. Raises DatasetRefused.
    """
    names = [name for name in types if name in wanted]
    if options is None:
        yield from _as_before(content, types, names)
    elif options.format in ("parquet", "arrow"):
        file = ParquetFile(content, options.format, options)
        for batch in file.batches(names, rows=rows):
            yield dict(zip(names, batch, strict=True))
    else:
        formats = [options.formats.get(str(at), ColumnFormat()) for at in range(len(types))]
        how = dict(zip(types, formats, strict=True))
        for texts in _texts(content, options, types, names, rows):
            try:
                values = {name: typed(text, types[name], how[name]) for name, text in texts.items()}
            except pa.ArrowInvalid:
                raise DatasetRefused("The file has other values than its version says.") from None
            yield values


def _texts(
    content: FileContent,
    options: ReadOptions,
    types: Mapping[str, str],
    names: list[str],
    rows: int,
) -> Iterator[Batch]:
    """Yield columns of text, as they are in the file."""
    file = reopened(content, options)
    used = [name for at, name in enumerate(file.names) if at not in options.left_out]
    if used != list(types):
        raise DatasetRefused("The file has other columns than the version that was registered.")
    lines = file.batches(names, rows=rows) if isinstance(file, JsonLinesFile) else None
    for batch in file.batches(names) if lines is None else lines:
        yield dict(zip(names, batch, strict=True))


def _as_before(content: FileContent, types: Mapping[str, str], names: list[str]) -> Iterator[Batch]:
    """Yield columns by the rules of versions without read options."""
    with content.open("rb") as file:
        parquet = file.read(len(MAGIC)) == MAGIC
    if parquet:
        for batch in ParquetFile(content, as_before=True).batches(names):
            yield dict(zip(names, batch, strict=True))
        return
    for batch in TextFile.again(content, options_before(content)).batches(names):
        columns = zip(names, batch, strict=True)
        yield {name: cast(clean(text), types[name]) for name, text in columns}
