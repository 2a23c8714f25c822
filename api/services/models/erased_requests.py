"""Which records of the prediction log count: of an erased request only the newest one."""

from __future__ import annotations

from collections.abc import Collection

from autolearn.projections.queries.models import ModelQueries
from autolearn.projections.rows.models import StoredErasure
from autolearn.schemas.records.prediction import PredictionRecord


class ErasedRequests:
    """The erased rows of a model's requests, as the registry has them.

    A row is hidden as soon as the registry says so. The record before stays on the log until the
    brokers compact it, and does not count any more.
    """

    def __init__(self, models: ModelQueries, model: str) -> None:
        self.models, self.model = models, model
        self.any = models.has_erased(model)

    def of(self, request: str) -> StoredErasure | None:
        """Return the erasure of a request; None if nothing of it is erased."""
        return self.models.erased(self.model, request) if self.any else None

    def rows(self, request: str) -> Collection[int]:
        """Return the erased rows of a request."""
        found = self.of(request)
        return () if found is None else found.rows

    def counts(self, record: PredictionRecord) -> bool:
        """Return whether a record is the one of its request that counts."""
        found = self.of(record.id)
        if found is None:
            return record.erased is None
        return record.erased is not None and record.erased.id == found.erasure
