"""Reads a dataset's file, the same way every time.

`profile` (in `profile`) detects in bounded memory how a file is read; `read_table` loads all of it
for training, read like that, and `table_batches` some rows at a time.
"""

from __future__ import annotations

import mmap
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from pyarrow import compute

from autolearn.artifacts.datasets.column_profile import ColumnTally, Values, cast, clean, label_of
from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files.content import FileContent
from autolearn.artifacts.datasets.files.csv_reader import options_before
from autolearn.artifacts.datasets.files.excel_reader import ExcelFile
from autolearn.artifacts.datasets.files.json_reader import JsonLinesFile
from autolearn.artifacts.datasets.files.parquet_reader import ARROW_MAGIC, MAGIC, ParquetFile
from autolearn.artifacts.datasets.files.text_bytes import unpacked_head
from autolearn.artifacts.datasets.files.text_reader import TextFile
from autolearn.artifacts.datasets.values.typed_values import present, typed
from autolearn.schemas.datasets.read_options import ColumnFormat, ReadHints, ReadOptions

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


pc: Any = compute

_HEAD = 4096
COMPOUND, ENCRYPTED = b"\xd0\xcf\x11\xe0", "EncryptedPackage".encode("utf-16-le")
"""The first bytes of old or encrypted Excel files, and the mark of encrypted ones."""
_OFFICE_PARTS = (b"[Content_Types].xml", b"_rels/.rels", b"docProps/", b"xl/")
NUMERIC = ("integer", "number", "timestamp")
"""The types of columns that `DatasetTable.numbers` gives."""


@dataclass(frozen=True)
class DatasetTable:
    """All rows of a dataset. `types` maps each column's name, in order, to its type.

    `written` has the written form of some columns of numbers.
    """

    types: dict[str, str]
    arrays: dict[str, Values]
    rows: int
    written: dict[str, Values] = field(default_factory=dict)

    def slice(self, begin: int, rows: int) -> DatasetTable:
        """Return up to `rows` rows from a number on, without a copy."""
        arrays, written = (
            {name: values.slice(begin, rows) for name, values in columns.items()}
            for columns in (self.arrays, self.written)
        )
        return DatasetTable(self.types, arrays, max(0, min(rows, self.rows - begin)), written)

    def features(self, types: Mapping[str, str]) -> pd.DataFrame:
        """Return columns, in the order of `types`, as a data frame of two dtypes only.

        integer, number and timestamp (seconds since 1970, UTC) are float64; string and boolean
        (true, false) are Python strings in object columns. Missing values are NaN in both.
        A column whose values do not read as the wanted type raises DatasetRefused.
        """
        import pandas as pd

        columns = {
            name: self.numbers(name) if kind in NUMERIC else self._texts(name)
            for name, kind in types.items()
        }
        return pd.DataFrame(columns, copy=False)

    def numbers(self, name: str) -> np.ndarray[Any, Any]:
        """Return a column as float64, with NaN where a value is missing.

        Raises DatasetRefused when it holds text or booleans.
        """
        values, kind = self.arrays[name], self.types[name]
        if kind not in NUMERIC and values.null_count < len(values):
            raise DatasetRefused(f"Column {name} holds {kind} values where numbers are wanted.")
        if kind == "timestamp":
            seconds = pc.divide(pc.cast(pc.cast(values, pa.int64()), pa.float64()), 1e6)
            return _as_float(seconds)
        return _as_float(pc.cast(values, pa.float64(), safe=False))

    def labels(self, name: str) -> np.ndarray[Any, Any]:
        """Return a column as the text of its values, None where missing.

        Numbers have their written form, where it is known.
        """
        return self._texts_or(name, None)

    def codes(self, name: str) -> tuple[np.ndarray[Any, Any], list[str]]:
        """Return the different texts of a column's values, and the place of each row's, or -1.

        They are in the order in which they appear. Numbers have their written form, where it is
        known.
        """
        import numpy as np

        kind, values = self.types[name], self.arrays[name]
        if name in self.written:
            kind, values = "string", self.written[name]
        if kind == "number":  # 0.0 and -0.0 are equal, and have different texts
            values = pa.array(
                [
                    None if one is None or one != one else label_of(one, kind)
                    for one in values.to_pylist()
                ],
                pa.string(),
            )
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        encoded = values.dictionary_encode()
        places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        texts = [
            one if isinstance(one, str) else label_of(one, kind)
            for one in encoded.dictionary.to_pylist()
        ]
        return np.asarray(places), texts

    def _texts_or(self, name: str, missing: float | None) -> np.ndarray[Any, Any]:
        """Return the texts of a column as an object array, with this where one is missing."""
        import numpy as np

        places, texts = self.codes(name)
        return np.asarray(np.array([*texts, missing], dtype=object)[places])

    def _texts(self, name: str) -> Any:
        import pandas as pd

        return pd.Series(self._texts_or(name, float("nan")), dtype=object)


