"""Queries about runs."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Raw, Struct
from msgspec.structs import asdict, replace

from autolearn.projections.queries.annotations import AnnotationQueries
from autolearn.projections.queries.decrypting_reader import DecryptingReader, Queries
from autolearn.projections.queries.run_rows import run_row
from autolearn.projections.rows import runs
from autolearn.schemas.codec import from_json
from autolearn.schemas.rest.runs import AnyRunRow, RunRow, TrainingRow
from autolearn.schemas.stream_kinds import stream_of_runs
from autolearn.schemas.values import RunId, SessionId

_NO_DATA = Raw(b"null")


class _Cost(Struct, frozen=True):
    """The part of a result that says what it has cost."""

    cpu_seconds: float | None = None


class _Completed(Struct, frozen=True):
    """The part of a run's end that says what it has cost; a failure has no result."""

    result: _Cost = _Cost()


class RunQueries(Queries):
    """The runs of sessions and experiments alike."""

    def __init__(self, rows: DecryptingReader, annotations: AnnotationQueries) -> None:
        super().__init__(rows)
        self.annotations = annotations

    def stored(self, session: SessionId, kind: str, run: RunId) -> runs.StoredRun | None:
        """Return the stored row of a run of a kind of work, without decryption."""
        row = self.rows.get(runs.RUNS, session, run)
        return None if row is None or row.kind != kind else row

    def get(self, session: SessionId, kind: str, run: RunId) -> RunRow | None:
        """Return one run of a kind of work."""
        row = self.stored(session, kind, run)
        return None if row is None else self.decrypted(session, run, row)

    def of_any(self, owner: SessionId, kind: str, run: RunId) -> AnyRunRow | None:
        """Return one run of a session or of a pipeline."""
        row = self.stored(owner, kind, run)
        return None if row is None else self._told(owner, run, row)

    def _told(self, owner: SessionId, run: RunId, row: runs.StoredRun) -> AnyRunRow:
        request = self.request(owner, run)
        outcome = self.rows.get(runs.OUTCOMES, owner, run) or _NO_DATA
        found = run_row(owner, row, self.rows.opens, run, request, outcome)
        if not isinstance(found, TrainingRow) or found.unreadable or not row.annotations:
            return found
        return replace(found, **asdict(self.annotations.of(owner, run)))

    def decrypted(self, session: SessionId, run: RunId, row: runs.StoredRun) -> RunRow:
        """Return a run with the data of its events, and what was said about it."""
        found = self._told(session, run, row)
        assert isinstance(found, RunRow), "it is a run of a session"
        return found

    def request(self, session: SessionId, run: RunId) -> Raw:
        """Return the stored data of the event that accepted a run."""
        return self.rows.get(runs.REQUESTS, session, run) or _NO_DATA

    def cpu_seconds(self, session: SessionId, run: RunId) -> float | None:
        """Return the seconds of processors that a completed run has used, if measured (decrypts).

        Raises:
            Unreadable: the key of the session is not there.
        """
        outcome = self.rows.get(runs.OUTCOMES, session, run)
        if outcome is None:
            return None
        completed = from_json(self.rows.opens(stream_of_runs(session), outcome), _Completed)
        return completed.result.cpu_seconds

    def training(self, session: SessionId, run: RunId) -> TrainingRow | None:
        """Return one training."""
        row = self.get(session, "training", run)
        return row if isinstance(row, TrainingRow) else None

    def all(self, session: SessionId, after: int = 0) -> Iterator[RunRow]:
        """Yield the runs of a session or experiment, in the order of their numbers past `after`."""
        for run, row in self.all_stored(session, after):
            yield self.decrypted(session, run, row)

    def ids(self, session: SessionId, kind: str, start: str) -> Iterator[RunId]:
        """Yield the ids of runs of a kind of work, of a session or experiment, with a prefix."""
        rows = self.rows.items(runs.RUNS, session, start=start)
        return (RunId(run) for run, row in rows if row.kind == kind)

    def kinds(self, session: SessionId) -> Iterator[tuple[RunId, str]]:
        """Yield the runs of a session or experiment by their ids, each with its kind of work."""
        return ((run, row.kind) for run, row in self.all_stored(session))

    def open_of(self, session: SessionId) -> Iterator[tuple[SessionId, RunId, runs.StoredRun]]:
        """Yield the runs of a session that have not ended, each with its session and id."""
        return ((session, run, row) for run, row in self.all_stored(session) if row.ended is None)

    def all_stored(
        self, session: SessionId, after: int = 0
    ) -> Iterator[tuple[RunId, runs.StoredRun]]:
        """Yield the ids and stored rows of runs in the order of their numbers past `after`."""
        for entry in self.rows.scan(runs.BY_NUMBER, session, after=after):
            run = RunId(entry.id)
            row = self.rows.get(runs.RUNS, session, run)
            assert row is not None, f"the run {run} of {session} is lost"
            yield run, row
