"""Resolves the columns of a request for a training: the target, the features, what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from autolearn.api.http.problems import unknown
from autolearn.api.services.trainings.splits import split_of
from autolearn.api.shared.bodies import TrainingBody
from autolearn.api.shared.dataset_checks import target_of, wrong
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.bounds import listed
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.feature_columns import features_of, left_out_of
from autolearn.schemas.values import Column, Split

_TITLE = "The columns do not fit"


class Columns(NamedTuple):
    """The columns of a training by their use."""

    target: Column | None
    features: tuple[str, ...]
    left_out: dict[str, str]
    split: Split
    weight: str | None


def columns_of(body: TrainingBody, data: DatasetSpec, snapshot: Snapshot) -> Columns:
    """Return the columns of a training by their use.

    Raises:
        Problem: a column is unknown or of an unfit type, or no feature remains (422).
    """
    own = body.preprocessing.columns
    named: dict[str, Iterable[str]] = {
        "#/features": body.features or (),
        "#/drop": body.drop,
        "#/roles": body.roles,
        "#/preprocessing/columns": own,
    }
    for pointer, names in named.items():
        _check_known(data, names, pointer)
    target = target_of(data, _target_in(body))
    learned = None if target is None else target.name
    if body.features and body.drop:
        both = "name the columns to learn from, or those to drop, not both"
        raise wrong("columns-unfit", _TITLE, {"#/drop": both})
    for pointer in ("#/features", "#/drop"):
        if learned is not None and learned in named[pointer]:
            fault = f"{learned} is the target, so it is no feature: leave it out of this list"
            raise wrong("columns-unfit", _TITLE, {pointer: fault})
    newest = snapshot.catalog.dataset(data.name)
    given = {**({} if newest is None else newest.spec.roles), **body.roles}
    roles: dict[str, str] = {name: role for name, role in given.items() if name != learned}
    split, weight = split_of(body.split, data, roles), _weight_in(data, roles)
    if split.column:
        if split.column == learned:
            fault = f"{learned} is the target, so the rows cannot be split by it"
            raise wrong("split-unfit", "The rows cannot be split like that", {"#/split": fault})
        roles[split.column] = {"column": "split", "hash": "group"}.get(split.kind, split.kind)
    if body.features:
        return Columns(target, tuple(dict.fromkeys(body.features)), {}, split, weight)
    wanted = {*own}  # a preprocessing of its own makes a column a feature in spite of a finding
    if body.preprocessing.encode == "tf-idf":
        wanted |= {column.name for column in data.columns if column.type == "string"}
    left_out = left_out_of(data, learned, body.drop, dict.fromkeys(wanted, "feature") | roles)
    if not features_of((one.name for one in data.columns), learned, (), left_out):
        fault = f"no column of {data.name} is left to learn from: {listed(sorted(left_out))}"
        raise wrong("columns-unfit", _TITLE, {"#/drop": f"{fault} are left out"})
    return Columns(target, (), left_out, split, weight)


def _weight_in(data: DatasetSpec, roles: Mapping[str, str]) -> str | None:
    """Return the column with the weights of rows. Raises a problem if two have the role."""
    weights = [name for name, role in roles.items() if role == "weight"]
    if not weights:
        return None
    types = {column.name: column.type for column in data.columns}
    if len(weights) > 1:
        fault = f"{listed(sorted(weights))} have the role weight: give it to one of them"
    elif types.get(weights[0]) not in ("integer", "number"):
        fault = f"{weights[0]} has the role weight, and holds no numbers"
    else:
        return weights[0]
    raise wrong("columns-unfit", _TITLE, {"#/roles": fault})


def _target_in(body: TrainingBody) -> str | None:
    """Return the requested target. Raises a problem if two are named."""
    named = [name for name, role in body.roles.items() if role == "target"]
    named += [] if body.target is None else [body.target]
    if len({*named}) > 1:
        fault = f"there is one target, and {listed(sorted({*named}))} are named"
        raise wrong("columns-unfit", _TITLE, {"#/roles": fault})
    return named[0] if named else None


def _check_known(data: DatasetSpec, names: Iterable[str], pointer: str) -> None:
    """Raise a problem unless a dataset has all these columns."""
    there = {column.name for column in data.columns}
    absent = next((name for name in names if name not in there), None)
    if absent is not None:
        where = f"/v1/catalog/datasets/{data.name}"
        raise unknown("column", absent, there, where, pointer)
