"""What a new version of a dataset changes against the one before."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.catalog import DatasetSpec

_SHOWN = 10
"""Columns and classes that a sentence names."""


class DatasetChanges(Struct, frozen=True, omit_defaults=True):
    """The differences of a version from the one `before`, which had `rows_before` rows.

    `added` and `removed` are columns, `retyped` the types of others, before and now.
    `classes_added` and `classes_removed` are known if both versions count classes of the same
    target.
    """

    before: str
    rows_before: int
    rows: int
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    retyped: dict[str, tuple[str, str]] = {}
    classes_added: tuple[str, ...] = ()
    classes_removed: tuple[str, ...] = ()

    def of_columns(self) -> str:
        """Describe the changed columns; "" for none."""
        return "; ".join(self._columns())

    def say(self) -> str:
        """Describe all changes in a sentence."""
        return f"Against version {self.before[:12]}: {'; '.join([*self._columns(), *self._rows()])}"

    def _columns(self) -> Iterator[str]:
        if self.added:
            yield f"new are {listed(self.added, _SHOWN)}"
        if self.removed:
            yield f"gone are {listed(self.removed, _SHOWN)}"
        if self.retyped:
            types = [
                f"{cut(name)} is {now}, was {was}" for name, (was, now) in self.retyped.items()
            ]
            yield f"of another type: {listed(types, _SHOWN)}"

    def _rows(self) -> Iterator[str]:
        if self.rows != self.rows_before:
            yield f"{self.rows:,} rows, were {self.rows_before:,}"
        if self.classes_added:
            yield f"new classes: {listed(self.classes_added, _SHOWN)}"
        if self.classes_removed:
            yield f"classes gone: {listed(self.classes_removed, _SHOWN)}"


def changes_of(spec: DatasetSpec, before: DatasetSpec) -> DatasetChanges | None:
    """Compare two versions; None if no shown property differs."""
    was = {column.name: column.type for column in before.columns}
    now = {column.name: column.type for column in spec.columns}
    classes: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    if spec.target == before.target and spec.classes and before.classes:
        classes = (
            tuple(one for one in spec.classes if one not in before.classes),
            tuple(one for one in before.classes if one not in spec.classes),
        )
    found = DatasetChanges(
        before.version,
        before.rows,
        spec.rows,
        added=tuple(name for name in now if name not in was),
        removed=tuple(name for name in was if name not in now),
        retyped={
            name: (kind, now[name]) for name, kind in was.items() if now.get(name, kind) != kind
        },
        classes_added=classes[0],
        classes_removed=classes[1],
    )
    nothing = DatasetChanges(before.version, spec.rows, spec.rows)
    return None if found == nothing else found