def read_table(
    path: Path, options: ReadOptions | None = None, *, written: Collection[str] = ()
) -> DatasetTable:
    """Load a file with its version's read options; without `options`, by the former rules.

    The written form of the columns `written` is kept, too. Raises DatasetRefused.
    """
    if options is None:
        return _read_as_before(path)
    if options.format in ("parquet", "arrow"):
        parquet = ParquetFile(path, options.format, options)
        return _typed_table(parquet)
    file, kinds = _columns_of(path, options)
    used = [place for place in range(len(file.names)) if place not in options.left_out]
    texts = _joined([*kinds], ([batch[place] for place in used] for batch in file.batches()))
    return _typed_texts(texts, kinds, options, written)


def table_batches(
    path: Path,
    options: ReadOptions | None,
    rows: int,
    *,
    wanted: Collection[str] | None = None,
    written: Collection[str] = (),
) -> Iterator[DatasetTable]:
    """Yield what `read_table` returns in batches of `rows` (of the last fewer), one at a time.

    They have the `wanted` columns, by default all, and the types of all. Without `options`, and of
    a workbook, all is read at first. Raises DatasetRefused.
    """
    if options is None:
        pieces = iter((_read_as_before(path),))
    elif options.format in ("parquet", "arrow"):
        pieces = _parquet_pieces(ParquetFile(path, options.format, options), wanted, rows)
    else:
        pieces = _text_pieces(path, options, wanted, written)
    return _cut(pieces, rows)


def _parquet_pieces(
    file: ParquetFile, wanted: Collection[str] | None, rows: int
) -> Iterator[DatasetTable]:
    types = dict(zip(file.names, file.kinds, strict=True))
    names = [name for name in types if wanted is None or name in wanted]
    for batch in file.batches(names, rows=rows):
        yield DatasetTable(types, dict(zip(names, batch, strict=True)), _length(batch))


def _text_pieces(
    path: Path, options: ReadOptions, wanted: Collection[str] | None, written: Collection[str]
) -> Iterator[DatasetTable]:
    file, kinds = _columns_of(path, options)
    names = [name for name in kinds if wanted is None or name in wanted]
    for batch in file.batches(names):
        yield _typed_texts(dict(zip(names, batch, strict=True)), kinds, options, written)


def _cut(pieces: Iterable[DatasetTable], rows: int) -> Iterator[DatasetTable]:
    """Yield the rows of pieces of any size in batches of `rows`; the last one has the rest."""
    left: DatasetTable | None = None
    for piece in pieces:
        whole = piece if left is None else _together(left, piece)
        full = whole.rows - whole.rows % rows
        for begin in range(0, full, rows):
            yield whole.slice(begin, rows)
        left = whole.slice(full, rows) if whole.rows > full else None
    if left is not None:
        yield left


def _together(first: DatasetTable, then: DatasetTable) -> DatasetTable:
    arrays, written = (
        {name: pa.concat_arrays([values, after[name]]) for name, values in before.items()}
        for before, after in ((first.arrays, then.arrays), (first.written, then.written))
    )
    return DatasetTable(first.types, arrays, first.rows + then.rows, written)


def _columns_of(
    path: FileContent, options: ReadOptions
) -> tuple[TextFile | JsonLinesFile | ExcelFile, dict[str, str]]:
    """Open a file of text; return it with the type of each column that is not left out."""
    file = reopened(path, options)
    names = [name for place, name in enumerate(file.names) if place not in options.left_out]
    if len(names) != len(kinds := options.kinds()):
        raise DatasetRefused("The file has other columns than the version that was registered.")
    return file, dict(zip(names, kinds, strict=True))


