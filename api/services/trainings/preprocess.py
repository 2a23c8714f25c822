"""Resolves and checks the preprocessing of a training."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from autolearn.api.http.problems import Problem
from autolearn.api.services.trainings.columns import Columns
from autolearn.api.shared.bodies import ColumnPreprocessingBody, PreprocessingBody
from autolearn.api.shared.dataset_checks import wrong
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.feature_columns import LEFT_OUT, features_of
from autolearn.schemas.training.preprocess import (
    DATE_PARTS,
    ColumnPreprocessing,
    Preprocessing,
    misfits,
)


def preprocessing_of(
    body: PreprocessingBody, data: DatasetSpec, columns: Columns, task: str
) -> Preprocessing:
    """Return the preprocessing, without what has no effect.

    Raises:
        Problem: it does not fit the type of a feature, or the task (422).
    """
    types = {column.name: column.type for column in data.columns}
    target = None if columns.target is None else columns.target.name
    names = features_of(types, target, columns.features, columns.left_out)
    for name in body.columns:
        if name not in names:
            why = LEFT_OUT.get(columns.left_out.get(name, ""), "")
            because = "the target" if name == target else why or "not among those that are named"
            raise _unfit(("columns", name), f"{name} is no feature ({because})")
    given = _given(body, "")
    own = {name: _own(one, types[name]) for name, one in body.columns.items()}
    if own := {name: one for name, one in own.items() if one != ColumnPreprocessing()}:
        given["columns"] = own
    how = Preprocessing(**given)
    for place, why in misfits(how, {name: types[name] for name in names}, task):
        raise _unfit(place, why)
    return how


def _own(body: ColumnPreprocessingBody, kind: str) -> ColumnPreprocessing:
    return ColumnPreprocessing(**_given(body, kind))


def _given(body: PreprocessingBody | ColumnPreprocessingBody, kind: str) -> dict[str, Any]:
    """Return the given fields as a command has them; for all columns only those with an effect."""
    found = body.model_dump(exclude={"columns"}, exclude_none=True)
    if "dates" in found:
        words: dict[str, tuple[str, ...]] = {"parts": DATE_PARTS, "none": ()}
        dates = found["dates"]
        found["dates"] = words[dates] if isinstance(dates, str) else tuple(dict.fromkeys(dates))
    if "fill_value" in found:
        found["fill_value"] = _fill(found["fill_value"], kind)
    if isinstance(body, PreprocessingBody):
        constants = ("fill_value", "fill_text")  # which may be 0 or empty
        found |= {n: UNSET for n, value in found.items() if not value and n not in constants}
    return found


def _fill(value: bool | int | float | str, kind: str) -> bool | int | float | str:
    """Return the constant for a column of a type: numbers as float, labels as text."""
    if kind == "string" and not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "boolean" and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _unfit(place: tuple[str, ...], why: str) -> Problem:
    steps = [step.replace("~", "~0").replace("/", "~1") for step in ("preprocessing", *place)]
    title = "The preprocessing does not fit the columns"
    return wrong("preprocessing-unfit", title, {f"#/{'/'.join(steps)}": why})
