"""Repeats a recorded training in the same way, and compares the two.

The work is done by the executor, in the kinds of `ml.tasks`, as it is for live runs. It happens in
a scratch store: datasets and recorded artifacts are copied into it, and nothing is written back.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from autolearn.agents.executors.executor import Completed, Executor, Failed, Limits, Lost
from autolearn.artifacts.store.errors import ArtifactError, Tampered
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.environment import POOL
from autolearn.schemas.reports.retrain import (
    Compared,
    Comparison,
    Data,
    Difference,
    RecordedEvaluation,
    RecordedTraining,
    Repeated,
    Retrained,
    Verdict,
)
from autolearn.schemas.results import EvaluationResult, TrainingResult
from autolearn.schemas.values import JsonValue
from autolearn.schemas.workers.cluster import DaskSettings, needs_cluster

_SMALL = Limits(time_s=60, memory_mb=1024)
"""The limits of a run that only reads the environment."""


class Retraining:
    """Repeats recorded trainings, one at a time.

    `executor` works on the store `scratch`; `original` is only read. `told` receives the progress.
    Estimators that learn on a `cluster` do so.
    """

    def __init__(
        self,
        executor: Executor,
        original: ArtifactStore,
        scratch: ArtifactStore,
        told: Callable[[str], None] = lambda _: None,
        cluster: DaskSettings | None = None,
    ) -> None:
        self.executor, self.original, self.scratch, self.told = executor, original, scratch, told
        self.cluster = cluster

    async def check(self, recorded: RecordedTraining) -> Retrained:
        """Train again, and compare: the artifact, its predictions, the recorded evaluations."""
        request, then = recorded.request, recorded.artifact
        found = Retrained(request.run, request.estimator, "failed", then.digest)
        if missing := await self.bring_dataset(recorded, request.dataset.version):
            return replace(found, detail=missing)
        limits = Limits(request.time_limit, request.memory_limit)
        match await self.run("training", request, limits):
            case Failed(reason, detail):
                now = await self.environment(recorded.environment)
                return replace(found, detail=f"{reason}: {detail}", environment=now)
            case Completed(result):
                trained: TrainingResult = result
        evaluations = [await self.evaluate(recorded, one, trained) for one in recorded.evaluations]
        answers, unsure = await self.compare(recorded, trained, limits)
        return replace(
            found,
            verdict=verdict_of(trained.artifact.digest == then.digest, answers, evaluations),
            present=trained.artifact.digest,
            detail=unsure,
            files=_differing(then.files, trained.artifact.files),
            answers=answers,
            evaluations=tuple(evaluations),
            environment=environment_differences(recorded.environment, trained.environment),
            seconds=trained.seconds,
        )

    async def compare(
        self, recorded: RecordedTraining, trained: TrainingResult, limits: Limits
    ) -> tuple[tuple[Compared, ...], str]:
        """Compare the predictions of both artifacts on the rows of the evaluations, if they differ.

        Return the comparisons, and why something could not be compared.
        """
        if missing := recorded.missing or await self._bring_model(recorded):
            return (), f"The recorded artifact could not be read: {missing}"
        if recorded.artifact.digest == trained.artifact.digest:
            return (), ""
        rows = [Data(recorded.request.dataset, held_out=True, read=recorded.request.read)]
        rows += [_data_of(one) for one in recorded.evaluations]
        data = tuple(one for place, one in enumerate(rows) if one not in rows[:place])
        for one in data:
            if missing := await self.bring_dataset(recorded, one.dataset.version):
                return (), f"The predictions could not be compared: {missing}"
        comparison = Comparison(recorded.artifact.digest, trained.artifact.digest, data)
        match await self.run("comparison", comparison, limits):
            case Failed(reason, detail):
                return (), f"The predictions could not be compared: {reason}: {detail}"
            case Completed(result):
                compared: tuple[Compared, ...] = result.answers
        return compared, ""

    async def evaluate(
        self, of: RecordedTraining, recorded: RecordedEvaluation, trained: TrainingResult
    ) -> Repeated:
        """Repeat a recorded evaluation with the new artifact."""
        request = replace(recorded.request, artifact=trained.artifact.digest)
        repeated = Repeated(request.run, _data_of(recorded), False, recorded.results, {})
        if missing := await self.bring_dataset(of, request.dataset.version):
            return replace(repeated, detail=missing, untried=True)
        limits = Limits(request.time_limit, request.memory_limit)
        match await self.run("evaluation", request, limits):
            case Failed(reason, detail):
                return replace(repeated, detail=f"{reason}: {detail}")
            case Completed(result):
                found: EvaluationResult = result
        return replace(
            repeated,
            equal=(found.results, found.plot_data) == (recorded.results, recorded.plot_data),
            present=found.results,
            environment=environment_differences(recorded.environment, found.environment),
        )

    async def run(self, kind: str, request: Any, limits: Limits) -> Completed | Failed:
        """Run work in a process of its own, as a worker does; killed when this is cancelled."""
        cluster = self.cluster if needs_cluster(getattr(request, "estimator", "")) else None
        running = self.executor.start(kind, request, limits, self.told, cluster=cluster)
        try:
            outcome = await running.outcome()
        except asyncio.CancelledError:
            running.cancel()
            raise
        return Failed("lost", outcome.detail) if isinstance(outcome, Lost) else outcome

    async def environment(self, recorded: dict[str, JsonValue]) -> tuple[Difference, ...]:
        """Return the differences of the environment where no new result has them."""
        libraries = list(recorded.get("libraries", {}))
        match await self.run("environment", libraries, _SMALL):
            case Completed(result):
                return environment_differences(recorded, result)
            case Failed(reason, detail):
                return (
                    Difference("the present environment is unknown", None, f"{reason}: {detail}"),
                )

    async def bring_dataset(self, recorded: RecordedTraining, version: str) -> str:
        """Copy a dataset to the scratch store; return why that failed, or nothing."""

        def bring() -> None:
            if self.scratch.exists(version):
                return
            with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
                brought = recorded.data.get(version)
                there = Path(brought) if brought else None
                self.scratch.put_blob(there or self.original.fetch_blob(version, Path(folder)))

        return recorded.data_missing.get(version, "") or await _tried(bring)

    async def _bring_model(self, recorded: RecordedTraining) -> str:
        """Copy an artifact to the scratch store; return why that failed, or nothing."""

        def bring() -> None:
            with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
                fetched, copy = Path(folder, "fetched"), Path(folder, "copy")
                fetched.mkdir()
                digest = recorded.artifact.digest
                there = Path(recorded.folder) if recorded.folder else None
                shutil.copytree(there or self.original.fetch_folder(digest, fetched), copy)
                if self.scratch.put_folder(copy).digest != digest:
                    raise Tampered(f"its files are not those of the artifact {digest}")

        return await _tried(bring)


async def _tried(bring: Callable[[], None]) -> str:
    """Run a store operation beside the event loop; return why it failed, or nothing."""
    try:
        await asyncio.to_thread(bring)
    except ArtifactError as error:
        return f"{error.detail}. {error.advice}"
    return ""


def _data_of(recorded: RecordedEvaluation) -> Data:
    request = recorded.request
    return Data(request.dataset, request.held_out, request.read)


def _differing(recorded: dict[str, str], present: dict[str, str]) -> tuple[str, ...]:
    names = recorded.keys() | present.keys()
    return tuple(sorted(name for name in names if recorded.get(name) != present.get(name)))


def verdict_of(
    identical: bool, answers: tuple[Compared, ...], evaluations: list[Repeated]
) -> Verdict:
    """Return the strongest verdict that holds; a missing comparison proves nothing."""
    if identical:
        return "identical-artifact"
    if answers and not any(one.different for one in answers):
        return "same-predictions"
    if evaluations and all(one.equal for one in evaluations):
        return "same-metrics"
    return "differs"


def environment_differences(
    recorded: dict[str, JsonValue], present: dict[str, JsonValue]
) -> tuple[Difference, ...]:
    """Return the differences of two environments (`ml.environment`), by name."""
    then, now = _flat(recorded), _flat(present)
    return tuple(
        Difference(name, then.get(name), now.get(name))
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    )


def _flat(environment: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return an environment with one entry per fact, such as `python` or `libraries.numpy`."""
    found: dict[str, JsonValue] = {}
    for name, value in environment.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": one for key, one in value.items()}
        elif isinstance(value, list):
            found[name] = ", ".join(_words(one) for one in value)
        else:
            found[name] = value
    return found


def _words(pool: JsonValue) -> str:
    """Describe a numeric library, such as `openblas 0.3.30 Haswell`."""
    if not isinstance(pool, dict):
        return str(pool)
    found = (pool.get(key) for key in POOL)  # an event's data have their keys in another order
    return " ".join(str(value) for value in found if value is not None)
