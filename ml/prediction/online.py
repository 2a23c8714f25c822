"""A trained model in memory that answers rows at once, each checked at the door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Struct

from autolearn.artifacts.datasets.table import DatasetTable
from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.captured_warnings import heard
from autolearn.ml.environment import one_thread
from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import LABELS, methods_of
from autolearn.ml.evaluation.categories import Categories
from autolearn.ml.evaluation.rows import features_of_model, secret_columns
from autolearn.ml.evaluation.stored_artifact import StoredArtifact, open_model
from autolearn.ml.prediction.plan import NoPlan, Plan, PlanComparison, compared, compiled
from autolearn.ml.prediction.predict import PROBABILITY, predicted_columns
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
from autolearn.schemas.models.plan_verdict import PlanVerdict
from autolearn.schemas.values import JsonValue

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]
_TYPES: dict[str, Any] = {
    "boolean": pa.string(),
    "integer": pa.float64(),
    "number": pa.float64(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_JSON_TYPES = {"integer": "number", "timestamp": "string"}


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
        self.compared: PlanComparison | None = None
        self.outputs: dict[str, str] = {}
        """The columns of an answer, each with the kind of its values (`numpy.dtype.kind`)."""

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
        found.warm(store.fetch_folder(digest, scratch))
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
        self.plan_for(records)

    def plan_for(self, records: Sequence[Record]) -> None:
        """Compile the pipeline to a plan, if that gives the same bits for these rows."""
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
        said = compared(plan, self.stored.pipeline, self.features(records))
        if not said.features:
            self.unplanned = "it would give other numbers"
            return
        if not said.answers:
            plan.answers = None  # the estimator answers, from the plan's features
        self.plan, self.compared = plan, said

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
        if self.plan is None or self.compared is None:
            return PlanVerdict("none", self.unplanned)
        said, whole = self.compared, self.plan.answers is not None
        return PlanVerdict(
            "whole" if whole else "features",
            "" if whole else "the estimator itself answers, for the features of the plan",
            rows=said.rows,
            identical=said.features and (said.answers or not whole),
            labels_equal=said.labels,
            largest_difference=said.largest,
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
        values, warnings = self.checker.check(columns, rows)
        return self._answered(values, columns, rows, names, warnings)

    def _answered(
        self,
        values: Mapping[str, Sequence[Any]],
        columns: Mapping[str, Sequence[Any]],
        rows: int,
        names: Iterable[str],
        warnings: list[RowWarning],
    ) -> Answered:
        """Return the answers to checked values."""
        target = self.stored.training.target
        unused = sorted({*names} - {*self.columns, target})
        ready = None if self.plan is None else self.plan.features(values)
        if ready is not None and self.plan is not None and self.plan.answers is not None:
            said = predicted_columns(self.stored, None, ready, self.plan.answers(ready))
            return _in_order(said, rows, warnings, unused)
        features: Any = None
        if ready is None:
            categories = Categories(self._table_of(values, rows), self.secret)
            features = features_of_model(self.stored, categories, needed=False)
            warnings += self.checker.unseen(categories, columns)
        with heard():
            if self.stored.training.imported:
                said = self._said_elsewhere(features)
            else:
                said = predicted_columns(self.stored, features, ready)
        return _in_order(said, rows, warnings, unused)

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


def _in_order(
    columns: dict[str, Array], size: int, warnings: list[RowWarning], unused: list[str]
) -> Answered:
    warnings.sort(key=lambda one: one.row)
    return Answered(columns, size, warnings, unused)


def _as_sent(value: JsonValue, kind: str) -> JsonValue:
    """Return a value of a pipeline's row as a client sends it."""
    if value is None or kind not in ("boolean", "timestamp"):
        return value
    return value == "true" if kind == "boolean" else datetime.fromtimestamp(value, UTC).isoformat()
