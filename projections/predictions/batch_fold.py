"""Folds predictions of datasets by a model into hours, apart from the requests."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.projections.predictions.hour_content import content_of, put_content
from autolearn.projections.predictions.hour_fold import MOST_LABELS, UNCLOSED
from autolearn.projections.predictions.hour_rows import FOLDED, key_of, parts_of
from autolearn.projections.storage.projection import StoredProjection
from autolearn.projections.storage.store import Store
from autolearn.projections.storage.table import Table
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, event_of
from autolearn.schemas.confidentiality import outline_of
from autolearn.schemas.records.prediction_hour import FeatureCounts, HourContent, PredictionHour
from autolearn.schemas.results import PredictionResult
from autolearn.security.data_key import Unreadable


class _Open(Struct, frozen=True):
    """A prediction of a dataset that has not ended, by a version of a model."""

    model: str
    version: int


_OPEN = Table("open-batch", _Open)
"""By stream and run."""


class BatchFold(StoredProjection):
    """Folds events of predictions into hours, by the time of their ends (`Projection`).

    A prediction has one end on the log, however many attempts it had, and a row for each hour has
    the `batch` ones. `changed` gets the keys of rows that are written. What cannot be read any
    more, since its experiment was deleted, is not counted.
    """

    def __init__(self, store: Store, vault: SessionCipher, changed: set[bytes]) -> None:
        super().__init__(store)
        self.vault, self.changed = vault, changed

    def fold(self, record: EventRecord, _: int, __: int, /) -> None:
        """Fold one admitted event. Raises LogError: a key cannot be read now."""
        event = outline_of(record)
        if isinstance(event, events.PredictionRequested) and event.model:
            whole = self._opened(record)
            if isinstance(whole, events.PredictionRequested) and whole.backtest is None:
                of = _Open(whole.model, whole.model_version)
                self.rows.put(_OPEN, of, record.subject, event.run)
        elif isinstance(event, events.RunCompleted | events.RunFailed | events.RunCancelled):
            found = self.rows.get(_OPEN, record.subject, event.run)
            if found is None:
                return
            self.rows.delete(_OPEN, record.subject, event.run)
            whole = self._opened(record)
            if isinstance(whole, events.RunCompleted):
                assert isinstance(whole.result, PredictionResult), "so it was requested"
                self._count(found, whole.result, record)

    def _opened(self, record: EventRecord) -> object:
        """Return an event with its confidential part; None if it cannot be read any more."""
        try:
            if isinstance(record.keyid, str):
                self.vault.find(record.keyid)
            return event_of(self.vault.open(record))
        except Unreadable:
            return None

    def _count(self, of: _Open, result: PredictionResult, record: EventRecord) -> None:
        """Count the rows of a prediction."""
        hour = record.time[:13]
        row = PredictionHour(model=of.model, hour=hour, version=of.version, batch=True)
        parts = parts_of(row)
        row = self.rows.change(FOLDED, *parts) or row
        content = content_of(row, self.vault) or HourContent()
        row.requests += 1
        row.rows += result.rows
        if unseen := sum(result.unseen.values()):
            row.warned = {"unseen": row.warned.get("unseen", 0) + unseen}
        labels, scores = Counter[str](content.labels), Counter[int]()
        for batch in result.batches:
            labels.update(batch.counts)
            scores.update(dict(enumerate(batch.scores)))
        named = labels.most_common(MOST_LABELS)
        content.labels = dict(named)
        content.other_labels += labels.total() - sum(many for _, many in named)
        if result.score_edges and scores:
            before = content.scores.counts or [0] * len(scores)
            both = [many + scores[at] for at, many in enumerate(before)]
            content.scores = FeatureCounts(edges=[*result.score_edges], counts=both)
        put_content(row, content, self.vault, secret=isinstance(record.keyid, str))
        self.rows.put(FOLDED, row, *parts)
        self.rows.put(UNCLOSED, 1, row.key)
        self.changed.add(key_of(FOLDED, row))
