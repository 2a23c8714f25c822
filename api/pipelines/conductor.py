"""Conducts one run of a pipeline: does its steps as soon as what they take is there.

All that it knows is on the log: another process goes on where a lost one has stopped. The ids of
its commands follow from the run, so that asking twice is harmless.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress

import structlog
from msgspec.structs import replace

from autolearn.api.http.problems import Problem
from autolearn.api.pipelines import (
    compare_step,
    forecast_steps,
    model_steps,
    session_steps,
    table_steps,
)
from autolearn.api.pipelines.commands import LostRun
from autolearn.api.pipelines.function_steps import run_function
from autolearn.api.pipelines.retention import forget_old
from autolearn.api.pipelines.run import ConductedRun, StepFailed, StepWork, words_of
from autolearn.api.services.pipelines import step_cache
from autolearn.api.services.pipelines.kinds import session_of, step_run_id
from autolearn.artifacts.store.errors import ArtifactError
from autolearn.projections.queries.decrypting_reader import May
from autolearn.projections.queries.pipelines import runs_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.runtime.timestamps import millis
from autolearn.runtime.timestamps import now as timestamp
from autolearn.schemas.bounds import LONGEST_TEXT, cut
from autolearn.schemas.commands import (
    CancelRun,
    CompleteRun,
    DiscardSession,
    FailRun,
    RecordStep,
    ReportRunLost,
)
from autolearn.schemas.messages import Command
from autolearn.schemas.pipelines.definition import Step
from autolearn.schemas.pipelines.results import StepGave, StepOutcome, StepStatus
from autolearn.schemas.results import PipelineResult
from autolearn.schemas.stream_kinds import stream, stream_of_runs
from autolearn.schemas.values import NO_RUN, NO_SESSION, RunId, SessionId, StreamId
from autolearn.security.data_key import Unreadable

Do = Callable[[ConductedRun, StepWork], Awaitable[StepGave]]

_DRIVEN: Mapping[str, Do] = {
    "source": table_steps.read_source,
    "split": table_steps.split,
    "train": forecast_steps.train,
    "evaluate": session_steps.evaluate,
    "compare": compare_step.compare,
    "promote": model_steps.promote,
    "predict": table_steps.predict,
    "deliver": table_steps.deliver,
}
"""How each step is done that is no function alone."""
_LONGEST_PHASE = 200
"""Characters of a phase: a heartbeat has those of all runs."""
_LONGEST_NOTE = 1000
"""Characters of a note; a step of 100 candidates may have as many."""
_FAULT = "this is a fault of AutoLearn, and the log of its API process says more"
_USEFUL = ("completed", "cached")
log = structlog.stdlib.get_logger("autolearn.pipelines")


class Conductor:
    """Conducts a run until its end."""

    def __init__(self, by: ConductedRun, attempt: int) -> None:
        self.by, self.attempt = by, attempt
        self.outcomes = by.outcomes
        self.going: dict[str, asyncio.Task[StepOutcome]] = {}
        self.before: dict[str, StepOutcome] = {}
        """How the steps of the run before have ended."""
        self.reports = False
        """Whether it reports the end of the run, and tidies up after it."""
        self.phase = "starting"
        self.since = by.row.started or timestamp()
        self.began = time.monotonic() - max(0.0, time.time() - millis(self.since) / 1000)
        """When the first attempt has begun."""

    async def conduct(self) -> None:
        """Do all steps, and report the end of the run."""
        try:
            end = await self._until_end()
            self.reports = True
            await self.by.commands.conduct(self.by.stream, end, "end", self.attempt)
            await forget_old(self.by)
        except LostRun as gone:
            log.info("conducted no longer", run=self.by.id, why=str(gone))
        except Problem as problem:  # it has ended meanwhile
            log.info("not reported", run=self.by.id, why=str(problem.detail))
        except Exception:  # a fault of ours: it is tried again, as often as the run has attempts
            log.exception("the end of a run could not be reported", run=self.by.id)
            await self._give_up()
        finally:
            for task in self.going.values():  # of one that was let go: another process does them
                task.cancel()

    async def _give_up(self) -> None:
        """Have the next attempt begin; a Problem is that there is none."""
        lost = ReportRunLost(self.by.id, self.attempt, self.by.commands.worker)
        with suppress(Problem, LostRun):
            await self.by.commands.conduct(self.by.stream, lost, "lost", self.attempt)

    async def _until_end(self) -> Command:
        """Do all steps, and return the command that reports the end of the run."""
        limit = self.by.row.time_limit
        left = max(0.0, self.began + limit - time.monotonic())
        try:
            async with asyncio.timeout(left) as within:
                await self._do_steps()
                return await self._end()
        except LostRun:
            raise
        except Exception as error:
            if within.expired():
                end = self._failed("time", f"it has gone on for {limit:,.0f} s, its limit")
            elif isinstance(error, Problem | ArtifactError):
                end = self._failed("input", _said(error))
            elif isinstance(error, Unreadable):
                end = self._failed("input", "the key of the pipeline is shredded")
            else:  # a fault of ours ends the run: nobody else would
                log.exception("a run could not be conducted", run=self.by.id)
                end = self._failed("crashed", f"{type(error).__name__}: {_FAULT}")
            await self.by.commands.held(end)  # it may be late, as after a pause of the process
            try:
                await self.stop()
            except LostRun:
                raise
            except Exception:  # the run ends in any case
                log.exception("the steps of a run could not be stopped", run=self.by.id)
            return end

    async def stop(self) -> None:
        """End the steps that go on, on this process and on the workers.

        Raises:
            LostRun: the run goes on, and is another process's.
        """
        going = [*self.going.values()]
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        by = self.by
        await by.commands.until_answered()
        session = session_of(by.id)
        for owner in (runs_of(by.pipeline), session):
            for run in await self._open(owner):
                await self._cancel(owner == session, stream_of_runs(owner), CancelRun(run))

    async def _open(self, owner: SessionId) -> list[RunId]:
        """Return the runs of this one that have not ended, but trials, which their study ends."""
        now, executors = self.by.context.queries.now(), self.by.context.executors
        return await executors.lists.run(
            lambda: open_runs(now, self.by.pipeline, self.by.id, owner, self.by.commands.requested)
        )

    async def _cancel(self, as_user: bool, at: StreamId, command: CancelRun) -> None:
        commands = self.by.commands
        post = commands.act if as_user else commands.conduct
        try:
            await post(at, command, "cancel", command.run)
        except Problem as problem:  # it has ended meanwhile
            log.info("not cancelled", run=command.run, why=str(problem.detail))

    async def _do_steps(self) -> None:
        """Do the steps in their order; those that do not depend on each other at once."""
        by = self.by
        told = await by.read(lambda now, _: now.pipelines.outcomes(by.pipeline, by.id))
        for name, (outcome, _) in told.items():
            self._take(name, outcome)
        self.before = await by.read(self._outcomes_before)
        now = by.context.queries.latest()
        if now.sessions.owner(session_of(by.id)) is not None:
            by.session = session_of(by.id)
            by.committed = now.sessions.is_committed(by.session)
        while len(self.outcomes) < len(by.definition.steps):
            for step in by.definition.steps:
                if step.name in self.outcomes or step.name in self.going:
                    continue
                ends = [self.outcomes.get(name) for name in step.inputs]
                if all(end is not None for end in ends):
                    self.going[step.name] = asyncio.create_task(self._done(step))
            self.phase = self._words()
            done, _ = await asyncio.wait(self.going.values(), return_when=asyncio.FIRST_COMPLETED)
            for name in [name for name, task in self.going.items() if task in done]:
                self._take(name, self.going.pop(name).result())

    def _take(self, name: str, outcome: StepOutcome) -> None:
        self.outcomes[name] = outcome
        for table in (outcome.gave.table, outcome.gave.learned_from):
            if table is not None and table.folder:
                self.by.tables[table.name] = table

    def _words(self) -> str:
        """Return which steps go on."""
        names = cut(", ".join(self.going), _LONGEST_PHASE)
        return f"{len(self.outcomes)} of {len(self.by.definition.steps)} steps done, {names}"

    async def _done(self, step: Step) -> StepOutcome:
        """Do a step, unless its result is in the cache, and record its end."""
        began = time.monotonic()
        outcome = await self._outcome(step)
        seconds = round(time.monotonic() - began, 3)
        outcome = replace(outcome, seconds=seconds)
        command = RecordStep(self.by.id, outcome)
        await self.by.commands.conduct(self.by.stream, command, "record", step.name)
        return outcome

    async def _outcome(self, step: Step) -> StepOutcome:
        """Return the end of a step."""
        by = self.by
        ends = {name: self.outcomes[name] for name in step.inputs}
        failed = [name for name, end in ends.items() if end.status not in _USEFUL]
        if failed:
            return self._ended(step, "skipped", f"{', '.join(failed)} has no result")
        spec = by.kinds.get(step.kind)
        if spec is None:
            return self._ended(step, "failed", f"no worker offers the step {step.kind} any more")
        given = {name: end.gave for name, end in ends.items()}
        inputs = step_cache.inputs_of(step, spec, by.definition.seed, given, self._data(step))
        key = step_cache.key_of(inputs, step.inputs, step_cache.secret_of(by.context, by.pipeline))
        why = step_cache.why_forced(by.definition, step, by.row.start_at, no_cache=by.row.no_cache)
        if not why and not self._is_begun(step):
            hit = await by.read(lambda now, _: now.pipelines.cached(by.pipeline, key))
            if hit is not None:
                why = await asyncio.to_thread(
                    step_cache.unusable,
                    by.context,
                    by.commands.principal(),
                    by.pipeline,
                    by.id,
                    hit,
                    by.whole,
                )
                if not why:
                    maker = step_cache.made_by(*hit)
                    gave = hit[1].gave
                    return StepOutcome(
                        step=step.name,
                        kind=step.kind,
                        status="cached",
                        gave=gave,
                        key=key,
                        inputs=inputs,
                        made_by=maker,
                    )
        why = why or step_cache.why_run(inputs, self.before.get(step.name))
        try:
            gave = await _DRIVEN.get(step.kind, run_function)(by, StepWork(step, spec, given))
            if step.keep_as and gave.table is not None:
                name = step.keep_as.removeprefix(table_steps.KEEP)
                ref = await table_steps.keep_table(by, gave.table, name, step.name)
                gave = replace(gave, dataset=ref)
            gave = replace(gave, notes=tuple(cut(one, _LONGEST_NOTE) for one in gave.notes))
        except StepFailed as error:
            return self._ended(step, "failed", str(error))
        except Problem as problem:
            return self._ended(step, "failed", words_of(problem))
        return StepOutcome(
            step=step.name,
            kind=step.kind,
            status="completed",
            gave=gave,
            key=key,
            inputs=inputs,
            why=why,
        )

    def _is_begun(self, step: Step) -> bool:
        """Return whether the process before has asked for a step: this one goes on from there."""
        if self.attempt == 1:
            return False
        if step.kind == "train":
            return bool(self.by.session)
        by, runs = self.by, self.by.context.queries.latest().runs
        return runs.stored(runs_of(by.pipeline), "step", step_run_id(by.id, step.name)) is not None

    def _data(self, step: Step) -> dict[str, str]:
        """Return the versions of the data that a step reads."""
        by, gave = self.by, {name: end.gave for name, end in self.outcomes.items()}
        source = by.row.sources.get(step.name)
        return step_cache.data_of(by.definition, by.kinds, step, source, gave)

    def _outcomes_before(self, now: Snapshot, _: May) -> dict[str, StepOutcome]:
        """Return the outcomes of the run before, by step."""
        before = now.pipelines.run_before(self.by.pipeline, self.by.id)
        told = now.pipelines.outcomes(self.by.pipeline, before) if before else {}
        return {name: outcome for name, (outcome, _) in told.items()}

    def _ended(self, step: Step, status: StepStatus, why: str) -> StepOutcome:
        words = cut(why, LONGEST_TEXT)
        return StepOutcome(step=step.name, kind=step.kind, status=status, why=words)

    async def _end(self) -> Command:
        """Commit what was trained, and return the command that reports the end."""
        by = self.by
        failed = [one for one in self.outcomes.values() if one.status == "failed"]
        if failed:
            await self._discard_if_empty()
            first = failed[0]
            more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
            return self._failed("input", f"step {first.step}: {first.why}{more}")
        if by.definition.commit == "auto":
            used = {one.gave.session for one in self.outcomes.values() if one.gave.session}
            for session in {*used, by.session} if by.session else used:
                await model_steps.commit(by, session)
        result = PipelineResult(
            counts=dict(Counter(one.status for one in self.outcomes.values())),
            seconds=round(time.monotonic() - self.began, 3),
            trained_in=by.session,
            committed=by.committed,
        )
        return CompleteRun(by.id, self.attempt, by.commands.worker, result)

    async def _discard_if_empty(self) -> None:
        """Discard the session of a run of which no training was accepted."""
        by = self.by
        if by.session and next(by.context.queries.now().runs.all_stored(by.session), None) is None:
            at = stream("session", by.session)
            await by.commands.act(at, DiscardSession(), "discard", by.session)
            by.session = NO_SESSION

    def _failed(self, reason: str, detail: str) -> Command:
        words = cut(detail, LONGEST_TEXT)
        return FailRun(self.by.id, self.attempt, self.by.commands.worker, reason, words)


def open_runs(
    now: Snapshot, pipeline: str, run: RunId, owner: SessionId, asked: Collection[RunId] = ()
) -> list[RunId]:
    """Return the runs of a run's pipeline or session that it has asked for and have not ended.

    What was asked for after its end is somebody else's, unless it is known to have `asked`.
    """
    row = now.runs.stored(runs_of(pipeline), "pipeline", run)
    until = row.ended if row is not None else None
    asked_by = run if "/" in owner else NO_RUN
    return [
        one
        for _, one, found in now.runs.open_of(owner)
        if found.study == asked_by and (until is None or found.requested <= until or one in asked)
    ]


def _said(error: Problem | ArtifactError) -> str:
    return words_of(error) if isinstance(error, Problem) else error.detail
