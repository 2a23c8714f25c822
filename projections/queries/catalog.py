"""Queries about the catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autolearn.projections.queries.decrypting_reader import (
    After,
    DecryptingReader,
    May,
    Queries,
    anything,
)
from autolearn.projections.queries.immutable_rows import (
    LABELS_KNOWN,
    MARKS_KNOWN,
    KnownLabels,
    remember,
)
from autolearn.projections.queries.run_rows import Registration
from autolearn.projections.rows import catalog
from autolearn.projections.rows.catalog import (
    DatasetRow,
    EstimatorRow,
    MetricRow,
    StepRow,
    StoredDataset,
)
from autolearn.schemas.actors import GROUP
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.codec import from_json
from autolearn.schemas.events import DatasetExpected, DatasetRegistered, RowsLabelled
from autolearn.schemas.rest.catalog import Grant
from autolearn.schemas.rest.labels import DatasetLabel
from autolearn.security.data_key import Unreadable

_KIB = 1024


class CatalogQueries(Queries):
    """Estimators, metrics, steps, and datasets with their versions.

    The columns that are sensitive now are those of `present`; without it, of this one.
    """

    def __init__(self, rows: DecryptingReader, present: CatalogQueries | None = None) -> None:
        super().__init__(rows)
        self.present = present

    def estimator(self, name: str) -> EstimatorRow | None:
        """Return an estimator."""
        return self.rows.get(catalog.ESTIMATORS, name)

    def estimators(self) -> list[EstimatorRow]:
        """Return all estimators, by name."""
        return list(self.rows.scan(catalog.ESTIMATORS))

    def metric(self, name: str) -> MetricRow | None:
        """Return a metric."""
        return self.rows.get(catalog.METRICS, name)

    def metrics(self) -> list[MetricRow]:
        """Return all metrics, by name."""
        return list(self.rows.scan(catalog.METRICS))

    def step(self, name: str) -> StepRow | None:
        """Return a kind of step."""
        return self.rows.get(catalog.STEPS, name)

    def steps(self) -> list[StepRow]:
        """Return all kinds of steps, by name."""
        return list(self.rows.scan(catalog.STEPS))

    def dataset(self, name: str, version: str | None = None) -> DatasetRow | None:
        """Return a dataset: its newest version, or the named one."""
        if version is None:
            row = self.rows.get(catalog.DATASETS, name)
        else:
            row = self.stored_version(name, version)
        return None if row is None else self._dataset_row(name, row)

    def stored_version(self, name: str, version: str) -> StoredDataset | None:
        """Return the row of a version of a dataset."""
        found = (one for _, one in self._contents(name) if self._version(name, one) == version)
        return self.rows.get(catalog.DATASET_VERSIONS, name, next(found, ""))

    def has_version(self, name: str, version: str) -> bool:
        """Return whether a dataset has a version."""
        return version in self._versions(name)

    def _contents(self, name: str, after: After = None) -> Iterator[tuple[str, str]]:
        """Yield the time of registration and the content of versions, newest first."""
        return self.rows.by_time(catalog.DATASET_VERSIONS_BY_TIME, name, after=after)

    def _versions(self, name: str) -> Iterator[str | None]:
        return (self._version(name, content) for _, content in self._contents(name))

    def _version(self, name: str, content: str) -> str | None:
        """Return the version of a content; None if it cannot be read.

        It never changes, and is decrypted once.
        """
        if (known := self.rows.known.versions.get((name, content))) is not None:
            return known
        row = self.rows.get(catalog.DATASET_VERSIONS, name, content)
        if row is None:
            return None
        try:
            said = from_json(self.rows.opens(f"dataset/{name}", row.registration), Registration)
        except Unreadable:
            return None
        return remember(self.rows.known.versions, (name, content), said.spec.version)

    def held_bytes(self, name: str) -> list[int]:
        """Return the bytes of each version of a dataset."""
        return [row.bytes for row in self.rows.scan(catalog.DATASET_VERSIONS_BY_TIME, name)]

    def _dataset_row(self, name: str, row: StoredDataset) -> DatasetRow | None:
        """Return a version of a dataset with its specification; None if it cannot be read."""
        spec = self._spec(name, row)
        if spec is None:
            return None
        sensitive = (self.present or self).sensitive(name)
        return DatasetRow(spec.masked(sensitive), row.registered)

    def _spec(self, name: str, row: StoredDataset) -> DatasetSpec | None:
        """Return the registered specification of a version; None if unreadable."""
        try:
            registration = self.rows.opens(f"dataset/{name}", row.registration)
            return from_json(registration, DatasetRegistered).spec
        except Unreadable:
            return None

    def sensitive(self, name: str) -> tuple[str, ...]:
        """Return the columns of a dataset whose values are hidden, in any version."""
        owner = self.dataset_owner(name)
        if owner is None or not owner.marks:
            return ()
        known = self.rows.known.sensitive
        if (found := known.get((name, owner.marks))) is not None:
            return found
        row = self.rows.get(catalog.DATASETS, name)
        spec = None if row is None else self._spec(name, row)
        if spec is None:
            return ()
        return remember(known, (name, owner.marks), spec.sensitive, MARKS_KNOWN)

    def datasets(self, after: str = "", may: May = anything) -> Iterator[DatasetRow]:
        """Yield the newest version of datasets that one `may` see, by name, past `after`.

        Each is read and decrypted on demand.
        """
        for name, stored in self.rows.items(catalog.DATASETS, after=after):
            if may(name) and (row := self._read(name, stored)) is not None:
                yield row

    def _read(self, name: str, stored: StoredDataset) -> DatasetRow | None:
        """Return a version of a dataset for a list, and count what it costs."""
        self.rows.looked += len(stored.registration) // _KIB
        return self._dataset_row(name, stored)

    def dataset_names(self, after: str = "", may: May = anything) -> Iterator[str]:
        """Yield the names of datasets that one `may` see, in order, without decryption."""
        return filter(may, self.rows.names(catalog.DATASETS, after=after))

    def has_dataset(self, name: str) -> bool:
        """Return whether a dataset exists, without decryption."""
        return self.rows.has(catalog.DATASETS, name)

    def version_names(self, name: str) -> list[str]:
        """Return the readable versions of a dataset, newest first."""
        return [version for version in self._versions(name) if version is not None]

    def versions(self, name: str, after: After = None) -> Iterator[tuple[After, DatasetRow]]:
        """Yield the versions of a dataset, newest first, past (time of registration, content).

        Each comes with its value for `after`; it is read and decrypted on demand.
        """
        for at in self._contents(name, after):
            stored = self.rows.get(catalog.DATASET_VERSIONS, name, at[1])  # None: just deleted
            if stored is not None and (row := self._read(name, stored)) is not None:
                yield at, row

    def dataset_owner(self, name: str) -> catalog.DatasetOwner | None:
        """Return the owner of a dataset, also of a deleted one; None if there never was one."""
        return self.rows.get(catalog.DATASET_OWNERS, name)

    def dataset_bytes(self, user: str) -> int:
        """Return the bytes of all versions of a user's datasets, as the quota counts them."""
        held = self.rows.get(catalog.DATASET_BYTES, user)
        return 0 if held is None else held.bytes

    def labels(self, spec: DatasetSpec, target: str) -> Mapping[int, DatasetLabel]:
        """Return the labels of rows of a version by their numbers (decrypts).

        Labels that were given when the version was read in another number of rows do not count.
        """
        known = self.rows.known.labels.get(spec.name, KnownLabels("", {}))
        added = [*self.rows.items(catalog.DATASET_LABELS, spec.name, after=known.event)]
        labels = {at: {**of} for at, of in known.labels.items()} if added else {**known.labels}
        for _, row in added:
            try:
                said = from_json(self.rows.opens(f"dataset/{spec.name}", row.data), RowsLabelled)
            except Unreadable:
                continue
            there = labels.setdefault((said.dataset_version, said.total, said.target), {})
            for one in said.labels:
                if said.replaces or one.row not in there:
                    there[one.row] = DatasetLabel(one.row, one.value, row.actor, row.time)
        if added:
            found = KnownLabels(added[-1][0], labels)
            remember(self.rows.known.labels, spec.name, found, LABELS_KNOWN)
        return labels.get((spec.version, spec.rows, target), {})

    def expectations(self, name: str) -> catalog.ExpectationsRow | None:
        """Return the expectations of a dataset (decrypts); None if they are unreadable."""
        row = self.rows.get(catalog.DATASET_EXPECTATIONS, name)
        if row is None:
            return catalog.ExpectationsRow()
        try:
            said = from_json(self.rows.opens(f"dataset/{name}", row.data), DatasetExpected)
        except Unreadable:
            return None
        return catalog.ExpectationsRow(said.expectations, row.number, row.time, row.actor)

    def grants(self, name: str) -> list[Grant]:
        """Return the grants of a dataset by user, without its owner."""
        return list(self.rows.scan(catalog.DATASET_GRANTS, name))

    def group_grants(self, name: str) -> Iterator[Grant]:
        """Yield the grants of a dataset to groups."""
        return (row for _, row in self.rows.items(catalog.DATASET_GRANTS, name, start=GROUP))

    def grant(self, name: str, user: str) -> Grant | None:
        """Return the grant of a shared dataset to a user or group/<name>."""
        return self.rows.get(catalog.DATASET_GRANTS, name, user)
