"""The sensitive columns of a dataset, whose values are hidden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autolearn.api.http.problems import Problem
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.bounds import SENSITIVE_COLUMNS, cut
from autolearn.schemas.catalog import DatasetSpec

_SHOWN = 20
"""Columns that a problem names."""


class Marks(NamedTuple):
    """The sensitive columns of a version that is to be registered.

    `change` says whether they differ from those of the newest version, `unmarks` whether some are
    no longer sensitive, and `after` counts their changes so far. `before` are those of the newest
    version.
    """

    sensitive: tuple[str, ...]
    change: bool
    unmarks: bool
    after: int
    before: tuple[str, ...]


def marks_of(
    snapshot: Snapshot, name: str, more: Sequence[str], fewer: Sequence[str] = ()
) -> Marks:
    """Return the marks of a dataset with some added and some removed.

    Raises:
        Problem: they are too many, or one is added and removed (422).
    """
    if both := sorted({*more} & {*fewer}):
        words = ", ".join(repr(cut(one)) for one in both[:_SHOWN])
        raise _refused(f"It is to be sensitive and not sensitive: {words}. Name it once.")
    owner, before = snapshot.catalog.dataset_owner(name), snapshot.catalog.sensitive(name)
    present = {*before}
    names = (present | {*more}) - {*fewer}
    if len(names) > SENSITIVE_COLUMNS:
        raise _refused(
            f"{len(names):,} columns of {name} would be sensitive; at most {SENSITIVE_COLUMNS:,} "
            "can be, and no setting raises that: leave the others out of the file."
        )
    after = 0 if owner is None else owner.marks
    return Marks(tuple(sorted(names)), names != present, bool(present - names), after, before)


def check_columns(spec: DatasetSpec, names: Sequence[str], before: Sequence[str]) -> None:
    """Raise a problem unless a dataset has all these columns, or they are marked already.

    Raises:
        Problem: some are unknown (422).
    """
    columns = [column.name for column in spec.columns]
    there = {*columns, *before}
    absent = [one for one in names if one not in there]
    if absent:
        more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
        raise _refused(
            f"{spec.name} has no column {', '.join(repr(cut(one)) for one in absent[:_SHOWN])}; it "
            f"has {', '.join(columns[:_SHOWN])}{more}."
        )


def sensitive_in(spec: DatasetSpec) -> tuple[str, ...]:
    """Return the sensitive columns of a version."""
    names = {*spec.sensitive}
    return tuple(column.name for column in spec.columns if column.name in names)


def _refused(detail: str) -> Problem:
    """Return the problem of columns that cannot be marked."""
    return Problem(422, "columns-unfit", "The columns cannot be marked like that", detail)
