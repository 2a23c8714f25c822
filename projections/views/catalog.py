"""The catalog: models, metrics and datasets on offer."""

from __future__ import annotations

from autolearn.projections.models import DatasetRow, EstimatorRow, MetricRow
from autolearn.projections.rows import Rows
from autolearn.projections.store import key
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, event_of
from autolearn.schemas.messages import type_of

__all__ = ["HANDLERS", "TABLES"]

TABLES = ("estimator", "metric", "dataset", "dataset-version")


def register(rows: Rows, record: EventRecord) -> None:
    """Take a registration in."""
    match event_of(record):
        case events.EstimatorRegistered(spec=spec):
            rows.put(key("estimator", spec.name), EstimatorRow(spec, record.time))
        case events.MetricRegistered(spec=spec):
            rows.put(key("metric", spec.name), MetricRow(spec, record.time))
        case events.DatasetRegistered(spec=spec):
            row = DatasetRow(spec, record.time)
            rows.put(key("dataset", spec.name), row)
            rows.put(key("dataset-version", spec.name, spec.version), row)


HANDLERS = {
    type_of(events.EstimatorRegistered): register,
    type_of(events.MetricRegistered): register,
    type_of(events.DatasetRegistered): register,
}
