"""Datasets as objects: data frames in and out."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from autolearn.client.sdk.dataset_files import dataset_name
from autolearn.client.sdk.errors import BadArgument, Problem
from autolearn.client.sdk.flows import Call, Flow, ask, fetch
from autolearn.client.sdk.handles.expectations import ExpectationMethods
from autolearn.client.sdk.handles.frames import frame_of, is_frame, needed, parquet_of, table_of
from autolearn.client.sdk.handles.labels import LabelMethods
from autolearn.client.sdk.handles.pages import Pages, listing
from autolearn.client.sdk.operation import Either, chained, either, operation
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.transport import AwaitingPart, BlockingPart
from autolearn.schemas.datasets.look import ColumnSummary, TableRows
from autolearn.schemas.rest.catalog import Dataset, Grant
from autolearn.schemas.rest.page import Page

if TYPE_CHECKING:
    import httpx
    import pandas as pd

Source = Any
"""A file of a dataset: its path, bytes, an open binary file, or a data frame."""


class DatasetMethods(LabelMethods, ExpectationMethods):
    """A version of a dataset, which runs name exactly."""

    _fields = frozenset(Dataset.__struct_fields__)

    @property
    def name(self) -> str:
        """Its name."""
        return self.data.name

    @property
    def columns(self) -> pd.DataFrame:
        """The columns as a data frame: type, missing and different values, smallest and largest.

        Raises:
            MissingPackage: pandas is not installed.
        """
        rows = (
            {
                "column": one.name,
                "type": one.type,
                "missing": one.missing,
                "distinct": one.distinct,
                "minimum": one.minimum,
                "maximum": one.maximum,
                "role": "target" if one.name == self.data.target else self.data.roles.get(one.name),
                "sensitive": one.sensitive is True,
            }
            for one in self.data.columns
        )
        return frame_of(rows, "columns").set_index("column")

    @property
    def warnings(self) -> pd.DataFrame:
        """The oddities of the data as a data frame, each with its remedy.

        A training is refused while one is `severe`.

        Raises:
            MissingPackage: pandas is not installed.
        """
        names = ("column", "severe", "words", "remedy", "count", "code")
        rows = [{name: getattr(one, name) for name in names} for one in self.data.findings]
        frame: pd.DataFrame = needed("pandas", "warnings").DataFrame(rows, columns=[*names])
        return frame

    @listing
    def versions(self, *, limit: int | None = None) -> Pages[DatasetHandle, AsyncDatasetHandle]:
        """List the versions, newest first, at most `limit`."""
        call = Call("GET", f"{_at(self.name)}/versions", Page[Dataset])
        return Pages(call, lambda one: dataset_handle(self, one), limit)

    @chained
    def refresh(self) -> Flow[None]:
        """Get the newest version."""
        self._data = yield from ask(Call("GET", _at(self.name), Dataset))

    @operation
    def share(self, user: str, may: Literal["read", "work"] = "read") -> Flow[Page[Grant]]:
        """Share all versions with a user or group/NAME; return all who have a grant.

        To read: to see and use it; or to work: to add versions as well.
        """
        body = {"user": user, "may": may}
        return ask(Call("POST", f"{_at(self.name)}/share", Page[Grant], body=body))

    @operation
    def unshare(self, user: str) -> Flow[Page[Grant]]:
        """End the grant of a user or group/NAME, at once; return the remaining ones."""
        return ask(Call("POST", f"{_at(self.name)}/unshare", Page[Grant], body={"user": user}))

    @listing
    def readers(self) -> Pages[Grant, Grant]:
        """List the users and groups with a grant, without the owner."""
        return Pages(Call("GET", f"{_at(self.name)}/readers", Page[Grant]), paged=False)

    @operation
    def download(self, path: Path | str) -> Flow[Path]:
        """Fetch the file as it was uploaded, checked by its hash."""
        call = Call("GET", f"{_at(self.name)}/content", bytes, {"version": self.data.version})
        yield from fetch(call, Path(path), self.data.version)
        return Path(path)

    @operation
    def to_pandas(self) -> Flow[pd.DataFrame]:
        """Return all rows as a data frame, read as trainings read them.

        Timestamps are UTC. The file is fetched each time.

        Raises:
            MissingPackage: pandas is not installed.
            Problem: it has sensitive columns, and you may not change it.
        """
        return dataset_frame(self.data)

    @operation
    def head(self, n: int = 5) -> Flow[pd.DataFrame]:
        """Return the first rows as a data frame, at most 1,000; sensitive values are hidden.

        Raises:
            MissingPackage: pandas is not installed.
        """
        needed("pandas", "head()")
        query = {"limit": n, "version": self.data.version}
        found = yield from ask(Call("GET", f"{_at(self.name)}/rows", TableRows, query))
        return table_of(found)

    @operation
    def column(self, name: str) -> Flow[ColumnSummary]:
        """Return counts, most frequent values, quantiles and a histogram of a column."""
        query = {"column": name, "version": self.data.version}
        return ask(Call("GET", f"{_at(self.name)}/column", ColumnSummary, query))

    def _sent(self) -> Mapping[str, str]:
        """Return its name and version, as requests have them."""
        return {"name": self.data.name, "version": self.data.version}

    def _title(self) -> str:
        one = self.data
        target = f", target {one.target}" if one.target else ""
        severe = sum(finding.severe for finding in one.findings)
        warnings = f", {len(one.findings)} warnings" if one.findings else ""
        return (
            f"Dataset {one.name}@{one.version[:8]}: {one.rows:,} rows, {len(one.columns)} columns"
            f"{target}{warnings}{f' ({severe} severe)' if severe else ''}"
        )

    def _about(self) -> dict[str, object]:
        one = self.data
        return {
            "dataset": one.name,
            "version": one.version[:8],
            "rows": one.rows,
            "columns": len(one.columns),
            "target": one.target,
            "task": one.task,
            "positive": one.positive,
            "classes": ", ".join(f"{name} {rows:,}" for name, rows in one.classes.items()),
            "warnings": len(one.findings) or None,
            "owner": "everybody" if one.everybody else one.owner,
            "summary": one.summary,
        }


class DatasetHandle(DatasetMethods, BlockingPart):
    """A version of a dataset."""

    def __init__(self, http: httpx.Client, data: Dataset) -> None:
        super().__init__(http)
        self._data = data


class AsyncDatasetHandle(DatasetMethods, AwaitingPart):
    """A version of a dataset, to await."""

    def __init__(self, http: httpx.AsyncClient, data: Dataset) -> None:
        super().__init__(http)
        self._data = data


def dataset_handle(client: Any, data: Dataset) -> Either[DatasetHandle, AsyncDatasetHandle]:
    """Return a version of a dataset as an object."""
    return either(client, DatasetHandle, AsyncDatasetHandle, client._http, data)


def _at(name: str) -> str:
    """Return the path of a dataset."""
    return f"/v1/catalog/datasets/{segment(name)}"


@contextmanager
def file_of(source: Source, name: str | None) -> Iterator[tuple[str, Path | bytes]]:
    """Yield the name of a dataset, and its file: a path, or all bytes of it.

    Raises:
        BadArgument: it is none, or a name is missing.
        MissingPackage: a data frame needs pyarrow.
    """
    if isinstance(source, str | Path):
        yield name or dataset_name(source), Path(source)
        return
    if name is None:
        raise BadArgument(
            "A dataset without a file name needs a name.", advice="Give one, such as name='churn'."
        )
    if isinstance(source, bytes | bytearray | memoryview):
        yield name, bytes(source)
    elif is_frame(source):
        yield name, parquet_of(source)
    elif hasattr(source, "read"):
        with tempfile.NamedTemporaryFile(prefix="autolearn-") as file:
            _copied(source, file)
            yield name, Path(file.name)
    else:
        raise BadArgument(
            f"{type(source).__name__} is no dataset.",
            advice="Give a data frame, a path, bytes, or a file that is open in binary mode.",
        )


def _copied(source: BinaryIO, file: Any) -> None:
    if isinstance(source.read(0), str):
        raise BadArgument("The file is open in text mode.", advice="Open it with mode 'rb'.")
    shutil.copyfileobj(source, file)
    file.flush()


def named(name: str, version: str | None, as_of: str | None) -> Flow[Dataset]:
    """Get a dataset by its name."""
    query = {"version": version, "as_of": as_of}
    try:
        return (yield from ask(Call("GET", _at(name), Dataset, query)))
    except Problem as problem:
        if problem.status == 404 and Path(name).is_file():
            problem.advice = f"A file is given as a Path: dataset(Path({name!r}))."
        raise


def dataset_frame(data: Dataset) -> Flow[pd.DataFrame]:
    """Fetch all rows of a version of a dataset as a data frame. Raises MissingPackage."""
    for package in ("pandas", "pyarrow"):
        needed(package, "A data frame of a dataset")
    import pyarrow as pa

    from autolearn.artifacts.datasets.table import read_table

    with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
        call = Call("GET", f"{_at(data.name)}/content", bytes, {"version": data.version})
        path = Path(folder) / "data"
        yield from fetch(call, path, data.version)
        table = read_table(path, data.read)
    frame: pd.DataFrame = pa.table({**table.arrays}).to_pandas()
    return frame


def known(
    name: str, content: Path | bytes, about: Mapping[str, str | None], roles: Mapping[str, str]
) -> Flow[Dataset | None]:
    """Return the newest version of a dataset, if it has this content and these roles already.

    `about` are its target and its positive class; None is not compared.
    """
    try:
        newest = yield from ask(Call("GET", _at(name), Dataset))
    except Problem as problem:
        if problem.status != 404:
            raise
        return None
    said = {"target": newest.target or "", "positive": newest.positive or ""}
    if any(value is not None and said[field] != value for field, value in about.items()):
        return None
    if any(newest.roles.get(column) != role for column, role in roles.items()):
        return None
    return newest if newest.version == _digest(content) else None


def _digest(content: Path | bytes) -> str:
    """Return the SHA-256 of a file."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
