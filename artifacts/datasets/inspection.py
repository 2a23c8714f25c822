"""Reads a file once from its first row to its last: types of columns, and findings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files.excel_reader import ExcelFile
from autolearn.artifacts.datasets.files.json_reader import JsonLinesFile
from autolearn.artifacts.datasets.files.parquet_reader import ParquetFile
from autolearn.artifacts.datasets.files.text_reader import TextFile, found_out
from autolearn.artifacts.datasets.inspection_result import Inspected
from autolearn.artifacts.datasets.text_inspection import TextInspection
from autolearn.artifacts.datasets.typed_inspection import Each, inspect_typed
from autolearn.schemas.datasets.findings import DataFinding
from autolearn.schemas.datasets.read_options import ReadHints

_CALLED = {"csv": "CSV", "jsonl": "JSON lines", "excel": "an Excel file"}
_CALLED |= dict.fromkeys(("parquet", "arrow"), "a file whose columns have types")
_COLUMNS = ("--decimal", "--missing", "--type", "--zone")
_FILE = ("--separator", "--encoding", "--header and --no-header", "--skip-lines")
_APPLY: dict[str, tuple[str, ...]] = {
    "csv": (*_COLUMNS, *_FILE),
    "jsonl": _COLUMNS,
    "excel": (*_COLUMNS, "--sheet", *_FILE[2:]),
    "parquet": (),
    "arrow": (),
}
"""The hints that apply to each format."""


def inspect(
    path: Path,
    format: str,  # noqa: A002 - the word of DatasetSpec
    hints: ReadHints,
    *,
    target: str | None,
    before: Mapping[str, str],
    quiet: bool,
    wanted: Collection[str] = (),
    each: Each | None = None,
) -> Inspected:
    """Read a whole file. `before` are the types of columns in the version before.

    Rows of typed columns are counted by `each`, if it is given.

    The target and the columns `wanted` are used although they have no value.

    Raises DatasetRefused.
    """
    _check_hints(format, hints)
    if format in ("parquet", "arrow"):
        return inspect_typed(ParquetFile(path, format, before=before), target, wanted, each)
    findings: list[DataFinding] = []
    file: TextFile | JsonLinesFile | ExcelFile
    if format == "csv":
        file, findings = found_out(path, hints, quiet=quiet)
    elif format == "jsonl":
        file = JsonLinesFile(path)
    else:
        file = ExcelFile(path, hints)
        findings = file.findings
    return TextInspection(file, hints, before, findings, quiet=quiet).result(target, wanted)


def _check_hints(format: str, hints: ReadHints) -> None:  # noqa: A002
    """Raise DatasetRefused for a hint that does not apply to the file's format."""
    said = {
        "--separator": bool(hints.separator),
        "--encoding": bool(hints.encoding),
        "--header and --no-header": hints.header is not None,
        "--skip-lines": hints.skip_lines is not None,
        "--sheet": bool(hints.sheet),
        "--decimal": bool(hints.decimal),
        "--missing": hints.missing is not None,
        "--type": bool(hints.types),
        "--zone": bool(hints.zone),
    }
    idle = [option for option, there in said.items() if there and option not in _APPLY[format]]
    if idle:
        raise DatasetRefused(
            f"{' and '.join(idle)} cannot be said of {_CALLED[format]}: leave it out, change "
            "the file itself, or send CSV."
        )
