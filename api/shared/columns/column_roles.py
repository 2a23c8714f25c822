"""The roles of a dataset's columns, and its positive class, as a request gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast, get_args

from autolearn.api.http.problems import Problem
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.catalog import CLASSIFICATION, DatasetSpec
from autolearn.schemas.values import ColumnRole

Roles = Mapping[str, ColumnRole | None]


def roles_of(given: Sequence[str]) -> dict[str, ColumnRole | None]:
    """Return the roles by column of ROLE=COLUMN words.

    Raises:
        Problem: a word is none, or a column has two roles (422).
    """
    found: dict[str, ColumnRole | None] = {}
    for one in given:
        role, _, column = one.partition("=")
        if role not in get_args(ColumnRole) or not column:
            known = listed(get_args(ColumnRole))
            raise _unfit(f"A role is given as ROLE=COLUMN, with one of {known}; got {cut(one)!r}.")
        if found.setdefault(column, cast("ColumnRole", role)) != role:
            raise _unfit(f"{cut(column)!r} has the roles {found[column]} and {role}: give it one.")
    return found


def target_in(roles: Roles, present: str | None) -> str | None:
    """Return the target that roles name; "" if the `present` one gets another; None: no word of it.

    Raises:
        Problem: they name two (422).
    """
    named = [name for name, role in roles.items() if role == "target"]
    if len(named) > 1:
        raise _unfit(f"A dataset has one target, and {listed(sorted(named))} are named.")
    if named:
        return named[0]
    return "" if present in roles else None


def merged_roles(
    spec: DatasetSpec, before: Mapping[str, ColumnRole], given: Roles
) -> dict[str, ColumnRole]:
    """Return the roles of a version: those of the one before, and the given ones."""
    names = {column.name for column in spec.columns} - {spec.target}
    merged = {**before, **given}
    return {
        name: role
        for name, role in sorted(merged.items())
        if role is not None and role != "target" and name in names
    }


def positive_of(spec: DatasetSpec, given: str | None, before: DatasetSpec | None) -> str | None:
    """Return the positive class: the given one ("": none), else that of the version before.

    Raises:
        Problem: the target has no such class, or it is sensitive (422).
    """
    if given is None:
        if before is None or before.target != spec.target or spec.target in spec.sensitive:
            return None
        return before.positive
    if spec.target is None or (given and spec.task != CLASSIFICATION):
        fault = "it has no target" if spec.target is None else f"{spec.target} is a number"
        fault = f"{spec.name} has no classes: {fault}"
    elif given and spec.target in spec.sensitive:
        fault = f"the target {spec.target} is sensitive, so none of its classes is named"
    elif given and spec.classes and given not in spec.classes:
        known = listed(sorted(spec.classes))
        fault = f"{spec.target} has no class {cut(given)!r}; its classes are {known}"
    else:
        return given or None
    raise Problem(
        422,
        "class-unknown",
        "There is no such class",
        f"{fault}.",
        errors=[{"pointer": "#/positive", "detail": fault}],
    )


def _unfit(detail: str) -> Problem:
    """Return the problem of roles that cannot be given."""
    return Problem(422, "columns-unfit", "The columns cannot have these roles", detail)
