"""Queries about experiments."""

from __future__ import annotations

from collections.abc import Iterator

from autolearn.projections.queries.decrypting_reader import After, DecryptingReader, Queries
from autolearn.projections.queries.immutable_rows import KeptRuns, remember
from autolearn.projections.queries.run_rows import dataset_of
from autolearn.projections.queries.runs import RunQueries
from autolearn.projections.queries.sessions import SessionQueries
from autolearn.projections.rows import experiments
from autolearn.projections.rows.experiments import StoredExperiment
from autolearn.projections.rows.runs import RUNS, StoredRun
from autolearn.schemas.rest.experiments import ExperimentRow
from autolearn.schemas.values import NO_DATASET, DatasetRef, RunId, SessionId
from autolearn.security.data_key import Unreadable


class ExperimentQueries(Queries):
    """Experiments, with the data of their runs."""

    def __init__(self, rows: DecryptingReader, sessions: SessionQueries, runs: RunQueries) -> None:
        super().__init__(rows)
        self.sessions, self.runs = sessions, runs

    def has(self, experiment: SessionId) -> bool:
        """Return whether there is an experiment."""
        return self.rows.has(experiments.KEPT, experiment)

    def held_for(self, experiment: SessionId) -> Iterator[str]:
        """Yield the models for which an experiment is held, by name."""
        return self.rows.names(experiments.HELD, experiment)

    def get(self, experiment: SessionId) -> ExperimentRow | None:
        """Return an experiment with its data, as far as these can be read."""
        row = self.stored(experiment)
        if row is None:
            return None
        opened, said = self.sessions.opened(experiment, row), self.sessions.said(experiment, row)
        runs = self._kept_runs(experiment, row) if opened else KeptRuns()
        return ExperimentRow(
            id=experiment,
            title=opened.title if opened else "",
            created=row.created,
            committed=row.committed,
            actor=row.actor,
            sequence=row.sequence,
            trainings=row.trainings,
            **runs._asdict(),
            tags=said.tags,
            notes=said.notes,
            unreadable=opened is None,
        )

    def stored(self, experiment: SessionId, *, gone: bool = False) -> StoredExperiment | None:
        """Return the stored row of an experiment, or of a deleted one, without decryption."""
        return self.rows.get(experiments.GONE if gone else experiments.KEPT, experiment)

    def _kept_runs(self, experiment: SessionId, kept: StoredExperiment) -> KeptRuns:
        """Return the datasets and the cost of the runs that an experiment keeps.

        Their requests and results say them. As they never change, they are cached.
        """
        if (known := self.rows.known.kept_runs.get(experiment)) is not None:
            return known
        found: dict[str, dict[DatasetRef, None]] = {"training": {}, "evaluation": {}}
        cpu_seconds: float | None = None
        for run, row in self.runs.all_stored(experiment):
            if row.number > kept.sequence:
                break
            if (seconds := self.runs.cpu_seconds(experiment, run)) is not None:
                cpu_seconds = (cpu_seconds or 0.0) + seconds
            if row.kind not in found:
                continue
            self.rows.looked += 1
            request = self.runs.request(experiment, run)
            data = dataset_of(experiment, self.rows.opens, request)
            if data != NO_DATASET:
                found[row.kind][data] = None
        kept_runs = KeptRuns(tuple(found["training"]), tuple(found["evaluation"]), cpu_seconds)
        return remember(self.rows.known.kept_runs, experiment, kept_runs)

    def newest(
        self, after: After = None, whose: str | None = None, *, shared: bool = False
    ) -> Iterator[ExperimentRow]:
        """Yield experiments, the newest commit first, past (time of the commit, id).

        As `SessionQueries.newest` does.
        """
        ids = self.ids(after, whose, shared=shared)
        return (row for at in ids if (row := self.get(at)) is not None)

    def ids(
        self, after: After = None, whose: str | None = None, *, shared: bool = False
    ) -> Iterator[SessionId]:
        """Yield the ids of what `newest` yields."""
        if whose is None:
            return map(SessionId, self.rows.newest(experiments.BY_TIME, after=after))
        own, granted = experiments.OF_USER, experiments.SHARED_WITH
        return self.sessions.of_user(own, granted, whose, after, shared=shared)

    def open_runs(self) -> Iterator[tuple[SessionId, RunId, StoredRun]]:
        """Yield the runs since a commit that have not ended, each with its experiment and id."""
        for run, entry in self.rows.items(experiments.OPEN_RUNS):
            row = self.rows.get(RUNS, entry.id, run)
            assert row is not None, f"the run {run} of {entry.id} is lost"
            yield SessionId(entry.id), RunId(run), row

    def gone_ids(self, after: After = None) -> Iterator[SessionId]:
        """Yield the ids of deleted experiments, the newest commit first."""
        return map(SessionId, self.rows.newest(experiments.GONE_BY_TIME, after=after))

    def kept_with(self, name: str) -> list[SessionId]:
        """Return the experiments with a run on a dataset, as far as they can be read.

        It reads all experiments.
        """
        every = self.rows.items(experiments.KEPT)
        return [at for one, row in every if self._needs(at := SessionId(one), row, name)]

    def _needs(self, experiment: SessionId, row: StoredExperiment, name: str) -> bool:
        """Return whether an experiment keeps a run on a dataset; False if it cannot be read."""
        try:
            runs = self._kept_runs(experiment, row)
            return any(ref.name == name for ref in runs.training_data + runs.evaluation_data)
        except Unreadable:
            return False
