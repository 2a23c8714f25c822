"""A trained model in memory that answers rows at once, each checked at the door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
from msgspec import Struct

from autolearn.artifacts.datasets.table import DatasetTable
from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.captured_warnings import heard
from autolearn.ml.environment import one_thread
from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import LABELS, methods_of
from autolearn.ml.evaluation.categories import Categories
from autolearn.ml.evaluation.drawn_rows import rows_to_check
from autolearn.ml.evaluation.rows import features_of_model, secret_columns
from autolearn.ml.evaluation.stored_artifact import StoredArtifact, open_model
from autolearn.ml.plans.held_out_check import comparison_in
from autolearn.ml.plans.plan import NoPlan, Plan, PlanComparison, compared, compiled, is_same
from autolearn.ml.plans.rowwise import is_rowwise
from autolearn.ml.prediction.batch_predictor import PROBABILITY, predicted_columns
from autolearn.ml.prediction.row_checks import (
    ABSENT,
    Record,
    RowChecker,
    RowFault,
    RowsRefused,
    RowWarning,
    rules_of,
)
from autolearn.schemas.bounds import cut
from autolearn.schemas.catalog import CLASSIFICATION
from autolearn.schemas.models.plan_verdict import PlanVerdict, Together
from autolearn.schemas.values import JsonValue

Array = np.ndarray[Any, Any]
_TYPES: dict[str, Any] = {
    "boolean": pa.string(),
    "integer": pa.float64(),
    "number": pa.float64(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_JSON_TYPES = {"integer": "number", "timestamp": "string"}
_DRAWN = 200
"""Rows that are drawn to compare a plan with its pipeline at loading."""
_ALIKE = 4
"""Rows that are drawn to see whether answers depend on who else asks."""


class _Examples(Struct, frozen=True):
    """`example.json`: rows as the pipeline has them."""

    columns: list[str]
    rows: list[list[JsonValue]]


class Answered(NamedTuple):
    """The answers to so many rows: columns as `predicted_columns` names them, each of `size`.

    `warnings` are in the order of the rows; `unused` are the columns that were not used.
    """

    columns: dict[str, Array]
    size: int
    warnings: list[RowWarning]
    unused: list[str]

    @property
    def rows(self) -> list[dict[str, JsonValue]]:
        """The answers row by row, with the probabilities of each by label."""
        lists = {name: values.tolist() for name, values in self.columns.items()}
        shares = {
            name.removeprefix(PROBABILITY): lists.pop(name)
            for name in [*lists]
            if name.startswith(PROBABILITY)
        }
        rows: list[dict[str, JsonValue]] = [
            {name: values[at] for name, values in lists.items()} for at in range(self.size)
        ]
        if shares:
            for at, row in enumerate(rows):
                row["probabilities"] = {label: values[at] for label, values in shares.items()}
        return rows


class OnlineModel:
    """A model that answers. It is not changed by answering, and may be asked by several threads."""

    def __init__(self, stored: StoredArtifact) -> None:
        self.stored = stored
        self.columns = {column.name: column for column in stored.schema.columns}
        self.secret = secret_columns(stored, ())
        self.rules = rules_of(stored.schema)
        self.checker = RowChecker(self.rules)
        self.plan: Plan | None = None
        self.unplanned = ""
        """Why there is no plan."""
        self.compared: list[PlanComparison] = []
        """How the plan compares for drawn rows, and for the held-out rows if that is known."""
        self.together: Together = ""
        """What is computed for several requests at once, as that gives the same bits as alone."""
        self.shares: list[str] | None = None
        """The columns of probabilities of a classification, if a plan gives them."""
        self.outputs: dict[str, str] = {}
        """The columns of an answer, each with the kind of its values (`numpy.dtype.kind`)."""
        self.examples: list[Record] = []
        """Rows as a client sends them, with values of the training."""

    @classmethod
    def open(cls, store: Artifacts, digest: str, scratch: Path) -> OnlineModel:
        """Load a model, and warm it with its example rows.

        Raises:
            InputError: it assigns no rows but its own, as some clusterings do.
            ArtifactError, ModelRefused: it cannot be loaded.
        """
        one_thread()
        stored = open_model(store, digest, scratch)
        if LABELS in methods_of(stored.pipeline):
            raise InputError(
                f"{stored.training.estimator} assigns no rows but those that it was fitted on",
                advice="Choose another clusterer, such as k-means.",
            )
        found = cls(stored)
        folder = store.fetch_folder(digest, scratch)
        found.warm(folder)
        found.plan_for(folder)
        found.together = found._how_together(folder)
        return found

    def warm(self, folder: Path) -> None:
        """Answer the example rows once, so that the first request does not pay for it."""
        shown = msgspec.json.decode((folder / "example.json").read_bytes(), type=_Examples)
        kinds = [self.columns[name].type for name in shown.columns]
        rows = [list(map(_as_sent, row, kinds)) for row in shown.rows]
        if not rows:
            return
        records = [dict(zip(shown.columns, row, strict=True)) for row in rows]
        said = self.answer(records)
        self.outputs = {name: values.dtype.kind for name, values in said.columns.items()}
        self.examples = self._mixed(records)

    def _mixed(self, records: Sequence[Record]) -> list[Record]:
        """Return rows of these values, in which neighbouring columns are of neighbouring rows.

        Whoever may ask the model may not read its data. Sensitive columns have no values.
        """
        return [
            {
                name: None if name in self.secret else records[(at + by) % len(records)].get(name)
                for by, name in enumerate(self.columns)
            }
            for at in range(len(records))
        ]

    def plan_for(self, folder: Path) -> None:
        """Compile the pipeline to a plan, if that gives the same bits.

        It did for the held-out rows, as the artifact's folder says; and does for the examples, and
        for rows drawn from the profile there.
        """
        if self.stored.training.imported:
            self.unplanned = "it was imported"
            return
        if any(column.type == "timestamp" for column in self.columns.values()):
            self.unplanned = "a column of times"
            return
        try:
            plan = compiled(self.stored.pipeline)
        except NoPlan as error:
            self.unplanned = str(error)
            return
        rows = rows_to_check(self.stored, folder, _DRAWN)
        found = [compared(plan, self.stored.pipeline, rows)]
        if (held_out := comparison_in(folder)) is not None:
            found.append(held_out)
        if not all(one.features for one in found):
            self.unplanned = "it would give other numbers"
            return
        if not all(one.answers for one in found):
            plan.answers = None  # the estimator answers, from the plan's features
        self.plan, self.compared = plan, found
        if plan.answers is not None and self.stored.training.task == CLASSIFICATION:
            named = [one for one in self.outputs if one.startswith(PROBABILITY)]
            self.shares = named or None

    def features(self, records: Sequence[Record]) -> pd.DataFrame:
        """Return rows as the pipeline has them.

        Raises:
            RowsRefused: they do not fit.
        """
        columns = {name: [one.get(name, ABSENT) for one in records] for name in self.columns}
        values, _ = self.checker.check(columns, len(records))
        categories = Categories(self._table_of(values, len(records)), self.secret)
        return features_of_model(self.stored, categories, needed=False)

    def verdict(self) -> PlanVerdict:
        """Return how the plan compares with scikit-learn, or why there is none."""
        if self.plan is None:
            return PlanVerdict("none", self.unplanned, together=self.together)
        found, whole = self.compared, self.plan.answers is not None
        return PlanVerdict(
            "whole" if whole else "features",
            "" if whole else "the estimator itself answers, for the features of the plan",
            rows=found[0].rows,
            labels_equal=all(one.labels for one in found),
            largest_difference=max(one.largest for one in found),
            held_out=sum(one.rows for one in found[1:]),
            unseen=sum(one.unseen for one in found),
            together=self.together,
        )

    def schema(self) -> dict[str, JsonValue]:
        """Return the form of a row as a JSON Schema (2020-12). Sensitive columns show no values."""
        properties: dict[str, JsonValue] = {}
        for column in self.columns.values():
            kind = _JSON_TYPES.get(column.type, column.type)
            said: dict[str, JsonValue] = {"type": [kind, "null"]}
            if column.type == "timestamp":
                said["format"] = "date-time"
            if not column.sensitive and column.minimum is not None:
                said["description"] = f"{column.minimum:g} to {column.maximum:g} in the training"
            if not column.sensitive and column.categories:
                said["examples"] = list(column.categories)
            properties[column.name] = said
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": properties,
            "required": [*self.columns],
        }

    def answer(self, records: Sequence[Record]) -> Answered:
        """Answer rows.

        Raises:
            RowsRefused: they do not fit.
        """
        columns = {name: [one.get(name, ABSENT) for one in records] for name in self.columns}
        names = {name for record in records for name in record}
        return self.answer_columns(columns, len(records), names)

    def answer_columns(
        self, columns: Mapping[str, Sequence[Any]], rows: int, names: Iterable[str]
    ) -> Answered:
        """Answer rows that are given by column; a value that is not there is ABSENT.

        `names` are all columns that were sent.

        Raises:
            RowsRefused: they do not fit.
        """
        given = self._prepared(columns, rows, names)
        return given.answered(self._said(given))

    def answer_together(
        self, requests: Sequence[tuple[Mapping[str, Sequence[Any]], int]]
    ) -> list[Answered | RowsRefused]:
        """Answer several requests, of columns and a number of rows, by one call of the estimator.

        Each is answered as if it were alone, and refused for its own rows only.
        """
        found: dict[int, Answered | RowsRefused] = {}
        prepared: dict[int, _Prepared] = {}
        for at, (columns, rows) in enumerate(requests):
            try:
                one = self._prepared(columns, rows, columns)
                if one.ready is None and self.plan is not None:  # a category was not seen
                    found[at] = one.answered(self._said(one))
                else:
                    prepared[at] = one
            except RowsRefused as error:
                found[at] = error
        if prepared:
            answers = self._said_together([*prepared.values()])
            for (at, one), said in zip(prepared.items(), answers, strict=True):
                found[at] = one.answered(said)
        return [found[at] for at in range(len(requests))]

    def _prepared(
        self, columns: Mapping[str, Sequence[Any]], rows: int, names: Iterable[str]
    ) -> _Prepared:
        """Return rows as the estimator or the pipeline gets them. Raises RowsRefused."""
        values, warnings = self.checker.check(columns, rows)
        unused = sorted({*names} - {*self.columns, self.stored.training.target})
        ready = None if self.plan is None else self.plan.features(values)
        features: Any = None
        if ready is None:
            categories = Categories(self._table_of(values, rows), self.secret)
            features = features_of_model(self.stored, categories, needed=False)
            warnings += self.checker.unseen(categories, columns)
        return _Prepared(rows, ready, features, warnings, unused)

    def _said(self, given: _Prepared) -> dict[str, Array]:
        """Return the columns of the answers. Raises RowsRefused."""
        ready = given.ready
        if ready is not None and self.plan is not None and self.plan.answers is not None:
            return self._planned(ready, self.plan.answers(ready))
        with heard():
            if self.stored.training.imported:
                return self._said_elsewhere(given.features)
            return predicted_columns(self.stored, given.features, ready)

    def _said_together(self, some: Sequence[_Prepared]) -> list[dict[str, Array]]:
        """Return the columns of the answers to several requests."""
        ends = np.cumsum([0, *(one.rows for one in some)]).tolist()
        places = [*pairwise(ends)]
        with heard():
            if some[0].ready is not None:
                ready = np.concatenate([one.ready for one in some])
            else:
                joined = pd.concat([one.features for one in some])
                ready = self.stored.pipeline[:-1].transform(joined)
            if self.together == "answers":
                said = predicted_columns(self.stored, None, ready)
                return [{name: of[at:end] for name, of in said.items()} for at, end in places]
            parts = [_part(ready, at, end) for at, end in places]
            return [predicted_columns(self.stored, None, part) for part in parts]

    def _how_together(self, folder: Path) -> Together:
        """Find what may be computed for several requests at once with the same bits as alone."""
        whole = self.plan is not None and self.plan.answers is not None
        if self.stored.training.imported or whole:
            return ""
        rows = rows_to_check(self.stored, folder, _ALIKE)
        steps, estimator = self.stored.pipeline[:-1], self.stored.pipeline[-1]
        groups = [(at, at + many) for many in (1, 2, 3) for at in range(0, len(rows) - many, many)]
        ready = steps.transform(rows)
        if self.plan is None:
            for at, end in groups:
                one, part = steps.transform(rows.iloc[at:end]), _part(ready, at, end)
                if not is_same(part, one) or part.strides != one.strides:
                    return ""
        else:
            ready = np.ascontiguousarray(ready)
        if is_rowwise(estimator):
            said = predicted_columns(self.stored, None, ready)
            alone = [predicted_columns(self.stored, None, _part(ready, *one)) for one in groups]
            if all(
                is_same(of, said[name][at:end])
                for (at, end), columns in zip(groups, alone, strict=True)
                for name, of in columns.items()
            ):
                return "answers"
        return "features" if self.plan is None else ""

    def _planned(self, ready: Array, known: Mapping[str, Array]) -> dict[str, Array]:
        """Return a plan's results as columns; what the pipeline can do is asked only once."""
        if self.shares is None or "predict_proba" not in known:
            return predicted_columns(self.stored, None, ready, known)
        shares = dict(zip(self.shares, known["predict_proba"].T, strict=True))
        return {"prediction": known["predict"].astype(str), **shares}

    def _said_elsewhere(self, features: pd.DataFrame) -> dict[str, Array]:
        """Return the answers of an imported model, which may fail on gaps and unknown categories.

        Raises:
            RowsRefused: it fails; one row is named on which it does.
        """
        try:
            return predicted_columns(self.stored, features)
        except Exception as error:  # noqa: BLE001 - the model was made elsewhere
            found: Exception = error
        low, high = 0, len(features)
        while high - low > 1:
            middle = (low + high) // 2
            try:
                predicted_columns(self.stored, features.iloc[low:middle])
                low = middle
            except Exception as error:  # noqa: BLE001 - as above
                found, high = error, middle
        words = "" if self.secret else f": {cut(str(found), 300)}"
        detail = f"the model fails on it ({type(found).__name__}{words})"
        raise RowsRefused([RowFault(low, "", detail)], 1)

    def _table_of(self, values: Mapping[str, Sequence[Any]], rows: int) -> DatasetTable:
        """Return checked values as a table."""
        types = {name: column.type for name, column in self.columns.items()}
        arrays: dict[str, Any] = {
            name: pa.chunked_array([pa.array(of, _TYPES[types[name]])])
            for name, of in values.items()
        }
        return DatasetTable(types, arrays, rows)


class _Prepared(NamedTuple):
    """Checked rows: the input of the estimator if a plan made it, else the pipeline's features."""

    rows: int
    ready: Array | None
    features: Any
    warnings: list[RowWarning]
    unused: list[str]

    def answered(self, columns: dict[str, Array]) -> Answered:
        """Return the answers with the warnings in the order of the rows."""
        self.warnings.sort(key=lambda one: one.row)
        return Answered(columns, self.rows, self.warnings, self.unused)


def _part(ready: Array, at: int, end: int) -> Array:
    """Return some rows in the order of memory that they would have alone."""
    return np.array(ready[at:end], order="F" if ready.flags.f_contiguous else "C")


def _as_sent(value: JsonValue, kind: str) -> JsonValue:
    """Return a value of a pipeline's row as a client sends it."""
    if value is None or kind not in ("boolean", "timestamp"):
        return value
    return value == "true" if kind == "boolean" else datetime.fromtimestamp(value, UTC).isoformat()
