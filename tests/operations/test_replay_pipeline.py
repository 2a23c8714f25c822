"""Doing a pipeline's run again: what is said when a step gives the same, and when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from msgspec.structs import replace

from autolearn.agents.executors.executor import Completed, Failed
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.errors import InputError, WorkFailed
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.run_step import run_step
from autolearn.ml.steps import tables
from autolearn.ml.tasks import KINDS
from autolearn.ml.training.train import train
from autolearn.operations.replay_pipeline.replay import PipelineReplayer
from autolearn.operations.replay_pipeline.tables import differing_columns
from autolearn.operations.retrain.retrain import Retraining
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.reports.pipeline_replay import (
    RecordedPipelineRun,
    RecordedProcess,
    RecordedStep,
    ReplayedStep,
)
from autolearn.schemas.reports.retrain import RecordedEvaluation, RecordedTraining
from autolearn.schemas.training.choice import best_of, metric_of
from tests.support.run_samples import evaluation, nothing, put, step, table_of, training


class Here:
    """An executor that does the real work in this process: no test of it needs another one."""

    def __init__(self, store: ArtifactStore) -> None:
        self.store = store

    def start(self, kind: str, request: Any, *_: Any, **__: Any) -> Any:
        async def outcome() -> Completed | Failed:
            try:
                return Completed(KINDS[kind](msgspec.json.encode(request), self.store, nothing))
            except (InputError, WorkFailed) as error:
                return Failed("input", str(error))

        return SimpleNamespace(outcome=outcome)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


@pytest.fixture
def run(store: ArtifactStore, tmp_path: Path) -> RecordedPipelineRun:
    """A run of a source, a step of its table, two trainings with an evaluation, and a promotion."""
    ref = put(store, table_of(40))
    data = store.fetch_blob(ref.version, tmp_path)
    asked = step(
        "features", {"add": {"d": "a - b"}}, DatasetSpec("data", ref.version, "csv", 0, 40, (), "")
    )
    made = run_step(asked, store, nothing)
    folder = store.fetch_folder(made.artifact.digest, tmp_path)
    trained = training(store, "decision-tree", dataset=ref, target="y")
    result = train(trained, store, nothing)
    measured = evaluation(result.artifact.digest, ("f1",), ref)
    found = evaluate(measured, store, nothing)
    record = RecordedTraining(
        trained,
        result.artifact,
        result.environment,
        (RecordedEvaluation(measured, found.results, found.environment),),
        data={ref.version: str(data)},
    )
    process = RecordedProcess(asked, made.artifact.files, made.environment)
    why = ReplayedStep(
        step="promote", kind="promote", verdict="not repeated", detail="it registers"
    )
    steps = (
        RecordedStep(step="source", kind="source", data=ref.version),
        RecordedStep(step="features", kind="features", process=process, made_by="r0"),
        RecordedStep(step="train", kind="train", trainings=(record,)),
        RecordedStep(step="evaluate", kind="evaluate", evaluations=(measured.run,)),
        RecordedStep(step="promote", kind="promote", end=why),
    )
    table = made.artifact.files["table.parquet"]
    there = {ref.version: str(data), table: str(folder / "table.parquet")}
    return RecordedPipelineRun("r1", "flowers", steps, there, {}, {})


def replayed(run: RecordedPipelineRun, folder: Path) -> Iterator[ReplayedStep]:
    scratch = ArtifactStore((folder / "scratch").as_uri())
    by: Any = Retraining(Here(scratch), ArtifactStore((folder / "store").as_uri()), scratch)  # type: ignore[arg-type]
    return iter(asyncio.run(PipelineReplayer(run, by, lambda *_: None).check()))


def with_step(run: RecordedPipelineRun, at: int, **changed: Any) -> RecordedPipelineRun:
    steps = [*run.steps]
    steps[at] = replace(steps[at], **changed)
    return replace(run, steps=tuple(steps))


def test_the_same_requests_give_identical_steps(run: RecordedPipelineRun, tmp_path: Path) -> None:
    found = list(replayed(run, tmp_path))
    assert [one.verdict for one in found] == ["identical"] * 4 + ["not repeated"]
    assert [one.made_by for one in found] == ["", "r0", "", "", ""]


def test_a_step_that_gives_something_else_names_file_column_and_code(
    run: RecordedPipelineRun, tmp_path: Path
) -> None:
    """The record is that of other code, and of another environment."""
    process = run.steps[1].process
    assert process is not None
    libraries = {**process.environment["libraries"], "numpy": "1.0"}
    other = RecordedProcess(
        replace(process.request, digest="0" * 64, parameters={"add": {"d": "a - b * 2"}}),
        process.files,
        {**process.environment, "libraries": libraries},
    )
    _, features, *_ = replayed(with_step(run, 1, process=other), tmp_path)
    assert (features.verdict, features.files) == ("differs", ("table.parquet",))
    assert features.columns == {"d": 40}
    assert [one.what for one in features.environment] == [
        "code of autolearn (SHA-256)",
        "libraries.numpy",
    ]


def test_what_cannot_be_done_again_says_why(run: RecordedPipelineRun, tmp_path: Path) -> None:
    source, process = run.steps[0].data, run.steps[1].process
    assert process is not None
    wrong = replace(process, request=replace(process.request, parameters={"log": ["c"]}))
    gone = replace(run, data={}, missing={source: "the dataset flowers is not there"})
    first, features, *_ = replayed(gone, tmp_path)
    assert (first.verdict, features.verdict) == ("not repeated", "not repeated")
    assert features.detail == "the dataset flowers is not there"
    _, failed, *_ = replayed(with_step(run, 1, process=wrong), tmp_path)
    assert failed.verdict == "failed"
    assert failed.detail == "input: the column c holds no numbers"


def test_a_step_of_several_processes_is_repeated_with_the_tables_on_the_way(
    run: RecordedPipelineRun, store: ArtifactStore, tmp_path: Path
) -> None:
    process = run.steps[1].process
    assert process is not None
    table = run_step(process.request, store, nothing).table
    assert table is not None
    folder = store.fetch_folder(run_step(process.request, store, nothing).artifact.digest, tmp_path)
    assert store.put_blob(folder / "table.parquet").digest == table.version
    then = step("features", {"add": {"e": "d * 2"}}, table)
    made = run_step(then, store, nothing)
    both = RecordedProcess(then, made.artifact.files, made.environment, (process.request,))
    found = [*replayed(with_step(run, 1, process=both), tmp_path)][1]
    assert (found.verdict, found.detail) == ("identical", "")
    other = replace(process.request, parameters={"add": {"d": "a + b"}})
    _, found, *_ = replayed(with_step(run, 1, process=replace(both, before=(other,))), tmp_path)
    assert (found.verdict, found.detail) == (
        "differs",
        "a table that it makes on the way is another one",
    )


def test_a_training_that_differs_is_named(run: RecordedPipelineRun, tmp_path: Path) -> None:
    (record,) = run.steps[2].trainings
    (measured,) = record.evaluations
    other = replace(
        record,
        request=replace(record.request, hyperparameters={"max_depth": 1}),
        evaluations=(replace(measured, results={"f1": 2.0}),),
    )
    _, _, trained, evaluated, _ = replayed(with_step(run, 2, trainings=(other,)), tmp_path)
    assert trained.verdict == "differs"
    assert "training.json" in trained.files
    assert evaluated.verdict == "differs"
    assert "and was 2.0" in evaluated.detail


def test_tables_are_compared_by_column(tmp_path: Path) -> None:
    then, now = tmp_path / "then", tmp_path / "now"
    nan = float("nan")
    tables.write(pa.table({"a": [1.0, nan, None], "b": ["x", "y", None], "c": [1, 2, 3]}), then)
    tables.write(pa.table({"a": [1.0, nan, 2.0], "b": ["x", "z", "z"], "d": [1, 2, 3]}), now)
    columns, said = differing_columns(then, now)
    assert columns == {"a": 1, "b": 2}
    assert said == "the column c is not there; the column d was not there"
    tables.write(pa.table({"a": [1, 2]}), now)
    assert differing_columns(then, now)[1].startswith("it has 2 rows, and had 3; ")


def test_the_best_is_the_first_of_equal_ones() -> None:
    scores = {"t1": {"rmse": 2.0}, "t2": {"rmse": 1.0}, "t3": {"rmse": 1.0}, "t4": {}}
    assert metric_of("", scores) == "rmse"
    runs: Any = [*scores]
    assert best_of(scores, runs, "rmse", greater_is_better=False) == "t2"
    assert best_of(scores, runs, "rmse", greater_is_better=True) == "t1"
    assert best_of(scores, runs, "f1", greater_is_better=True) == ""
