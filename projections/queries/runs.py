"""Queries about runs."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Raw

from autolearn.projections.queries.decrypting_reader import Queries
from autolearn.projections.queries.run_rows import run_row
from autolearn.projections.rows import runs
from autolearn.schemas.rest.runs import RunRow, TrainingRow

_NO_DATA = Raw(b"null")


class RunQueries(Queries):
    """The runs of sessions and experiments alike."""

    def stored(self, session: str, kind: str, run: str) -> runs.StoredRun | None:
        """Return the stored row of a run of a kind of work, without decryption."""
        row = self.rows.get(runs.RUNS, session, run)
        return None if row is None or row.kind != kind else row

    def get(self, session: str, kind: str, run: str) -> RunRow | None:
        """Return one run of a kind of work."""
        row = self.stored(session, kind, run)
        return None if row is None else self.decrypted(session, run, row)

    def decrypted(self, session: str, run: str, row: runs.StoredRun) -> RunRow:
        """Return a run with the data of its events."""
        request = self.request(session, run)
        outcome = self.rows.get(runs.OUTCOMES, session, run) or _NO_DATA
        return run_row(session, row, self.rows.opens, run, request, outcome)

    def request(self, session: str, run: str) -> Raw:
        """Return the stored data of the event that accepted a run."""
        return self.rows.get(runs.REQUESTS, session, run) or _NO_DATA

    def training(self, session: str, run: str) -> TrainingRow | None:
        """Return one training."""
        row = self.get(session, "training", run)
        return row if isinstance(row, TrainingRow) else None

    def all(self, session: str, after: int = 0) -> Iterator[RunRow]:
        """Yield the runs of a session or experiment, in the order of their numbers past `after`."""
        for run, row in self.all_stored(session, after):
            yield self.decrypted(session, run, row)

    def ids(self, session: str, kind: str, start: str) -> Iterator[str]:
        """Yield the ids of runs of a kind of work, of a session or experiment, with a prefix."""
        rows = self.rows.items(runs.RUNS, session, start=start)
        return (run for run, row in rows if row.kind == kind)

    def kinds(self, session: str) -> Iterator[tuple[str, str]]:
        """Yield the runs of a session or experiment by their ids, each with its kind of work."""
        return ((run, row.kind) for run, row in self.all_stored(session))

    def all_stored(self, session: str, after: int = 0) -> Iterator[tuple[str, runs.StoredRun]]:
        """Yield the ids and stored rows of runs in the order of their numbers past `after`."""
        for entry in self.rows.scan(runs.BY_NUMBER, session, after=after):
            row = self.rows.get(runs.RUNS, session, entry.id)
            assert row is not None, f"the run {entry.id} of {session} is lost"
            yield entry.id, row
