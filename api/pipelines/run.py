"""One run of a pipeline while it is conducted: what its steps ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from autolearn.api.http.problems import Problem
from autolearn.api.identity.visibility import may_use
from autolearn.api.pipelines.commands import RunCommands
from autolearn.api.pipelines.tables import may_also, with_tables
from autolearn.api.shared.runs import until_ended
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.decrypting_reader import May
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.pipelines.definition import Step
from autolearn.schemas.pipelines.kinds import DRIVEN
from autolearn.schemas.pipelines.results import StepGave, StepOutcome
from autolearn.schemas.pipelines.steps import StepSpec
from autolearn.schemas.rest.runs import AnyRunRow, PipelineRunRow
from autolearn.schemas.stream_kinds import stream, stream_of_runs
from autolearn.schemas.values import NO_SESSION, RunId, SessionId, StreamId

T = TypeVar("T")
_AGAIN = 60.0
"""Seconds after which a wait looks again, though nothing woke it."""


class StepFailed(Exception):
    """A step has no result; its text says why, for people."""


class StepWork(NamedTuple):
    """A step that is to be done: its kind, the results that it takes by step, and its tables."""

    step: Step
    spec: StepSpec
    given: Mapping[str, StepGave]

    @property
    def tables(self) -> tuple[DatasetSpec, ...]:
        """The tables among what it takes, in their order."""
        return tuple(gave.table for gave in self.given.values() if gave.table is not None)

    def first(self, has: Callable[[StepGave], object]) -> StepGave:
        """Return the first of what it takes that has something.

        Raises:
            StepFailed: none has.
        """
        found = next((gave for gave in self.given.values() if has(gave)), None)
        if found is None:
            raise StepFailed("what it takes is not there")
        return found


class ConductedRun:
    """A run that this process conducts.

    `functions` are the steps that workers offer; `tables` are those of its steps so far, by name,
    and `outcomes` how these have ended. `whole` are the folders of cached artifacts that were read.
    The session of its trainings is opened when the first of them is asked for.
    """

    def __init__(
        self,
        context: ApiContext,
        pipeline: str,
        row: PipelineRunRow,
        commands: RunCommands,
        functions: Mapping[str, StepSpec],
    ) -> None:
        self.context, self.pipeline, self.row, self.commands = context, pipeline, row, commands
        self.functions, self.kinds = functions, {**functions, **DRIVEN}
        self.definition = row.definition
        self.stream: StreamId = stream("pipeline", pipeline)
        self.tables: dict[str, DatasetSpec] = {}
        self.outcomes: dict[str, StepOutcome] = {}
        self.whole: set[str] = set()
        self.session: SessionId = NO_SESSION
        self.opened = self.committed = False
        self.opening = asyncio.Lock()

    @property
    def id(self) -> RunId:
        """The id of the run."""
        return self.row.id

    async def read(self, look: Callable[[Snapshot, May], T]) -> T:
        """Return the result of a look at the read models, in a thread; `tables` are among them.

        Raises:
            Problem: as the look does.
        """
        who, now = self.commands.principal(), self.context.queries.now()

        def looked() -> T:
            return look(with_tables(now, self.tables), may_also(may_use(who, now), self.tables))

        return await self.context.executors.lists.run(looked)

    async def run_of(self, owner: SessionId, kind: str, run: RunId) -> AnyRunRow | None:
        """Return a run of a session or pipeline."""
        return await self.read(lambda now, _: now.runs.of_any(owner, kind, run))

    async def until_ended(self, owner: SessionId, kind: str, run: RunId) -> None:
        """Wait for the end of a run."""
        while not await until_ended(self.context, owner, kind, run, _AGAIN):
            pass

    async def until_idle(self, session: SessionId) -> None:
        """Wait until no run of a session goes on."""

        def idle() -> bool:
            return next(self.context.queries.latest().runs.open_of(session), None) is None

        at = stream_of_runs(session)
        while not await self.context.arrivals.until(idle, _AGAIN, at):
            pass


def words_of(problem: Problem) -> str:
    """Return the words of a problem, for people."""
    return f"{problem.title}: {problem.detail}"
