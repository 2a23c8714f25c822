"""Compares the answers of a version with those that were recorded, batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from autolearn.ml.metrics import builtin
from autolearn.schemas.bounds import BACKTEST_CHANGES, BACKTEST_DIFFERENT, cut
from autolearn.schemas.catalog import ANOMALY_DETECTION, CLASSIFICATION, CLUSTERING, REGRESSION
from autolearn.schemas.models.backtests import (
    ANSWER,
    REQUEST,
    ROW,
    SCORE,
    TRUTH,
    VERSION,
    AnswerChange,
    BacktestComparison,
    DifferentRow,
)

Array = np.ndarray[Any, Any]
_RELATIVE, _ABSOLUTE = 1e-9, 1e-12


class AnswerComparison:
    """Compares batches of rows. With `hidden`, no answers are shown: the target is sensitive."""

    def __init__(self, task: str, *, hidden: bool) -> None:
        self.task, self.hidden = task, hidden
        self.rows = self.equal = self.measured = 0
        self.equal_by_version = Counter[str]()
        self.largest, self.sum = 0.0, 0.0
        self.changes = Counter[tuple[Any, Any]]()
        self.different: list[DifferentRow] = []
        self.known: list[tuple[Array, Array, Array]] = []
        """By batch the truths that are known, the recorded answers, and those of the version."""

    def add(self, said: Mapping[str, Array], rows: pa.RecordBatch) -> None:
        """Compare the columns of the predictions for some rows with these rows."""
        new = next(iter(said.values()))
        old = _values(rows, ANSWER)
        if self.task == REGRESSION:
            new, old = new.astype(float), old.astype(float)
            same = np.isclose(new, old, _RELATIVE, _ABSOLUTE, equal_nan=True)
        else:
            if self.task in (CLASSIFICATION, CLUSTERING):
                new = new.astype(str).astype(object)
            same = np.equal(new, old).astype(bool)
        difference = np.abs(self._differences(said, new, old, rows))
        self.rows += len(new)
        self.equal += int(same.sum())
        versions, many = np.unique(_values(rows, VERSION)[same], return_counts=True)
        self.equal_by_version.update(dict(zip(map(str, versions), many.tolist(), strict=True)))
        known = difference[~np.isnan(difference)]
        if len(known):
            self.measured += len(known)
            self.largest = max(self.largest, float(known.max()))
            self.sum += float(known.sum())
        self._keep(rows, new, old, difference, np.flatnonzero(~same))
        if self.task in (CLASSIFICATION, REGRESSION) and TRUTH in rows.schema.names:
            which = np.asarray(rows.column(TRUTH).is_valid())
            self.known.append((_values(rows, TRUTH)[which], old[which], new[which]))

    def _differences(
        self, said: Mapping[str, Array], new: Array, old: Array, rows: pa.RecordBatch
    ) -> Array:
        """Return the difference of each row; NaN where there is none."""
        if self.task == REGRESSION:
            found: Array = new - old
            return found
        recorded = _values(rows, SCORE).astype(float)
        if self.task == ANOMALY_DETECTION:
            return np.asarray(said["score"] - recorded)
        now = np.full(len(new), np.nan)
        for name, values in said.items():
            which = np.equal(old, name.removeprefix("probability_")).astype(bool)
            if name.startswith("probability_"):
                now[which] = values[which]
        return np.asarray(now - recorded)

    def _keep(
        self, rows: pa.RecordBatch, new: Array, old: Array, difference: Array, which: Array
    ) -> None:
        """Count the changes, and keep the rows with the largest differences."""
        if self.task != REGRESSION and not self.hidden:
            self.changes.update(zip(old[which].tolist(), new[which].tolist(), strict=True))
        size = np.nan_to_num(difference[which])
        most = which[np.argsort(-size, kind="stable")[:BACKTEST_DIFFERENT]]
        table = {name: _values(rows, name) for name in (REQUEST, ROW, VERSION)}
        for at in most.tolist():
            answers = (None, None) if self.hidden else (_shown(old[at]), _shown(new[at]))
            gap = difference[at]
            self.different.append(
                DifferentRow(
                    request=str(table[REQUEST][at]),
                    row=int(table[ROW][at]),
                    version=int(table[VERSION][at]),
                    recorded=answers[0],
                    answer=answers[1],
                    difference=None if np.isnan(gap) else float(gap),
                )
            )
        self.different.sort(key=lambda one: -(one.difference or 0.0))
        del self.different[BACKTEST_DIFFERENT:]

    def _metrics(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return the metrics of the recorded answers, and of the version, by the known truths."""
        if not any(len(truth) for truth, _, _ in self.known):
            return {}, {}
        truth, old, new = (np.concatenate(parts) for parts in zip(*self.known, strict=True))
        labels = self.task == CLASSIFICATION
        chosen = (builtin.accuracy, builtin.f1) if labels else (builtin.rmse, builtin.mae)
        recorded, said = (
            {one.name: float(one.compute(truth, answers)) for one in chosen}
            for answers in (old, new)
        )
        return recorded, said

    def result(self) -> BacktestComparison:
        """Return how all rows compare."""
        recorded, said = self._metrics()
        return BacktestComparison(
            rows=self.rows,
            equal=self.equal,
            agreement=self.equal / self.rows if self.rows else 1.0,
            equal_by_version=dict(self.equal_by_version),
            largest_difference=self.largest if self.measured else None,
            mean_difference=self.sum / self.measured if self.measured else None,
            changes=tuple(
                AnswerChange(_shown(old), _shown(new), many)
                for (old, new), many in self.changes.most_common(BACKTEST_CHANGES)
            ),
            different=tuple(self.different),
            truths=sum(len(truth) for truth, _, _ in self.known),
            metrics=said,
            recorded_metrics=recorded,
        )


def _values(rows: pa.RecordBatch, name: str) -> Array:
    values: Array = rows.column(name).to_numpy(zero_copy_only=False)
    return values


def _shown(value: Any) -> Any:
    """Return an answer as JSON; a number that is none as None."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, str):
        return cut(plain)
    return None if isinstance(plain, float) and not np.isfinite(plain) else plain
