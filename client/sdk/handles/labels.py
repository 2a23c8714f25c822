"""Labels: what rows of a dataset are that have no value of the target."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autolearn.client.sdk.errors import BadArgument
from autolearn.client.sdk.flows import Call, Flow, ask, fetch
from autolearn.client.sdk.handles.frames import needed
from autolearn.client.sdk.handles.handle import Handle
from autolearn.client.sdk.operation import operation
from autolearn.client.sdk.paths import segment
from autolearn.schemas.bounds import TRUTHS, cut
from autolearn.schemas.rest.catalog import Dataset
from autolearn.schemas.rest.labels import AddedLabels, DatasetLabel, UnlabelledRows
from autolearn.schemas.rest.page import Page

if TYPE_CHECKING:
    import pyarrow as pa

_PAGE = 10_000


class LabelMethods(Handle[Dataset]):
    """What the rows of a version of a dataset are. It is for those who may change the dataset."""

    @operation
    def unlabelled(
        self, target: str = "", *, by: str = "", limit: int = 20
    ) -> Flow[UnlabelledRows]:
        """List rows that have neither a value of the target nor a label, at most 1,000.

        By default the `target` is that of the dataset; it may be a new column. With `by`, a model
        (NAME or NAME@VERSION) is asked about the first 1,000 of these rows, and those come first of
        which it is the least certain.

        Raises:
            Problem: all rows have a value, the model does not answer, or one may not change it.
        """
        query = {
            "version": self.data.version,
            "target": target or None,
            "by": by or None,
            "limit": limit,
        }
        return ask(Call("GET", _at(self.data.name, "unlabelled"), UnlabelledRows, query))

    @operation
    def label(
        self, row: int, value: object, *, target: str = "", replace: bool = False
    ) -> Flow[AddedLabels]:
        """Say what a row is, by its number from 0.

        Raises:
            Problem: as for `add_labels`.
        """
        return self._add({row: value}, target, (), replace=replace)

    @operation
    def add_labels(
        self,
        labels: Mapping[int, object],
        *,
        target: str = "",
        classes: Sequence[str] = (),
        replace: bool = False,
    ) -> Flow[AddedLabels]:
        """Say what rows are, by their numbers from 0, at most 10,000: all of them, or none.

        `classes` are the labels that may be given; by default the known ones. The same label again
        is harmless. Another one is refused unless it may `replace` the first.

        Raises:
            BadArgument: there are none, or too many.
            Problem: there is no such row, it has a value or another label, a label does not fit the
            column, or one may not change the dataset.
        """
        return self._add(labels, target, classes, replace=replace)

    @operation
    def labels(self, target: str = "") -> Flow[list[DatasetLabel]]:
        """Return the labels of the version, by the numbers of their rows, with their authors.

        Raises:
            Problem: one may not change the dataset.
        """
        return self._labels(target)

    @operation
    def with_labels(self, target: str = "") -> Flow[pa.Table]:
        """Return all rows, with the labels in the column of the target: the next version.

        Raises:
            BadArgument: no row has a label.
            MissingPackage: pyarrow is not installed.
            Problem: one may not change the dataset.
        """
        arrow = needed("pyarrow", "with_labels()")
        from autolearn.artifacts.datasets.table import read_table

        labels = yield from self._labels(target)
        name = target or self.data.target or ""
        if not labels:
            raise BadArgument(
                f"No row of {self.data.name}@{self.data.version[:8]} has a label of {cut(name)}.",
                advice="`autolearn label` gives some; labels are those of one version.",
            )
        with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
            query = {"version": self.data.version}
            call = Call("GET", _at(self.data.name, "content"), bytes, query)
            path = Path(folder) / "data"
            yield from fetch(call, path, self.data.version)
            arrays = {**read_table(path, self.data.read).arrays}
        given = {one.row: one.value for one in labels}
        there = arrays.get(name)
        if there is None or there.null_count == self.data.rows:
            arrays[name] = arrow.array([given.get(row) for row in range(self.data.rows)])
        else:
            values = there.to_pylist()
            for row, value in given.items():
                values[row] = value
            arrays[name] = arrow.array(values, there.type)
        table: pa.Table = arrow.table(arrays)
        return table

    def _labels(self, target: str) -> Flow[list[DatasetLabel]]:
        found, page = list[DatasetLabel](), None
        while True:
            query = {
                "version": self.data.version,
                "target": target or None,
                "limit": _PAGE,
                "page": page,
            }
            call = Call("GET", _at(self.data.name, "labels"), Page[DatasetLabel], query)
            said = yield from ask(call)
            found += said.items
            page = said.next
            if page is None:
                return found

    def _add(
        self, labels: Mapping[int, object], target: str, classes: Sequence[str], *, replace: bool
    ) -> Flow[AddedLabels]:
        if not 1 <= len(labels) <= TRUTHS:
            raise BadArgument(
                f"There are {len(labels):,} labels, and 1 to {TRUTHS:,} are taken at once."
            )
        body: dict[str, Any] = {
            "version": self.data.version,
            "target": target,
            "labels": [{"row": row, "value": _plain(value)} for row, value in labels.items()],
            "classes": [*classes],
            "replace": replace,
        }
        return ask(Call("POST", _at(self.data.name, "labels"), AddedLabels, body=body))


def _plain(value: Any) -> object:
    """Return a value of numpy as Python has it."""
    return value.item() if hasattr(value, "item") else value


def _at(dataset: str, what: str) -> str:
    return f"/v1/catalog/datasets/{segment(dataset)}/{what}"
