"""Checks labels of rows of a dataset against the version, and the labels there are."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

from autolearn.api.http.problems import Problem, refuse_items
from autolearn.api.services.catalog.bodies import LabelBody, LabelsBody
from autolearn.schemas.bounds import LONGEST_NAME, cut, listed
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.datasets.labels import LabelValue, RowLabel
from autolearn.schemas.rest.labels import DatasetLabel
from autolearn.schemas.values import Column

_LARGEST = 2**63
_KINDS = {str: "texts", bool: "true or false", int: "numbers", float: "numbers"}


class OpenRows:
    """The rows of a version that have no value of the target: all, or those of the `gaps`.

    `gaps` has a bit for each row, the lowest one of a byte first.
    """

    def __init__(self, total: int, gaps: bytes | None) -> None:
        self.total, self.gaps = total, gaps
        self.many = total if gaps is None else int.from_bytes(gaps, "little").bit_count()

    def __contains__(self, row: int) -> bool:
        if self.gaps is None:
            return row < self.total
        return row >> 3 < len(self.gaps) and bool(self.gaps[row >> 3] >> (row & 7) & 1)

    def first(self, limit: int, labels: Collection[int]) -> tuple[int, ...]:
        """Return the numbers of the first rows that have no label either."""
        return (*islice((row for row in self._all() if row not in labels), limit),)

    def _all(self) -> Iterator[int]:
        if self.gaps is None:
            yield from range(self.total)
            return
        for at, bits in enumerate(self.gaps):
            if bits:
                yield from (8 * at + bit for bit in range(8) if bits >> bit & 1)


class CheckedLabels(NamedTuple):
    """The labels to record, how many of them replace another, and how many are there already."""

    new: list[RowLabel]
    replaced: int
    same: int


class _Unfit(Exception):
    """Why one label is refused."""


def column_of(spec: DatasetSpec, target: str) -> tuple[str, Column | None]:
    """Return the target that rows get labels of, and its column; None if it has no value yet.

    Raises:
        Problem: no target is named, it has no gaps, or no labels can be given of it (422).
    """
    name = target or spec.target
    if name is None:
        detail = f"{spec.name} has no target: name the column (--target) that the labels are for."
        raise _no_target(detail)
    column = next((one for one in spec.columns if one.name == name), None)
    if column is not None and not column.missing:
        raise _no_target(f"All {spec.rows:,} rows of {spec.name} have a value of {cut(name)}.")
    if column is not None and column.type == "timestamp":
        raise _no_target(f"{cut(name)} has times: labels are classes or numbers.")
    if column is not None and column.missing >= spec.rows:
        column = None  # its type says nothing
    return name, column


def known_classes(spec: DatasetSpec, target: str) -> list[str]:
    """Return the classes of a target of texts; none if they are not known, or secret."""
    kinds = {one.name: one.type for one in spec.columns}
    known = target == spec.target and kinds.get(target) in ("string", "boolean")
    return [*spec.classes] if known else []


def checked(
    body: LabelsBody,
    spec: DatasetSpec,
    target: str,
    column: Column | None,
    rows: OpenRows,
    there: Mapping[int, DatasetLabel],
) -> CheckedLabels:
    """Check labels of the rows of a version.

    Raises:
        Problem: one of them does not fit (422), or contradicts another one (409).
    """
    classes = body.classes or known_classes(spec, target)
    faults, values = list[tuple[int, str]](), dict[int, tuple[int, LabelValue]]()
    example = next((one.value for one in there.values()), None)
    for number, label in enumerate(body.labels):
        try:
            _check_row(label, spec, target, rows)
            value = _value(label, column, classes, example)
        except _Unfit as error:
            faults.append((number, str(error)))
            continue
        example = value if example is None else example
        if not _same(values.setdefault(label.row, (number, value))[1], value):
            faults.append((number, f"row {label.row} has two labels here"))
    refuse_items(422, "label-unfit", "A label does not fit", faults, "label")
    new, replaced, same = list[RowLabel](), 0, len(body.labels) - len(values)
    for row, (number, value) in values.items():
        before = there.get(row)
        if before is None:
            new.append(RowLabel(row, value))
        elif _same(before.value, value):
            same += 1
        elif body.replace:
            new.append(RowLabel(row, value))
            replaced += 1
        else:
            faults.append((number, _other(before, value)))
    refuse_others(faults)
    return CheckedLabels(new, replaced, same)


def overruled(new: Sequence[RowLabel], there: Mapping[int, DatasetLabel]) -> list[tuple[int, str]]:
    """Return the faults of labels before which somebody else gave another one, by their number."""
    now = ((number, one, there.get(one.row)) for number, one in enumerate(new))
    return [
        (number, _other(found, one.value))
        for number, one, found in now
        if found is not None and not _same(found.value, one.value)
    ]


def refuse_others(faults: Sequence[tuple[int, str]]) -> None:
    """Raise the problem of labels that contradict others, if there are any (409)."""
    advice = "Give `replace` (--replace) if the earlier label was wrong."
    refuse_items(409, "label-contradicts", "There is another label", faults, "label", advice)


def _other(there: DatasetLabel, value: LabelValue) -> str:
    return (
        f"row {there.row} is {_shown(there.value)}, as {there.actor or 'somebody'} said at "
        f"{there.time}, and not {_shown(value)}"
    )


def _check_row(label: LabelBody, spec: DatasetSpec, target: str, rows: OpenRows) -> None:
    if label.row >= spec.rows:
        last = spec.rows - 1
        raise _Unfit(f"{spec.name} has the rows 0 to {last}, and no row {label.row}")
    if label.row not in rows:
        raise _Unfit(f"row {label.row} has a value of {cut(target)} in the data")


def _value(
    label: LabelBody, column: Column | None, classes: Sequence[str], example: LabelValue | None
) -> LabelValue:
    """Return a label as its column has it; one of a new column is like the `example`."""
    value = _as_new(label.value, example) if column is None else _READ[column.type](label.value)
    if classes and not any(_means(one, value) for one in classes):
        raise _Unfit(
            f"{_shown(value)} is none of the labels {listed(classes)}: name all that may be given "
            "(`classes`, --labels) if it is a new one"
        )
    return value


def _as_new(given: LabelValue, example: LabelValue | None) -> LabelValue:
    if isinstance(given, str):
        given = _text(given)
    elif not isinstance(given, bool):
        given = _number(given)
    if example is not None and _KINDS[type(given)] != _KINDS[type(example)]:
        words = _KINDS[type(example)]
        raise _Unfit(f"the labels of this column are {words}, and {_shown(given)} is none of these")
    return given


def _text(given: LabelValue) -> str:
    if isinstance(given, bool):
        given = str(given).lower()
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    said = str(given).strip()
    if not 1 <= len(said) <= LONGEST_NAME:
        raise _Unfit(f"a label has 1 to {LONGEST_NAME} characters; this one has {len(said):,}")
    return said


def _number(given: LabelValue) -> int | float:
    found = math.nan
    with suppress(ValueError, OverflowError):
        found = math.nan if isinstance(given, bool) else float(given)
    if not math.isfinite(found):
        raise _Unfit(f"{_shown(given)} is no number, and the column has numbers")
    return given if isinstance(given, int) and -_LARGEST <= given < _LARGEST else found


def _integer(given: LabelValue) -> int:
    found = _number(given)
    if found != int(found) or not -_LARGEST <= found < _LARGEST:
        raise _Unfit(f"{_shown(given)} is no whole number of 64 bits, and the column has these")
    return int(found)


def _truth(given: LabelValue) -> bool:
    said = given.strip().lower() if isinstance(given, str) else given
    if said is True or said == "true":
        return True
    if said is False or said == "false":
        return False
    raise _Unfit(f"{_shown(given)} is neither true nor false, as the column has it")


_READ: dict[str, Callable[[LabelValue], LabelValue]] = {
    "string": _text,
    "number": lambda given: float(_number(given)),
    "integer": _integer,
    "boolean": _truth,
}


def _means(name: str, value: LabelValue) -> bool:
    """Return whether the name of a class is this label."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(ValueError):
            return float(name) == value
    return name == (str(value).lower() if isinstance(value, bool) else value)


def _same(one: LabelValue, other: LabelValue) -> bool:
    return _KINDS[type(one)] == _KINDS[type(other)] and one == other


def _no_target(detail: str) -> Problem:
    pointer = {"pointer": "#/target", "detail": detail}
    return Problem(422, "target-unfit", "Rows get no labels of this", detail, errors=[pointer])


def _shown(value: Any) -> str:
    return cut(repr(value), 60)
