"""What is done in parts, as on a cluster, has the bytes of what is done at once."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from autolearn.artifacts.datasets.profile import profile
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml import run_step as module
from autolearn.ml import step_parts
from autolearn.ml.errors import InputError
from autolearn.ml.prediction import predict as prediction
from autolearn.ml.run_step import run_step
from autolearn.ml.steps import tables
from autolearn.ml.training.train import train
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.events import PredictionRequested, StepRequested
from autolearn.schemas.values import JsonValue
from tests.support.run_samples import PENGUINS, nothing, put, step, training

STEPS: list[tuple[str, dict[str, Any]]] = [
    ("select", {"where": "a > 0.2 and b is not None", "columns": ["b", "a", "when"]}),
    ("select", {"drop": ["a"], "rename": {"b": "c"}}),
    ("features", {"add": {"r": "a * 2"}, "dates": {"when": ["month"]}, "log": ["a"]}),
    ("clean", {"trim": True, "case": {"text": "upper"}, "missing": ["n/a"]}),
    ("clean", {"trim": True, "types": {"n": "integer", "m": "number"}, "unfit": "null"}),
    ("clean", {"types": {"m": "number", "n": "integer"}, "unfit": "drop"}),
    ("clean", {"trim": True, "gaps": "median", "duplicates": "drop", "outliers": {"a": "clip"}}),
]


class InTurn:
    """Does the parts one after the other, in values that have travelled, from worker to worker."""

    parts = 0

    def each(
        self, function: Callable[[Any, Any], Any], shared: Any, parts: Iterable[Any]
    ) -> Iterator[Any]:
        there = pickle.dumps(pickle.loads(pickle.dumps(shared)))
        for part in parts:
            self.parts += 1
            yield pickle.loads(pickle.dumps(function(pickle.loads(there), part)))


def rows(many: int) -> bytes:
    """Return CSV with gaps, odd text, and values that do not fit, here and there."""
    draw = np.random.default_rng(3)
    lines = ["a,b,text,n,m,when"]
    for at in range(many):
        odd = at % 97 == 50
        text = " n/a" if odd else draw.choice(["red ", "green", " blue"])
        number = "some" if odd or at % 89 == 3 else at
        lines.append(
            f"{draw.random():.4f},{'' if at % 7 == 3 else at % 5},{text},{number},"
            f"{'x' if at % 61 == 60 else at / 4},2024-{at % 12 + 1:02}-01"
        )
    return "\n".join([*lines, *lines[-20:]]).encode()


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


def data(store: ArtifactStore, tmp_path: Path, content: bytes) -> DatasetSpec:
    (tmp_path / "rows.csv").write_bytes(content)
    version = put(store, content).version
    return profile(
        tmp_path / "rows.csv", name="rows", format="csv", version=version, bytes=len(content)
    )


def asked(spec: DatasetSpec, function: str, parameters: dict[str, JsonValue]) -> StepRequested:
    return step(function, parameters, spec)


@pytest.mark.parametrize(("function", "parameters"), STEPS)
def test_a_step_in_parts_gives_the_bytes_of_the_step_at_once(
    store: ArtifactStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    parameters: dict[str, Any],
) -> None:
    request = asked(data(store, tmp_path, rows(500)), function, parameters)
    monkeypatch.setattr(tables, "_ROWS", 128)
    once = run_step(request, store, nothing)
    cluster = InTurn()
    monkeypatch.setattr(tables, "rows_of_batch", lambda _: 33)
    monkeypatch.setattr(module, "connected", lambda *_: contextlib.nullcontext(cluster))
    again = run_step(request, store, nothing)
    assert cluster.parts > 15
    assert again.report == once.report
    assert again.artifact == once.artifact
    assert again.table == once.table


def test_many_rows_are_done_in_parts_also_without_a_cluster(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(data(store, tmp_path, rows(500)), *STEPS[0])
    once = run_step(request, store, nothing)
    monkeypatch.setattr(step_parts, "_MANY", 400)
    monkeypatch.setattr(tables, "rows_of_batch", lambda _: 33)
    monkeypatch.setattr(tables, "read", None)  # of all rows together
    assert run_step(request, store, nothing).artifact == once.artifact


def test_a_step_of_all_rows_is_refused_if_they_alone_are_too_many(
    store: ArtifactStore, tmp_path: Path
) -> None:
    spec = replace(data(store, tmp_path, rows(50)), rows=40_000_000)
    with pytest.raises(InputError, match=r"takes 3,862 MiB at least.* limit is 2,048 MiB"):
        run_step(asked(spec, "sample", {"rows": 5}), store, nothing)


def test_a_fault_of_a_part_is_told_as_that_of_the_step(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = data(store, tmp_path, rows(100))
    monkeypatch.setattr(module, "connected", lambda *_: contextlib.nullcontext(InTurn()))
    with pytest.raises(InputError, match="values of the column n do not fit the type integer"):
        run_step(asked(spec, "clean", {"types": {"n": "integer"}}), store, nothing)
    with pytest.raises(InputError, match="gives a table without rows"):
        run_step(asked(spec, "select", {"where": "a > 7"}), store, nothing)


def test_batches_that_are_predicted_elsewhere_give_the_same_predictions(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = train(training(store, "logistic-regression"), store, nothing).artifact.digest
    request = PredictionRequested(
        run="p1", training="t1", artifact=model, dataset=put(store, PENGUINS),
        time_limit=60.0, memory_limit=2048, max_attempts=3,
    )  # fmt: skip
    monkeypatch.setattr(prediction, "_BATCH", 7)
    here = prediction.predict(request, store, nothing)
    cluster = InTurn()
    monkeypatch.setattr(prediction, "connected", lambda: contextlib.nullcontext(cluster))
    there = prediction.predict(request, store, nothing)
    assert cluster.parts > 5
    assert there.output == here.output
    assert (there.notes, there.unseen, there.counts) == (here.notes, here.unseen, here.counts)
    assert (there.batches, there.warned) == (here.batches, here.warned)
