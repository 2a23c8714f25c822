"""The catalog: models, metrics and datasets on offer."""

from __future__ import annotations

from autolearn.projections.models import DatasetRow, EstimatorRow, MetricRow
from autolearn.projections.rows import Rows
from autolearn.projections.store import key
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.messages import Event

__all__ = ["TABLES", "fold"]

TABLES = ("estimator", "metric", "dataset", "dataset-version")


def fold(rows: Rows, record: EventRecord, event: Event) -> None:
    """Take a registration in."""
    match event:
        case events.EstimatorRegistered(spec=spec):
            rows.put(key("estimator", spec.name), EstimatorRow(spec, record.time))
        case events.MetricRegistered(spec=spec):
            rows.put(key("metric", spec.name), MetricRow(spec, record.time))
        case events.DatasetRegistered(spec=spec):
            row = DatasetRow(spec, record.time)
            rows.put(key("dataset", spec.name), row)
            rows.put(key("dataset-version", spec.name, spec.version), row)
