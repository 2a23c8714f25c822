"""Resolves how the rows of a training are split."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import UNSET, UnsetType

from autolearn.api.http.problems import Problem, unknown
from autolearn.api.shared.bodies import SplitBody
from autolearn.api.shared.dataset_checks import wrong
from autolearn.schemas.bounds import listed
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.values import Split, SplitBy

_BY_ROLE: tuple[SplitBy, ...] = ("time", "group")
"""The roles of columns by which rows are split without a word, the first one that there is."""
_RANDOM: SplitBy = "random"
_HASH: SplitBy = "hash"
"""A split by the whole row, unless a column is named."""
_ORDERED = ("timestamp", "integer", "number")


def split_of(body: SplitBody, data: DatasetSpec, roles: Mapping[str, str]) -> Split:
    """Return the split with its column: the named one, or that with the role.

    Raises:
        Problem: the column is unknown or not named, or its type is unfit (422).
    """
    column = body.column
    if body.by is None and column is not None:
        ways = "time, group, column, hash"
        raise _unfit("#/split/by", f"say how the rows are split by {column}: {ways}")
    usual: SplitBy = next((role for role in _BY_ROLE if role in roles.values()), _RANDOM)
    by: SplitBy = usual if body.by is None else body.by
    if by == _RANDOM:
        if column is not None:
            raise _unfit("#/split/column", "a random split has no column")
        return Split(body.test, body.stratify, UNSET, UNSET, _folds(body))
    if column is None and by == _HASH:
        return Split(body.test, body.stratify, by, UNSET, _folds(body), whole=True)
    if column is None:
        named = sorted(name for name, role in roles.items() if role == by)
        if len(named) != 1:
            what = (
                f"{listed(named)} have the role {by}" if named else f"no column has the role {by}"
            )
            raise _unfit("#/split/column", f"{what}: name the column by which the rows are split")
        column = named[0]
    types = {one.name: one.type for one in data.columns}
    if column not in types:
        where = f"/v1/catalog/datasets/{data.name}"
        raise unknown("column", column, types, where, "#/split/column")
    if by == "time" and types[column] not in _ORDERED:
        raise _unfit("#/split/column", f"{column} is {types[column]}, and a time is wanted")
    return Split(body.test, body.stratify, by, column, _folds(body))


def _folds(body: SplitBody) -> int | UnsetType:
    if body.folds == 1:
        raise _unfit("#/split/folds", "a cross-validation has at least 2 folds; 0: none")
    return body.folds or UNSET


def _unfit(pointer: str, fault: str) -> Problem:
    return wrong("split-unfit", "The rows cannot be split like that", {pointer: fault})
