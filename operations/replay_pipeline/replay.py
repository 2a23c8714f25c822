"""Does the steps of a recorded run of a pipeline again, and compares what they give.

The work is done by the executor, in the kinds of `ml.tasks`, as it is for live runs, in a scratch
store; nothing is written back.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from autolearn.agents.executors.executor import Completed, Failed, Limits
from autolearn.operations.replay_pipeline.tables import differing_columns
from autolearn.operations.retrain.retrain import Retraining, environment_differences
from autolearn.schemas.bounds import listed
from autolearn.schemas.events import StepRequested
from autolearn.schemas.pipelines.results import LOG, TABLE
from autolearn.schemas.reports.pipeline_replay import (
    RecordedPipelineRun,
    RecordedProcess,
    RecordedStep,
    ReplayedStep,
)
from autolearn.schemas.reports.retrain import Difference, Repeated, Retrained
from autolearn.schemas.results import StepResult
from autolearn.schemas.values import RunId

_CATALOG = Limits(time_s=600, memory_mb=4096)
"""The limits of a run that loads the catalog."""

_SHORT = 12
"""Digits of a digest that are shown."""


class PipelineReplayer:
    """Does the steps of one run again, one after the other.

    `by` does the trainings; its executor and its scratch store do the rest. `told` receives the
    number of finished steps, the present step, and its phase.
    """

    def __init__(
        self, recorded: RecordedPipelineRun, by: Retraining, told: Callable[[int, str, str], None]
    ) -> None:
        self.recorded, self.by, self.told = recorded, by, told
        self.evaluations: dict[RunId, Repeated] = {}
        self._digests: dict[str, str] | None = None

    async def check(self) -> tuple[ReplayedStep, ...]:
        """Return how each step compares."""
        found = []
        for done, one in enumerate(self.recorded.steps):
            self.by.told = partial(self.told, done, one.step)
            began = time.perf_counter()
            end = one.end or await self._done(one)
            seconds = None if one.end else round(time.perf_counter() - began, 3)
            found.append(replace(end, made_by=one.made_by, seconds=seconds))
            self.told(done + 1, one.step, end.verdict)
        return tuple(found)

    async def _done(self, one: RecordedStep) -> ReplayedStep:
        end = ReplayedStep(step=one.step, kind=one.kind, verdict="identical")
        if one.data and (missing := await self._bring(one.data)):
            return replace(end, verdict="not repeated", detail=missing)
        if one.process is not None:
            end = await self._repeat(end, one.process)
            if end.verdict != "identical" or not one.trainings:
                return end
        if one.trainings:
            return await self._train(end, one)
        return self._evaluate(end, one.evaluations)

    async def _repeat(self, end: ReplayedStep, then: RecordedProcess) -> ReplayedStep:
        """Run the function of a step again, and compare its files."""
        made = ""
        for asked in (*then.before, then.request):
            if made and asked.tables[0].version != made:
                words = "a table that it makes on the way is another one"
                return replace(end, verdict="differs", detail=words)
            if missing := await self._missing(asked, made):
                return replace(end, verdict="not repeated", detail=missing)
            present = replace(asked, digest="")  # other code is no reason not to try: it is said
            limits = Limits(asked.time_limit, asked.memory_limit)
            outcome = await self.by.run("step", present, limits)
            if isinstance(outcome, Failed):
                break
            if asked is not then.request:
                made = await asyncio.to_thread(self._keep, outcome.result.artifact.digest)
        if isinstance(outcome, Failed):
            now = await self.by.environment(then.environment)
            return replace(
                end,
                verdict="failed",
                detail=f"{outcome.reason}: {outcome.detail}",
                environment=(*await self._code(then), *now),
            )
        assert isinstance(outcome, Completed), "it has completed or failed"
        result: StepResult = outcome.result
        now_files = result.artifact.files
        names = sorted((then.files.keys() | now_files.keys()) - {LOG})
        files = tuple(name for name in names if then.files.get(name) != now_files.get(name))
        if not files:
            return end
        columns: dict[str, int] = {}
        detail = ""
        if TABLE in files and (there := self.recorded.data.get(then.files.get(TABLE, ""))):
            columns, detail = await asyncio.to_thread(
                self._compared, Path(there), result.artifact.digest
            )
        return replace(
            end,
            verdict="differs",
            detail=detail,
            files=files,
            columns=columns,
            environment=(
                *await self._code(then),
                *environment_differences(then.environment, result.environment),
            ),
        )

    async def _missing(self, asked: StepRequested, made: str) -> str:
        """Copy what a process takes to the scratch store, which has the table that was `made`.

        Return why that failed, or nothing.
        """
        for table in asked.tables:
            if table.version != made and (missing := await self._bring(table.version)):
                return missing
        return await self._bring_model(asked.artifact) if asked.artifact else ""

    def _keep(self, digest: str) -> str:
        """Keep the table of a result in the scratch store as a dataset, and return its version."""
        with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
            there = self.by.scratch.fetch_folder(digest, Path(folder))
            return self.by.scratch.put_blob(there / TABLE).digest

    def _compared(self, recorded: Path, digest: str) -> tuple[dict[str, int], str]:
        with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
            present = self.by.scratch.fetch_folder(digest, Path(folder)) / TABLE
            return differing_columns(recorded, present)

    async def _train(self, end: ReplayedStep, one: RecordedStep) -> ReplayedStep:
        """Train again, and repeat the evaluations, which evaluate steps are compared by."""
        found = []
        for training in one.trainings:
            again = await self.by.check(training)
            found.append(again)
            self.evaluations |= {RunId(each.evaluation): each for each in again.evaluations}
        said = []
        if one.searched:
            said.append(f"{one.searched} are the best of studies, whose trials were not repeated")
        bad = [again for again in found if again.verdict != "identical-artifact"]
        failed = [again for again in bad if again.verdict == "failed"]
        said = [_words(again) for again in bad] + said
        return replace(
            end,
            verdict="failed" if failed else "differs" if bad else "identical",
            detail="; ".join(said),
            files=tuple(sorted({name for again in bad for name in again.files})),
            environment=tuple(dict.fromkeys(d for again in bad for d in again.environment)),
        )

    def _evaluate(self, end: ReplayedStep, evaluations: tuple[RunId, ...]) -> ReplayedStep:
        """Compare evaluations, which were repeated with their trainings."""
        absent = [run for run in evaluations if run not in self.evaluations]
        if absent:
            detail = "its trainings were not repeated"
            return replace(end, verdict="not repeated", detail=detail)
        found = [self.evaluations[run] for run in evaluations]
        if untried := [one for one in found if one.untried]:
            return replace(end, verdict="not repeated", detail=untried[0].detail)
        bad = [one for one in found if not one.equal]
        words = [f"{one.evaluation[:8]}: {one.detail or _figures(one)}" for one in bad]
        return replace(
            end,
            verdict="differs" if bad else "identical",
            detail="; ".join(words),
            environment=tuple(dict.fromkeys(d for one in bad for d in one.environment)),
        )

    async def _bring(self, version: str) -> str:
        """Copy a dataset or table to the scratch store; return why that failed, or nothing."""
        path = self.recorded.data.get(version)
        if path is None:
            return self.recorded.missing.get(version, "its data are not there")
        blob = await asyncio.to_thread(self.by.scratch.put_blob, Path(path))
        return "" if blob.digest == version else f"its data are not those of {version}"

    async def _bring_model(self, digest: str) -> str:
        """Copy a model to the scratch store; return why that failed, or nothing."""
        there = self.recorded.models.get(digest)
        if there is None:
            return self.recorded.missing.get(digest, "its model is not there")

        def brought() -> str:
            with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
                copy = Path(shutil.copytree(there, Path(folder, "copy")))
                found = self.by.scratch.put_folder(copy).digest
            return "" if found == digest else f"the files of its model are not those of {digest}"

        return await asyncio.to_thread(brought)

    async def _code(self, then: RecordedProcess) -> tuple[Difference, ...]:
        """Return the difference of the code of a step's package, if it is another one now."""
        if self._digests is None:
            match await self.by.run("catalog", None, _CATALOG):
                case Completed(result):
                    self._digests = {one.name: one.digest for one in result.steps}
                case Failed(reason, detail):
                    unknown = f"{reason}: {detail}"
                    return (Difference("the present code is unknown", None, unknown),)
        asked, digests = then.request, self._digests or {}
        present = digests.get(asked.function)
        if not asked.digest or present == asked.digest:
            return ()
        what = f"code of {asked.package or 'autolearn'} (SHA-256)"
        return (Difference(what, asked.digest[:_SHORT], (present or "")[:_SHORT]),)


def _words(again: Retrained) -> str:
    """Say how a training compares."""
    why = again.detail or (f"{listed(again.files)}" if again.files else "")
    about = f"{again.training[:8]} {again.estimator}: {again.verdict.replace('-', ' ')}"
    return f"{about} ({why})" if why else about


def _figures(one: Repeated) -> str:
    """Say which results of an evaluation differ."""
    words = [
        f"{name} is {one.present.get(name)!r}, and was {then!r}"
        for name, then in one.recorded.items()
        if one.present.get(name) != then
    ]
    return ", ".join(words) or "its plots differ"