def _typed_texts(
    texts: dict[str, Values], kinds: dict[str, str], options: ReadOptions, written: Collection[str]
) -> DatasetTable:
    """Return columns of text, which this consumes, as columns of their types."""
    arrays, kept = {}, {}
    for at, (name, kind) in enumerate(kinds.items()):
        if name not in texts:
            continue
        how = options.formats.get(str(at), ColumnFormat())
        text = texts.pop(name)
        if name in written and kind in ("integer", "number"):
            kept[name] = present(text, how)
        arrays[name] = typed(text, kind, how)
    return DatasetTable(kinds, arrays, _length([*arrays.values()]), kept)


def _length(columns: Sequence[Values]) -> int:
    return len(columns[0]) if columns else 0


def reopened(path: FileContent, options: ReadOptions) -> TextFile | JsonLinesFile | ExcelFile:
    """Open a file of text, JSON lines or a workbook, to be read as its version says."""
    if options.format == "jsonl":
        return JsonLinesFile(path, options)
    if options.format == "excel":
        return ExcelFile(path, ReadHints(), options)
    return TextFile.again(path, options)


def _typed_table(parquet: ParquetFile) -> DatasetTable:
    arrays = _joined(parquet.names, parquet.batches())
    rows = len(next(iter(arrays.values()))) if arrays else 0
    return DatasetTable(dict(zip(parquet.names, parquet.kinds, strict=True)), arrays, rows)


def _read_as_before(path: Path) -> DatasetTable:
    """Load CSV or Parquet (detected by their bytes) by the rules of versions without options."""
    if format_of(path) == "parquet":
        return _typed_table(ParquetFile(path, as_before=True))
    text = TextFile.again(path, options_before(path))
    tallies = [ColumnTally(name) for name in text.names]
    batches = ([clean(column) for column in batch] for batch in text.batches())
    arrays = _joined(text.names, _tallied(tallies, batches))
    kinds = {tally.name: tally.type for tally in tallies}
    arrays = {name: cast(values, kinds[name]) for name, values in arrays.items()}
    rows = len(next(iter(arrays.values()))) if arrays else 0
    return DatasetTable(types=kinds, arrays=arrays, rows=rows)


def format_of(path: Path) -> str:
    """Return parquet, arrow, excel, jsonl or csv, by the first bytes of the file."""
    with path.open("rb") as handle:
        head = handle.read(_HEAD)
    if head.startswith(MAGIC):
        return "parquet"
    if head.startswith(ARROW_MAGIC):
        return "arrow"
    if head.startswith(b"PK\x03\x04") and _is_workbook(path, head):
        return "excel"
    if head.startswith(COMPOUND):
        if _holds(path, ENCRYPTED):
            raise DatasetRefused(
                "The workbook is encrypted: save it without a password, or save the sheet as CSV."
            )
        raise DatasetRefused(
            "This is an Excel file of before 2007 (.xls): save it as .xlsx, or the sheet as CSV."
        )
    return "jsonl" if _is_object(unpacked_head(path, _HEAD)) else "csv"


def _is_workbook(path: Path, head: bytes) -> bool:
    """Return whether a ZIP archive is an Excel workbook (ECMA-376), perhaps a truncated one."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return any(part in head for part in _OFFICE_PARTS)


def _holds(path: Path, word: bytes) -> bool:
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as all_:
        return all_.find(word) >= 0


def _is_object(head: bytes) -> bool:
    """Return whether the first line of a file is a JSON object, or begins a long one."""
    line, end, _ = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    if not line.startswith(b"{"):
        return False
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return line.rstrip().endswith(b"}") or (not end and len(head) == _HEAD)


def _tallied(tallies: list[ColumnTally], batches: Iterator[list[Values]]) -> Iterator[list[Values]]:
    for batch in batches:
        for tally, values in zip(tallies, batch, strict=True):
            tally.add_text(values)
        yield batch


def _joined(names: list[str], batches: Iterable[list[Values]]) -> dict[str, Values]:
    columns: list[list[Values]] = [[] for _ in names]
    for batch in batches:
        for column, values in zip(columns, batch, strict=True):
            column.append(values)
    return {
        name: pa.concat_arrays(parts) if parts else pa.array([], pa.string())
        for name, parts in zip(names, columns, strict=True)
    }


def _as_float(values: Values) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64).copy()
