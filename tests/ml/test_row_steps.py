"""The row-wise steps of a pipeline as part of a model: the same bits in training and in serving."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from autolearn.artifacts.datasets.table import DatasetTable, read_table
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.errors import InputError
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.evaluation.stored_artifact import open_folder
from autolearn.ml.export.python_folder import write_python
from autolearn.ml.plugins import find_estimator
from autolearn.ml.prediction.online import OnlineModel
from autolearn.ml.row_steps import RowSteps, types_of
from autolearn.ml.run_step import run_step
from autolearn.ml.training.train import train
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.training.row_steps import RowStep
from autolearn.schemas.values import DatasetRef, Split
from tests.support.run_samples import evaluation, nothing, step, training

ROWS = 60
CLEAN: dict[str, Any] = {"trim": True, "case": {"plan": "lower", "churned": "upper"}}
FEATURES: dict[str, Any] = {
    "add": {
        "load": "calls / months",
        "big": "calls > 50",
        "code": "substring(plan, 0, 2)",
        "age": "seconds(seen) - seconds(joined)",
        "again": "load * 2",
    },
    "dates": {"joined": ["month", "weekday"]},
    "log": ["calls"],
    "drop": ["joined", "seen", "id"],
}
FEATURES["add"] = dict(sorted(FEATURES["add"].items()))  # as the log does it
KINDS = {"clean": CLEAN, "features": FEATURES}


def raw() -> pa.Table:
    """Rows of all types, with gaps in each column but the target and the number of months."""
    random = np.random.default_rng(5)
    utc = dt.UTC
    start = dt.datetime(2024, 1, 31, 23, 59, 59, 999_999)  # noqa: DTZ001 - one without a zone
    months = random.integers(1, 40, ROWS)
    calls = random.normal(40, 30, ROWS)
    gap = [number % 7 == 3 for number in range(ROWS)]
    return pa.table(
        {
            "id": pa.array(range(ROWS)),
            "plan": pa.array(
                [
                    None if gone else [" Pro", "basic ", "TEAM"][at % 3]
                    for at, gone in enumerate(gap)
                ]
            ),
            "months": pa.array(months),
            "calls": pa.array(
                [None if gone else one for one, gone in zip(calls, gap, strict=True)]
            ),
            "seats": pa.array([None if at % 5 == 0 else at for at in range(ROWS)], pa.int64()),
            "joined": pa.array(
                [
                    None if gone else start + at * dt.timedelta(hours=17.3)
                    for at, gone in enumerate(gap)
                ],
                pa.timestamp("us"),
            ),
            "seen": pa.array(
                [dt.datetime(2025, 3, 1, 1, 2, 3, at, tzinfo=utc) for at in range(ROWS)],
                pa.timestamp("us", "Europe/Rome"),
            ),
            "paid": pa.array([None if at % 4 == 0 else at % 3 == 0 for at in range(ROWS)]),
            "churned": pa.array(
                [
                    "yes" if many / had > 2 else " Yes" if had < 9 else "no"
                    for many, had in zip(calls, months, strict=True)
                ]
            ),
        }
    )


def row_step(function: str, **changed: Any) -> RowStep:
    fields: dict[str, Any] = {
        "package": "autolearn", "package_version": "", "digest": "", "parameters": KINDS[function],
    }  # fmt: skip
    return RowStep(function=function, **(fields | changed))


class Given:
    """A store with the raw rows, and the table that the steps of a pipeline make of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = ArtifactStore((folder / "store").as_uri())
        self.ref, self.read = self.put(raw())
        self.table = read_table(self.store.fetch_blob(self.ref.version, folder), self.read)
        spec = self.spec(self.ref, self.read)
        for name, parameters in KINDS.items():
            made = run_step(step(name, parameters, spec), self.store, nothing)
            assert made.table is not None
            there = self.store.fetch_folder(made.artifact.digest, folder)
            self.made = there / "table.parquet"
            ref = DatasetRef("made", self.store.put_blob(self.made).digest)
            spec = DatasetSpec(
                "made", ref.version, "parquet", 0, ROWS, (), "", read=made.table.read
            )
        self.features = spec
        self.steps = RowSteps(
            msgspec.json.encode([row_step(name) for name in KINDS]).decode(),
            msgspec.json.encode(self.table.types).decode(),
        )

    def put(self, table: pa.Table) -> tuple[DatasetRef, ReadOptions]:
        file = self.folder / "rows.parquet"
        pa.parquet.write_table(table, file)
        letters = {"bool": "b", "int64": "i", "double": "n", "string": "s"}
        types = "".join(letters.get(str(kind), "t") for kind in table.schema.types)
        return DatasetRef("data", self.store.put_blob(file).digest), ReadOptions(
            "parquet", types=types
        )

    def spec(self, ref: DatasetRef, read: ReadOptions) -> DatasetSpec:
        return DatasetSpec("data", ref.version, "parquet", 0, ROWS, (), "", read=read)

    def trained(self, **more: Any) -> Any:
        fields: dict[str, Any] = {
            "dataset": self.ref, "read": self.read, "target": "churned", "schema_hash": "",
            "steps": tuple(row_step(name) for name in KINDS),
        }  # fmt: skip
        return train(training(self.store, **(fields | more)), self.store, nothing)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return Given(tmp_path_factory.mktemp("row-steps"))


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Compare two frames bit for bit; only the index may differ."""
    assert list(one.columns) == list(other.columns)
    for name in one.columns:
        left, right = one[name].to_numpy(), other[name].to_numpy()
        assert left.dtype == right.dtype, name
        if left.dtype == np.float64:
            assert left.tobytes() == right.tobytes(), name
        else:
            assert [*map(repr, left)] == [*map(repr, right)], name


def test_features_are_the_same_bits_in_training_and_in_serving(given: Given) -> None:
    """The table of the pipeline's steps, against the model's steps on the frame of raw columns."""
    file = pa.parquet.read_table(given.made)
    types = types_of(file)
    assert {*types.values()} == {"string", "integer", "number", "boolean"}
    made = DatasetTable(types, {name: file[name] for name in types}, ROWS).features(types)
    frame = given.table.features(given.table.types)
    same(given.steps.transform(frame), made)
    for at in range(ROWS):
        same(given.steps.transform(frame.iloc[[at]]), made.iloc[[at]])
    order = np.random.default_rng(1).permutation(ROWS)
    same(given.steps.transform(frame.iloc[order]), made.iloc[order])


def test_a_served_answer_is_that_of_the_features_table(given: Given) -> None:
    """A model that keeps its steps is that of the table after them; each row alone as well."""
    for estimator in ("logistic-regression", "random-forest"):
        kept = given.trained(estimator=estimator)
        ready = given.trained(
            estimator=estimator, dataset=given.features.ref, read=given.features.read, steps=()
        )
        model = OnlineModel.open(given.store, kept.artifact.digest, given.folder)
        stored = open_folder(given.store.fetch_folder(ready.artifact.digest, given.folder))
        file = read_table(given.made, given.features.read)
        ready_made = file.features({one.name: one.type for one in stored.schema.columns})
        records = [
            {
                name: value.isoformat() if isinstance(value, dt.datetime) else value
                for name, value in row.items()
            }
            for row in raw().to_pylist()
        ]
        columns = [name for name in model.answer(records[:1]).columns if name != "prediction"]
        for size in (ROWS, 1):  # BLAS rounds otherwise for one row than for many
            for at in range(0, ROWS, size):
                said = model.answer(records[at : at + size]).columns
                found = np.column_stack([said[name] for name in columns])
                wanted = stored.pipeline.predict_proba(ready_made.iloc[at : at + size])
                assert found.tobytes() == np.ascontiguousarray(wanted).tobytes()
        assert [one.column for one in model.rules.columns] == [
            "plan", "months", "calls", "seats", "joined", "seen", "paid",
        ]  # fmt: skip
        held_out = [
            evaluate(evaluation(one.artifact.digest, ("f1",), ref, read=read), given.store, nothing)
            for one, ref, read in (
                (kept, given.ref, given.read),
                (ready, given.features.ref, given.features.read),
            )
        ]
        assert held_out[0].results == held_out[1].results
        assert held_out[0].rows_sha256 == held_out[1].rows_sha256
        assert set(model.schema()["properties"]) == {one.column for one in model.rules.columns}


def test_another_dataset_with_raw_columns_is_evaluated_as_its_features_are(given: Given) -> None:
    """Other writings are not mapped to known ones before the steps, which mend them."""
    kept = given.trained()
    table = raw()
    plans = pa.array([None if one is None else one.upper() for one in table["plan"].to_pylist()])
    other, read = given.put(table.set_column(1, "plan", plans))
    asked = evaluation(kept.artifact.digest, ("f1",), other, read=read, held_out=False)
    found = evaluate(asked, given.store, nothing)
    same_rows = evaluation(
        kept.artifact.digest, ("f1",), given.ref, read=given.read, held_out=False
    )
    assert found.results == evaluate(same_rows, given.store, nothing).results
    assert (found.rows, found.unseen["plan"]) == (ROWS, 34)


def test_rows_are_split_and_weighed_by_columns_that_steps_make(given: Given) -> None:
    add = {"add": {"load": "calls / months", "part": "months % 5", "w": "months / 2"}}
    made = given.trained(
        steps=(row_step("clean"), row_step("features", parameters=add)),
        features=("load", "plan"),
        weight="w",
        split=Split(by="group", column="part"),
    )
    asked = evaluation(made.artifact.digest, ("f1",), given.ref, read=given.read)
    assert evaluate(asked, given.store, nothing).rows == made.rows_test


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (
            [row_step("features", parameters={"add": {"hint": "length(churned)"}})],
            "hint is made of the target churned",
        ),
        (
            [row_step("features", parameters={"add": {"w": "months", "months": "months + 1"}})],
            "months is changed by a step, and features are made of it as it was before",
        ),
        (
            [row_step("clean", package="shop-steps", package_version="1.2", digest="0" * 64)],
            "was of shop-steps 1.2, and other code is installed here",
        ),
    ],
)
def test_what_a_model_cannot_keep(given: Given, steps: list[RowStep], words: str) -> None:
    with pytest.raises(InputError, match=words):
        given.trained(steps=tuple(steps), weight="months")


def test_values_of_sensitive_raw_columns_are_nowhere_in_the_artifact(given: Given) -> None:
    """Neither are those of features that are made of them, which the request names as well."""
    secret = ("plan", "code", "calls", "load", "calls_log", "big")
    made = given.trained(sensitive=secret)
    folder = given.store.fetch_folder(made.artifact.digest, given.folder)
    said = "".join(one.read_text() for one in folder.glob("*.json")) + repr(made.parameters)
    assert not [word for word in ("basic", "Pro", "TEAM", "'ba'", "_ba") if word in said]
    model = OnlineModel.open(given.store, made.artifact.digest, given.folder)
    assert "Pro" not in repr(model.schema())


def test_whole_numbers_that_a_frame_does_not_hold_exactly_are_refused() -> None:
    steps = RowSteps("[]", '{"a": "integer"}')
    below = pd.DataFrame({"a": [2.0**53 - 1, float("nan"), -1.0]})
    assert steps.transform(below)["a"].tolist()[0] == 2**53 - 1
    with pytest.raises(InputError, match="the column a has whole numbers of 2"):
        steps.transform(pd.DataFrame({"a": [1.0, -(2.0**53)]}))


def test_a_model_with_steps_is_not_exported(given: Given) -> None:
    made = given.trained()
    folder = given.store.fetch_folder(made.artifact.digest, given.folder)
    allowed = find_estimator("decision-tree").allowed_types()
    with pytest.raises(InputError, match="makes its features by steps of a pipeline") as refused:
        write_python(folder, given.folder / "it.zip", allowed, "it was trained")
    assert "keep: dataset:NAME" in refused.value.advice
