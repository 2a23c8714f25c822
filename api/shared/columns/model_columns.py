"""Whether other data have the columns of a training, with the same kinds of values."""

from __future__ import annotations

from autolearn.api.http.problems import Problem, unknown
from autolearn.api.shared.dataset_checks import wrong
from autolearn.api.shared.lookup import RunOwner
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION, DatasetSpec
from autolearn.schemas.feature_columns import features_of
from autolearn.schemas.rest.runs import TrainingRow
from autolearn.schemas.values import KINDS, Column, RunId

_NUMBERS = {"integer", "number"}


def no_training(snapshot: Snapshot, owner: RunOwner, training: RunId) -> Problem:
    """Return the problem of a body that names an unknown training."""
    names = [run for run, kind in snapshot.runs.kinds(owner.id) if kind == "training"]
    return unknown("training", training, names, f"{owner.path}/trainings", "#/training")


def check_columns(
    training: TrainingRow, other: DatasetSpec, snapshot: Snapshot, *, target: bool, pointer: str
) -> None:
    """Raise a problem unless other data have the columns of a training, perhaps with its `target`.

    Their values are checked when they are read. `pointer` is their place in the request.
    """
    row = snapshot.catalog.dataset(training.dataset.name, training.dataset.version)
    own = None if row is None else row.spec
    known = training.columns if own is None else own.columns
    if not known:
        return
    whose = "the imported model" if own is None else own.name
    there = {column.name: column for column in other.columns}
    names = (column.name for column in known)
    used = dict.fromkeys(features_of(names, training.target, training.features, training.left_out))
    if target and training.task in (CLASSIFICATION, REGRESSION):  # others do not learn it
        used[training.target or ""] = None
    columns = [column for column in known if column.name in used]
    missing = [name for name in used if name not in there]
    other_kind = [
        f"{_told(there[column.name])} in {other.name}, and {_told(column)} in {whose}"
        for column in columns
        if column.name in there and not _comparable(column, there[column.name], training)
    ]
    faults = [f"{other.name} lacks {', '.join(missing[:20])}"] if missing else []
    if other_kind:
        faults.append(f"kinds of values differ: {'; '.join(other_kind[:20])}")
    units = [
        f"{column.name} has {mine or 'no unit'} in {whose}, and {theirs or 'none'} in {other.name}"
        for column in columns
        if own is not None
        and column.name in there
        and _differ(mine := _unit_of(own, column), theirs := _unit_of(other, column))
    ]
    if units:
        faults.append(f"units differ: {'; '.join(units[:20])}")
    if faults:
        remedy = f"it must have the columns of {whose} that the model needs"
        if other_kind or units:
            remedy += (
                ", with values of the same kinds (mend them, or upload it with --type NAME=number "
                "and the like)"
            )
        detail = f"{'; '.join(faults)}: {remedy}"
        raise wrong("dataset-unfit", "The dataset does not fit the model", {pointer: detail})


def _unit_of(spec: DatasetSpec, column: Column) -> str:
    names = [one.name for one in spec.columns]
    how = None
    if spec.read is not None and column.name in names:
        how = spec.read.formats.get(str(names.index(column.name)))
    return "" if how is None else how.unit


def _differ(unit: str, other: str) -> bool:
    """Return whether these units change a number's meaning: 12 % is 0.12, but $5 may be 5."""
    return unit != other and (bool(unit and other) or "%" in (unit, other))


def _comparable(own: Column, other: Column, training: TrainingRow) -> bool:
    """Return whether values of a column may be known ones.

    Text may be written as anything but times; true and false may be 1 and 0; no value fits any.
    """
    if other.distinct == 0 or own.type == other.type or {own.type, other.type} <= _NUMBERS:
        return True
    if "timestamp" in (own.type, other.type):
        return False
    if own.type == "string" or (own.name == training.target and training.task == CLASSIFICATION):
        return True
    numbers = next((one for one in (own, other) if one.type in _NUMBERS), None)
    return (
        numbers is not None and "string" not in (own.type, other.type) and _perhaps_truth(numbers)
    )


def _perhaps_truth(numbers: Column) -> bool:
    if numbers.sensitive is True:
        return numbers.distinct is not None and numbers.distinct <= 2
    return {numbers.minimum, numbers.maximum} <= {0, 1}


def _told(column: Column) -> str:
    """Describe the kind of a column's values."""
    kind = KINDS[column.type]
    if column.minimum is None or column.maximum is None:
        return f"{column.name} has {kind}"
    return f"{column.name} has {kind} from {column.minimum:g} to {column.maximum:g}"
