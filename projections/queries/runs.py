"""Queries about runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Raw

from autolearn.projections.queries.decrypting_reader import DecryptingReader
from autolearn.projections.queries.run_rows import (
    run_row,
)
from autolearn.projections.rows.stored_rows import (
    StoredRun,
)
from autolearn.projections.rows.view_rows import (
    IndexEntry,
)
from autolearn.projections.storage.row_reader import decode
from autolearn.projections.storage.store import prefix_of
from autolearn.projections.views.runs import data_key, place_key, run_key
from autolearn.schemas.rest.runs import RunRow, TrainingRow

RunData = Literal["run-request", "run-outcome"]
_RUN_DATA: tuple[RunData, RunData] = ("run-request", "run-outcome")


class RunQueries(DecryptingReader):
    """The runs of sessions and experiments alike."""

    def stored_run(self, session: str, kind: str, run: str) -> StoredRun | None:
        """Return the stored row of a run of a kind of work, without decryption."""
        row = self.get(run_key(session, run), StoredRun)
        return None if row is None or row.kind != kind else row

    def run(self, session: str, kind: str, run: str) -> RunRow | None:
        """Return one run of a kind of work."""
        row = self.stored_run(session, kind, run)
        return None if row is None else self.opened_run(session, run, row)

    def opened_run(self, session: str, run: str, row: StoredRun) -> RunRow:
        """Return a run with the data of its events."""
        request, outcome = (self.data(table, session, run) for table in _RUN_DATA)
        return run_row(session, row, self.opens, run, request, outcome)

    def data(self, table: RunData, session: str, run: str) -> Raw:
        """Return the stored data of an event of a run."""
        return Raw(self.content.get(data_key(table, session, run)) or b"null")

    def training(self, session: str, run: str) -> TrainingRow | None:
        """Return one training."""
        row = self.run(session, "training", run)
        return row if isinstance(row, TrainingRow) else None

    def runs(self, session: str, after: int = 0) -> Iterator[RunRow]:
        """Yield the runs of a session or experiment, in the order of their numbers past `after`."""
        for run, row in self.stored_runs(session, after):
            yield self.opened_run(session, run, row)

    def run_ids(self, session: str, kind: str, start: str) -> Iterator[str]:
        """Yield the ids of runs of a kind of work, of a session or experiment, with a prefix."""
        for at, value in self.content.scan(run_key(session, start)):
            if decode(value, StoredRun).kind == kind:
                yield at.rpartition(b"\0")[2].decode()

    def kinds_of_runs(self, session: str) -> Iterator[tuple[str, str]]:
        """Yield the runs of a session or experiment by their ids, each with its kind of work."""
        return ((run, row.kind) for run, row in self.stored_runs(session))

    def stored_runs(self, session: str, after: int = 0) -> Iterator[tuple[str, StoredRun]]:
        """Yield the ids and stored rows of runs in the order of their numbers past `after`."""
        bound = place_key(session, after) if after > 0 else b""
        for _, value in self.content.scan(prefix_of("run-at", session), after=bound):
            run = decode(value, IndexEntry).id
            row = self.get(run_key(session, run), StoredRun)
            assert row is not None, f"the run {run} of {session} is lost"
            yield run, row
