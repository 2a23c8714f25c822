"""Queries about pipelines."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import groupby

from msgspec import Raw

from autolearn.projections.queries.named_things import NamedQueries
from autolearn.projections.rows import pipelines
from autolearn.projections.rows.runs import RUNS
from autolearn.schemas import events
from autolearn.schemas.actors import group_name
from autolearn.schemas.codec import from_json
from autolearn.schemas.confidentiality import empty
from autolearn.schemas.pipelines.results import StepOutcome
from autolearn.schemas.rest.pipelines.definitions import PipelineRow, PipelineVersionRow
from autolearn.schemas.rest.sessions import Reader
from autolearn.schemas.stream_kinds import owner_of_runs, stream
from autolearn.schemas.values import RunId, SessionId
from autolearn.security.data_key import Unreadable


def runs_of(name: str) -> SessionId:
    """Return the id under which the runs of a pipeline are stored."""
    return owner_of_runs(stream("pipeline", name))


class PipelineQueries(NamedQueries[pipelines.StoredPipeline, Reader]):
    """Pipelines, their versions, and how their steps have ended."""

    table, tables = pipelines.PIPELINES, pipelines

    def count_of(self, user: str) -> int:
        """Return how many pipelines a user owns, without the removed ones."""
        return sum(1 for _ in self.rows.names(pipelines.OF_USER, user))

    def get(self, name: str) -> PipelineRow | None:
        """Return a pipeline (decrypts)."""
        row = self.stored(name)
        if row is None or row.deleted:
            return None
        newest = self.version(name, row.versions)
        assert newest is not None, f"version {row.versions} of {name} is lost"
        last = self.rows.get(RUNS, runs_of(name), row.last) if row.last else None
        return PipelineRow(
            name=name,
            owner=row.owner,
            created=row.created,
            updated=row.updated,
            versions=row.versions,
            runs=row.runs,
            summary=newest.definition.summary,
            steps=len(newest.definition.steps),
            last=row.last if last else None,
            last_status=last.status if last else "",
            last_requested=last.requested if last else "",
            unreadable=newest.unreadable,
        )

    def owners(self) -> Iterator[SessionId]:
        """Yield the ids under which the runs of all pipelines are stored."""
        return map(runs_of, self.names())

    def version(self, name: str, number: int) -> PipelineVersionRow | None:
        """Return a version (decrypts); one that cannot be read has an empty definition."""
        row = self.rows.get(pipelines.VERSIONS, name, number) if number > 0 else None
        if row is None:
            return None
        try:
            said = from_json(self._opens(name, row.applied), events.PipelineApplied)
            unreadable = False
        except Unreadable:
            said, unreadable = empty(events.PipelineApplied), True
        return PipelineVersionRow(
            pipeline=name,
            number=number,
            definition=said.definition,
            text=said.text,
            note=said.note,
            applied=row.time,
            actor=row.actor,
            unreadable=unreadable,
        )

    def newest(self, name: str) -> PipelineVersionRow | None:
        """Return the newest version (decrypts)."""
        row = self.stored(name)
        return None if row is None else self.version(name, row.versions)

    def applied_at(self, name: str, sequence: int) -> PipelineVersionRow | None:
        """Return the version that the event of a number in the stream has made (decrypts)."""
        row = self.stored(name)
        for number in range(row.versions if row else 0, 0, -1):
            stored = self.rows.get(pipelines.VERSIONS, name, number)
            if stored is not None and stored.sequence == sequence:
                return self.version(name, number)
        return None

    def versions(self, name: str, after: int = 0) -> Iterator[PipelineVersionRow]:
        """Yield the versions in their order, past a number (decrypts)."""
        row = self.stored(name)
        for number in range(after + 1, (row.versions if row and not row.deleted else 0) + 1):
            version = self.version(name, number)
            assert version is not None, f"version {number} of {name} is lost"
            yield version

    def of_run(self, run: RunId) -> str:
        """Return the name of the pipeline of a run, "" if there is no such run."""
        entry = self.rows.get(pipelines.RUN_OF, run)
        return "" if entry is None else entry.id

    def run_ids(self, start: str) -> Iterator[tuple[RunId, str]]:
        """Yield the runs whose ids begin so, each with the name of its pipeline."""
        for run, entry in self.rows.items(pipelines.RUN_OF, start=start):
            yield RunId(run), entry.id

    def newest_runs(
        self, name: str = "", after: tuple[str, str] | None = None
    ) -> Iterator[tuple[str, RunId]]:
        """Yield the times and ids of runs, the newest first: of one pipeline, or of all."""
        parts = (name,) if name else ()
        table = pipelines.RUNS_OF_PIPELINE if name else pipelines.RUNS_BY_TIME
        for time, run in self.rows.by_time(table, *parts, after=after):
            yield time, RunId(run)

    def newest_runs_for(
        self, user: str, after: tuple[str, str] | None = None, *, unowned: bool = False
    ) -> Iterator[tuple[str, RunId]]:
        """Yield as `newest_runs`: of the pipelines that a user owns or has a grant of.

        And of those `unowned`, which were applied without authentication.
        """
        owners, users = [user, *[""] * unowned], (user, *map(group_name, self.groups.of_user(user)))
        shared = {name for one in users for name in self.rows.names(pipelines.SHARED_WITH, one)}
        lists = [self.rows.by_time(pipelines.RUNS_OF_OWNER, one, after=after) for one in owners]
        lists += [
            self.rows.by_time(pipelines.RUNS_OF_PIPELINE, name, after=after) for name in shared
        ]
        for (time, run), _ in groupby(heapq.merge(*lists, reverse=True)):
            yield time, RunId(run)

    def run_before(self, name: str, run: RunId) -> RunId | None:
        """Return the ended run of a pipeline that was requested before another one."""
        row = self.rows.get(RUNS, runs_of(name), run)
        after = (row.requested, run) if row is not None else None
        for _, earlier in self.newest_runs(name, after):
            row = self.rows.get(RUNS, runs_of(name), earlier)
            if row is not None and row.ended is not None:
                return earlier
        return None

    def outcomes(self, name: str, run: RunId) -> dict[str, tuple[StepOutcome, str]]:
        """Return the ends of the steps of a run by step, each with its time (decrypts).

        Those that cannot be read are left out.
        """
        found: dict[str, tuple[StepOutcome, str]] = {}
        for row in self.rows.scan(pipelines.OUTCOMES, run):
            try:
                said = self._outcome(name, row)
            except Unreadable:
                continue
            found[said.step] = (said, row.time)
        return found

    def cached(self, name: str, key: str) -> tuple[RunId, StepOutcome] | None:
        """Return the newest outcome with a key, and the run that recorded it (decrypts).

        None if there is none that can be read.
        """
        entry = self.rows.get(pipelines.CACHED, name, key)
        if entry is None:
            return None
        run, _, number = entry.id.partition(" ")
        row = self.rows.get(pipelines.OUTCOMES, run, int(number))
        if row is None:
            return None
        try:
            return RunId(run), self._outcome(name, row)
        except Unreadable:
            return None

    def _outcome(self, name: str, row: pipelines.StoredOutcome) -> StepOutcome:
        return from_json(self._opens(name, row.said), events.StepRecorded).outcome

    def _opens(self, name: str, data: Raw) -> Raw:
        return self.rows.opens(stream("pipeline", name), data)
