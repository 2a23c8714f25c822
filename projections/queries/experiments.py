"""Queries about experiments."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from autolearn.projections.queries.decrypting_reader import After
from autolearn.projections.queries.immutable_rows import Data, remember
from autolearn.projections.queries.run_rows import (
    dataset_of,
)
from autolearn.projections.queries.runs import RunQueries
from autolearn.projections.queries.sessions import SessionQueries
from autolearn.projections.rows.stored_rows import (
    StoredExperiment,
)
from autolearn.projections.storage.store import key, prefix_of
from autolearn.schemas.rest.experiments import ExperimentRow
from autolearn.schemas.values import DatasetRef
from autolearn.security.data_key import Unreadable


class ExperimentQueries(SessionQueries, RunQueries):
    """Experiments, with the data of their runs."""

    def has_experiment(self, experiment: str) -> bool:
        """Return whether there is an experiment."""
        return self.content.get(key("experiment", experiment)) is not None

    def experiment(self, experiment: str) -> ExperimentRow | None:
        """Return an experiment."""
        row = self.get(key("experiment", experiment), StoredExperiment)
        return None if row is None else self.experiment_row(experiment, row)

    def gone(self, experiment: str) -> ExperimentRow | None:
        """Return the remaining row of a deleted experiment."""
        row = self.get(key("experiment-gone", experiment), StoredExperiment)
        return None if row is None else self.experiment_row(experiment, row)

    def committed(self, experiment: str, *, gone: bool = False) -> StoredExperiment | None:
        """Return the stored row of an experiment, or of a deleted one, without decryption."""
        table = "experiment-gone" if gone else "experiment"
        return self.get(key(table, experiment), StoredExperiment)

    def experiment_row(self, experiment: str, row: StoredExperiment) -> ExperimentRow:
        """Return an experiment with its data, as far as these can be read."""
        opened = self.opened(experiment, row.opened)
        training_data, evaluation_data = self._data_of(experiment) if opened else ((), ())
        return ExperimentRow(
            id=experiment,
            title=opened.title if opened else "",
            created=row.created,
            committed=row.committed,
            actor=row.actor,
            sequence=row.sequence,
            trainings=row.trainings,
            training_data=training_data,
            evaluation_data=evaluation_data,
            unreadable=opened is None,
        )

    def _data_of(self, experiment: str) -> Data:
        """Return the datasets of an experiment's trainings and evaluations.

        The requests of its runs name them. As they never change, they are cached.
        """
        if (known := self.known.data.get(experiment)) is not None:
            return known
        found: dict[str, dict[DatasetRef, None]] = {"training": {}, "evaluation": {}}
        for run, row in self.stored_runs(experiment):
            self.looked += 1
            request = self.data("run-request", experiment, run)
            found[row.kind][dataset_of(experiment, self.opens, request)] = None
        data = tuple(found["training"]), tuple(found["evaluation"])
        return remember(self.known.data, experiment, data)

    def experiments(
        self, after: After, limit: int, whose: str | None = None
    ) -> list[ExperimentRow]:
        """Return the first of what `each_experiment` yields."""
        return list(islice(self.each_experiment(after, whose), limit))

    def each_experiment(self, after: After, whose: str | None = None) -> Iterator[ExperimentRow]:
        """Yield experiments, the newest commit first, past (time of the commit, id).

        As `each_session` does.
        """
        ids = self.newest("experiment", after, whose)
        return (row for at in ids if (row := self.experiment(at)) is not None)

    def kept_with(self, name: str) -> list[str]:
        """Return the experiments with a run on a dataset, as far as they can be read.

        It reads all experiments.
        """
        ids = (
            at.rpartition(b"\0")[2].decode() for at, _ in self.content.scan(prefix_of("experiment"))
        )
        return [one for one in ids if self.needs(one, name)]

    def needs(self, experiment: str, name: str) -> bool:
        """Return whether an experiment has a run on a dataset; False if it cannot be read."""
        try:
            return any(ref.name == name for refs in self._data_of(experiment) for ref in refs)
        except Unreadable:
            return False
