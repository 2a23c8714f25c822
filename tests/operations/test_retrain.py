"""Training again what is recorded: what is said when it is the same, and when it is not."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from autolearn.agents.executors.local.executor import LocalExecutor
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.evaluation.compare_models import difference
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.plugins import load_estimators
from autolearn.ml.training.train import train
from autolearn.operations.retrain.__main__ import check
from autolearn.operations.retrain.retrain import environment_differences, verdict_of
from autolearn.schemas.datasets.read_options import ColumnFormat, ReadOptions
from autolearn.schemas.reports.retrain import (
    Compared,
    Data,
    Difference,
    RecordedEvaluation,
    RecordedTraining,
    Repeated,
    RetrainCheck,
    Retrained,
)
from autolearn.schemas.values import DatasetRef
from tests.support.run_samples import PENGUINS, evaluation, nothing, put, table_of, training

METRICS = {
    "classification": ("f1", "accuracy"),
    "regression": ("rmse",),
    "clustering": ("silhouette",),
    "anomaly-detection": ("anomaly-rate",),
}


ESTIMATORS = load_estimators().found
FAMILIES = {ESTIMATORS[name].factory.__module__: name for name in sorted(ESTIMATORS, reverse=True)}
"""An estimator of each module of the libraries: the others of a module are made of the same."""
SMALL: dict[str, Any] = {
    **{name: {"max_iter": 10} for name in ESTIMATORS if name.startswith("hist-")},
    **{
        name: {"n_estimators": 10}
        for name in ESTIMATORS
        if name.startswith(("random-", "extra-", "gradient-", "isolation-", "lightgbm"))
    },
    "dbscan": {"eps": 1.5},
}


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


def recorded(store: ArtifactStore, model: str, **more: object) -> RecordedTraining:
    """Train and evaluate, and return what the log would say of it."""
    request = training(store, model, **more)
    result = train(request, store, nothing)
    asked = evaluation(result.artifact.digest, METRICS[request.task], request.dataset)
    found = evaluate(asked, store, nothing)
    measured = RecordedEvaluation(asked, found.results, found.environment)
    return RecordedTraining(request, result.artifact, result.environment, (measured,))


class Lasting(LocalExecutor):
    """An executor that one check after the other uses: to load the libraries takes seconds."""

    def __call__(self, store: str) -> Lasting:
        self._url = store
        return self

    async def close(self) -> None:
        assert not self._runs, "a check has left something running"

    async def end(self) -> None:
        await super().close()


@pytest.fixture(scope="module")
def checked() -> Iterator[Callable[[Sequence[RecordedTraining], str], RetrainCheck]]:
    with asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patch:
        executor = Lasting("memory://")
        patch.setattr("autolearn.operations.retrain.__main__.LocalExecutor", executor)
        yield lambda trainings, store: runner.run(check(trainings, store))
        runner.run(executor.end())


@pytest.fixture
def again(store: ArtifactStore, checked: Any) -> Callable[..., list[Retrained]]:
    return lambda *trainings: list(checked(trainings, store.url).trainings)


def content(store: ArtifactStore) -> dict[str, tuple[int, bytes]]:
    """All files of a store: when each was written last, and its bytes."""
    root = Path(store.url.removeprefix("file://"))
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in root.rglob("*")
        if path.is_file()
    }


def elsewhere(store: ArtifactStore, was: RecordedTraining, folder: Path) -> RecordedTraining:
    """Put a training's artifact as another environment would have made it; return its record."""
    shutil.copytree(store.fetch_folder(was.artifact.digest, folder), folder)
    libraries = {**was.environment["libraries"], "numpy": "1.0.0"}
    environment = {**was.environment, "libraries": libraries}
    (folder / "environment.json").write_bytes(msgspec.json.encode(environment))
    return replace(was, artifact=store.put_folder(folder), environment=environment)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(sorted(FAMILIES.values()), id="one of each family"),
        pytest.param(
            sorted(ESTIMATORS.keys() - FAMILIES.values()), id="the others", marks=pytest.mark.long
        ),
    ],
)
def test_the_same_request_gives_an_identical_artifact_and_leaves_the_store_alone(
    store, checked, names
):
    trainings = [recorded(store, name, hyperparameters=SMALL.get(name, {})) for name in names]
    two = put(store, table_of(120))
    both = {"calibrate": "isotonic", "threshold": "f1:k1"}
    trainings.append(recorded(store, "linear-svm", dataset=two, target="y", **both))
    before = content(store)
    found = checked(trainings, store.url)
    assert found.same
    for was, one in zip(trainings, found.trainings, strict=True):
        assert (one.verdict, one.files, one.environment) == ("identical-artifact", (), ())
        assert one.present == one.recorded == was.artifact.digest
        assert [e.equal for e in one.evaluations] == [True]
        assert one.detail == ""
    assert content(store) == before


