"""Queries about the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from autolearn.projections.queries.decrypting_reader import After, DecryptingReader, May, anything
from autolearn.projections.queries.immutable_rows import MARKS_KNOWN, remember
from autolearn.projections.queries.run_rows import (
    Registration,
)
from autolearn.projections.rows.stored_rows import (
    StoredDataset,
)
from autolearn.projections.rows.view_rows import (
    DatasetOwner,
    DatasetRow,
    EstimatorRow,
    MetricRow,
    StoredBytes,
)
from autolearn.projections.storage.row_reader import decode
from autolearn.projections.storage.store import key, prefix_of
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.codec import from_json
from autolearn.schemas.events import DatasetRegistered
from autolearn.schemas.rest.catalog import Grant
from autolearn.security.data_key import Unreadable

KIB, DATASETS = 1024, prefix_of("dataset")


class CatalogQueries(DecryptingReader):
    """Estimators, metrics, and datasets with their versions.

    `present` has the columns that are sensitive now.
    """

    present: CatalogQueries

    def estimator(self, name: str) -> EstimatorRow | None:
        """Return an estimator."""
        return self.get(key("estimator", name), EstimatorRow)

    def estimators(self) -> list[EstimatorRow]:
        """Return all estimators, by name."""
        return list(self.scan(prefix_of("estimator"), EstimatorRow))

    def metric(self, name: str) -> MetricRow | None:
        """Return a metric."""
        return self.get(key("metric", name), MetricRow)

    def metrics(self) -> list[MetricRow]:
        """Return all metrics, by name."""
        return list(self.scan(prefix_of("metric"), MetricRow))

    def dataset(self, name: str, version: str | None = None) -> DatasetRow | None:
        """Return a dataset: its newest version, or the named one."""
        at = key("dataset", name)
        if version is not None:
            found = (one for _, one in self.contents(name) if self.version(name, one) == version)
            if (content := next(found, None)) is None:
                return None
            at = key("dataset-version", name, content)
        row = self.get(at, StoredDataset)
        return None if row is None else self._dataset_row(name, row)

    def has_version(self, name: str, version: str) -> bool:
        """Return whether a dataset has a version."""
        return any(self.version(name, content) == version for _, content in self.contents(name))

    def contents(self, name: str, after: After = None) -> Iterator[tuple[str, str]]:
        """Yield values of `after`: time of registration and content of versions, newest first.

        Their registrations are not read.
        """
        index = ("dataset-version-by-time", name)
        bound = key(*index, *after) if after else b""
        for at, _ in self.content.scan(prefix_of(*index), after=bound, reverse=True):
            time, _, content = at.decode().rpartition("\0")
            yield time.rpartition("\0")[2], content

    def version(self, name: str, content: str) -> str | None:
        """Return the version of a content; None if it cannot be read.

        It never changes, and is decrypted once.
        """
        if (known := self.known.versions.get((name, content))) is not None:
            return known
        row = self.get(key("dataset-version", name, content), StoredDataset)
        if row is None:
            return None
        try:
            said = from_json(self.opens(f"dataset/{name}", row.registration), Registration)
        except Unreadable:
            return None
        return remember(self.known.versions, (name, content), said.spec.version)

    def held_bytes(self, name: str) -> list[int]:
        """Return the bytes of each version of a dataset."""
        return [
            row.bytes for row in self.scan(prefix_of("dataset-version-by-time", name), StoredBytes)
        ]

    def _dataset_row(self, name: str, row: StoredDataset) -> DatasetRow | None:
        """Return a version of a dataset with its specification; None if it cannot be read."""
        spec = self.spec(name, row)
        if spec is None:
            return None
        return DatasetRow(spec.masked(self.present.sensitive(name)), row.registered)

    def spec(self, name: str, row: StoredDataset) -> DatasetSpec | None:
        """Return the registered specification of a version; None if unreadable."""
        try:
            return from_json(
                self.opens(f"dataset/{name}", row.registration), DatasetRegistered
            ).spec
        except Unreadable:
            return None

    def sensitive(self, name: str) -> tuple[str, ...]:
        """Return the columns of a dataset whose values are hidden, in any version."""
        owner = self.dataset_owner(name)
        if owner is None or not owner.marks:
            return ()
        if (known := self.known.sensitive.get((name, owner.marks))) is not None:
            return known
        row = self.get(key("dataset", name), StoredDataset)
        spec = None if row is None else self.spec(name, row)
        if spec is None:
            return ()
        return remember(self.known.sensitive, (name, owner.marks), spec.sensitive, MARKS_KNOWN)

    def datasets(
        self, after: str = "", limit: int | None = None, may: May = anything
    ) -> list[DatasetRow]:
        """Return the first of what `each_dataset` yields."""
        return list(islice(self.each_dataset(after, may), limit))

    def each_dataset(self, after: str = "", may: May = anything) -> Iterator[DatasetRow]:
        """Yield the newest version of datasets that one `may` see, by name, past `after`.

        Each is read and decrypted on demand.
        """
        bound = key("dataset", after) if after else b""
        for at, value in self.content.scan(DATASETS, after=bound):
            name = at.rpartition(b"\0")[2].decode()
            if may(name):
                self.looked += len(value) // KIB
                row = self._dataset_row(name, decode(value, StoredDataset))
                if row is not None:
                    yield row

    def dataset_names(self, may: May = anything) -> Iterator[str]:
        """Yield the names of datasets that one `may` see, in order, without decryption."""
        names = (at.rpartition(b"\0")[2].decode() for at, _ in self.content.scan(DATASETS))
        return filter(may, names)

    def has_dataset(self, name: str) -> bool:
        """Return whether a dataset exists, without decryption."""
        return self.content.get(key("dataset", name)) is not None

    def dataset_versions(self, name: str) -> Iterator[DatasetRow]:
        """Yield all versions of a dataset, newest first, each read on demand."""
        return (row for _, row in self.each_version(name))

    def version_names(self, name: str) -> list[str]:
        """Return the readable versions of a dataset, newest first."""
        found = (self.version(name, content) for _, content in self.contents(name))
        return [version for version in found if version is not None]

    def each_version(self, name: str, after: After = None) -> Iterator[tuple[After, DatasetRow]]:
        """Yield the versions of a dataset, newest first, past (time of registration, content).

        Each comes with its value for `after`; it is read and decrypted on demand.
        """
        for time, content in self.contents(name, after):
            stored = self.get(key("dataset-version", name, content), StoredDataset)
            if stored is None:
                continue  # it has just been deleted
            self.looked += len(stored.registration) // KIB
            row = self._dataset_row(name, stored)
            if row is not None:
                yield (time, content), row

    def dataset_owner(self, name: str) -> DatasetOwner | None:
        """Return the owner of a dataset, also of a deleted one; None if there never was one."""
        return self.get(key("dataset-owner", name), DatasetOwner)

    def dataset_bytes(self, user: str) -> int:
        """Return the bytes of all versions of a user's datasets, as the quota counts them."""
        held = self.get(key("dataset-bytes", user), StoredBytes)
        return 0 if held is None else held.bytes

    def grants(self, name: str) -> list[Grant]:
        """Return the grants of a dataset by user, without its owner."""
        return list(self.scan(prefix_of("dataset-grant", name), Grant))

    def grant(self, name: str, user: str) -> Grant | None:
        """Return a user's grant of a shared dataset."""
        return self.get(key("dataset-grant", name, user), Grant)