@pytest.mark.parametrize(
    ("model", "methods"),
    [
        ("logistic-regression", {"predict", "predict_proba", "decision_function"}),
        ("svm", {"predict", "decision_function"}),
        ("k-means", {"predict", "transform"}),
    ],
)
def test_an_artifact_of_another_environment_has_the_same_predictions(
    store, tmp_path, model, methods, again
):
    missing = {str(place): ColumnFormat(missing=("NA",)) for place in range(2, 7)}
    read = ReadOptions(types="ssnniisi", formats=missing)
    was = elsewhere(store, recorded(store, model, read=read), tmp_path / "elsewhere")
    everything = RecordedEvaluation(
        evaluation(was.artifact.digest, METRICS[was.request.task], was.request.dataset,
                   run="e2", held_out=False), {}, {})  # fmt: skip
    measured = evaluate(everything.request, store, nothing)
    everything = replace(everything, results=measured.results, environment=measured.environment)
    [one] = again(replace(was, evaluations=(*was.evaluations, everything)))
    assert (one.verdict, one.files) == ("same-predictions", ("environment.json",))
    assert one.same
    assert {answer.method for answer in one.answers} == methods
    assert {answer.data.held_out for answer in one.answers} == {True, False}
    assert all(answer.rows > 80 and answer.different == 0 for answer in one.answers)
    present = recorded(store, model).environment["libraries"]["numpy"]
    assert one.environment == (Difference("libraries.numpy", "1.0.0", present),)


def test_an_encrypted_artifact_is_compared_with_the_files_that_were_fetched(store, tmp_path, again):
    sealed = ArtifactStore(store.url, key=bytes(32))
    was = elsewhere(store, recorded(store, "decision-tree"), tmp_path / "other")
    was = replace(was, artifact=sealed.put_folder(tmp_path / "other"))
    assert was.artifact.stored
    store.delete_folder(was.artifact.digest)
    [found] = again(replace(was, folder=str(tmp_path / "other")))
    assert (found.verdict, found.detail) == ("same-predictions", "")
    [found] = again(replace(was, missing="It was shredded."))
    assert (found.verdict, found.answers) == ("same-metrics", ())
    assert found.detail == "The recorded artifact could not be read: It was shredded."
    (tmp_path / "other" / "training.json").write_text("{}")
    [found] = again(replace(was, folder=str(tmp_path / "other")))
    assert (found.verdict, found.answers) == ("same-metrics", ())
    assert f"its files are not those of the artifact {was.artifact.digest}" in found.detail


def test_another_seed_differs(store, again):
    was = recorded(store, "random-forest", hyperparameters={"n_estimators": 5})
    [one] = again(replace(was, request=replace(was.request, seed=8)))
    assert (one.verdict, one.same) == ("differs", False)
    assert {"model.skops", "training.json"} <= set(one.files)
    probabilities = next(a for a in one.answers if a.method == "predict_proba")
    assert probabilities.different > 0
    assert 0 < (probabilities.largest or 0) <= 1
    assert one.environment == ()


def test_a_recorded_metric_that_the_model_does_not_have_is_not_confirmed(store, again):
    was = recorded(store, "svm")
    boasted = replace(was.evaluations[0], results={"f1": 2.0, "accuracy": 2.0})
    [one] = again(replace(was, evaluations=(boasted,)))
    assert (one.verdict, one.same) == ("identical-artifact", False)
    assert one.evaluations[0].present == was.evaluations[0].results


def test_without_the_recorded_artifact_digests_and_metrics_are_compared(store, again):
    was = recorded(store, "svm")
    lost = replace(was, artifact=replace(was.artifact, digest="0" * 64))
    root = Path(store.url.removeprefix("file://"))
    damaged = recorded(store, "naive-bayes")
    (root / "models" / damaged.artifact.digest / "model.skops").write_bytes(b"")
    metrics, nothing_left, identical = again(lost, replace(lost, evaluations=()), damaged)
    assert (metrics.verdict, nothing_left.verdict) == ("same-metrics", "differs")
    assert "The recorded artifact could not be read: there is no model 000" in metrics.detail
    assert identical.verdict == "identical-artifact"
    assert "do not have the SHA-256" in identical.detail


def test_a_training_that_cannot_be_made_again_fails_with_the_reason(store, again):
    was = recorded(store, "svm")
    request = was.request
    gone = replace(request, estimator="of-a-plugin", library_version="1")
    elsewhere_made = {**was.environment, "libraries": {"of-a-plugin": "1"}}
    unknown = replace(request, dataset=DatasetRef("data", "0" * 64))
    slow = replace(
        request, estimator="random-forest", hyperparameters={"n_estimators": 50_000}, time_limit=0.3
    )
    changed = put(store, PENGUINS + b"\n")
    root = Path(store.url.removeprefix("file://"))
    (root / "datasets" / changed.version[:2] / changed.version).write_bytes(PENGUINS)
    found = again(
        replace(was, request=gone, environment=elsewhere_made),
        replace(was, request=unknown),
        replace(was, request=slow),
        replace(was, request=replace(request, dataset=changed)),
        was,
    )
    assert [one.verdict for one in found] == ["failed"] * 4 + ["identical-artifact"]
    words = ("no estimator 'of-a-plugin'. Install the package", "there is no dataset 000",
             "time: it took longer than its limit of 0.3 s", "do not have the SHA-256")  # fmt: skip
    for one, why in zip(found, words, strict=False):
        assert why in one.detail
        assert one.present == ""
    assert Difference("libraries.of-a-plugin", "1", None) in found[0].environment


def test_an_evaluation_whose_dataset_is_gone_is_not_confirmed(store, tmp_path, again):
    was = elsewhere(store, recorded(store, "svm"), tmp_path / "elsewhere")
    asked = replace(
        was.evaluations[0].request, dataset=DatasetRef("gone", "0" * 64), held_out=False
    )
    lost = replace(was.evaluations[0], request=asked)
    [one] = again(replace(was, evaluations=(lost,)))
    assert (one.verdict, one.answers) == ("differs", ())
    assert "The predictions could not be compared: there is no dataset 000" in one.detail
    assert "there is no dataset 000" in one.evaluations[0].detail


DATA = Data(DatasetRef("data", "0" * 64), held_out=True)
SAME, OTHER = Compared(DATA, "predict", 9, 0), Compared(DATA, "predict_proba", 9, 1, 0.5)
GOOD, BAD = (Repeated("e", DATA, equal, {}, {}) for equal in (True, False))


@pytest.mark.parametrize(
    ("identical", "answers", "evaluations", "verdict"),
    [
        (True, (), [BAD], "identical-artifact"),
        (False, (SAME,), [BAD], "same-predictions"),
        (False, (SAME, OTHER), [GOOD], "same-metrics"),
        (False, (), [GOOD], "same-metrics"),
        (False, (SAME, OTHER), [GOOD, BAD], "differs"),
        (False, (OTHER,), [], "differs"),
        (False, (), [], "differs"),
    ],
)
def test_the_strongest_verdict_that_holds(identical, answers, evaluations, verdict):
    assert verdict_of(identical, answers, evaluations) == verdict


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ([1.0, np.nan], [1.0, np.nan], (0, None)),
        ([1.0, 2.0], [1.0, 2.5], (1, 0.5)),
        ([0.0], [-0.0], (1, 0.0)),
        ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [5.0, 4.5]], (1, 2.0)),
        ([1, 2], [1.0, 2.0], (2, None)),
        ([1.0], [1.0, 2.0], (2, None)),
        (["a", "b"], ["a", "c"], (1, None)),
    ],
)
def test_answers_are_compared_bit_for_bit(one, other, found):
    assert difference(np.array(one), np.array(other)) == found


def test_objects_are_compared_by_type_and_value():
    one, other = np.array(["1", 2, None], dtype=object), np.array([1, 2, None], dtype=object)
    assert difference(one, other) == (1, None)


def test_the_environment_is_compared_fact_by_fact():
    blas = [{"internal_api": "openblas", "version": "0.3.30", "architecture": "Haswell"}]
    then = {"python": "3.11.1", "libraries": {"a": "1", "b": "1"}, "blas": blas}
    now = {"python": "3.11.1", "libraries": {"a": "2"}, "blas": [], "threads": 1}
    assert environment_differences(then, now) == (
        Difference("blas", "openblas 0.3.30 Haswell", ""),
        Difference("libraries.a", "1", "2"),
        Difference("libraries.b", "1", None),
        Difference("threads", None, 1),
    )
    read = [dict(sorted(blas[0].items()))]
    assert environment_differences({"blas": read}, {"blas": blas}) == (), "the log sorts keys"


def tool(store: ArtifactStore, folder: Path) -> subprocess.Popen[bytes]:
    """Start the tool, with a folder of its own for everything temporary."""
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "autolearn.operations.retrain"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder), "AUTOLEARN_ARTIFACTS": store.url},
    )


def test_the_tool_answers_on_standard_output(store, tmp_path):
    lines = msgspec.json.encode(recorded(store, "svm")) + b"\n\n"
    with tool(store, tmp_path / "tmp") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(lines)
        process.stdin.flush()
        *progress, last = map(msgspec.json.decode, process.stdout.readlines())
        assert process.wait() == 0
    assert {"total": 1, "done": 0, "stage": "t1 fitting"} in [one["progress"] for one in progress]
    assert msgspec.convert(last["result"], RetrainCheck).trainings[0].verdict == (
        "identical-artifact"
    )
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_tool_refuses_what_is_not_a_record(store, tmp_path):
    out, err = tool(store, tmp_path / "tmp").communicate(b'{"request": 1}\n\n', timeout=60)
    assert (out, b"is not a recorded training" in err) == (b"", True)


@pytest.mark.long
@pytest.mark.parametrize("how", ["signal", "hang up"])
def test_the_tool_leaves_nothing_behind_when_it_is_stopped(store, tmp_path, how):
    was = recorded(store, "svm")
    long = replace(was.request, estimator="random-forest", hyperparameters={"n_estimators": 50_000})
    with tool(store, tmp_path / "tmp") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(replace(was, request=long)) + b"\n\n")
        process.stdin.flush()
        while b"fitting" not in process.stdout.readline():
            assert process.poll() is None
        if how == "signal":
            process.send_signal(signal.SIGINT)
        else:
            process.stdin.close()
        assert process.wait(30) == 130  # the training alone takes much longer
    assert list((tmp_path / "tmp").iterdir()) == []
