"""The catalog: estimators, metrics and datasets."""

from __future__ import annotations

from msgspec.structs import replace

from autolearn.projections.rows.stored_rows import StoredDataset
from autolearn.projections.rows.view_rows import DatasetOwner, EstimatorRow, MetricRow, StoredBytes
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.store import key, prefix_of
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, event_of, kept, lifted
from autolearn.schemas.confidentiality import outline_of
from autolearn.schemas.messages import type_of
from autolearn.schemas.rest.catalog import Grant

TABLES = (
    "estimator",
    "metric",
    "dataset",
    "dataset-version",
    "dataset-version-by-time",
    "dataset-owner",
    "dataset-grant",
    "dataset-bytes",
)

_NAME = slice(len("dataset/"), None)
"""The index of a dataset's name in the name of its stream."""


def register(rows: RowBatch, record: EventRecord) -> None:
    """Fold a registration."""
    match outline_of(record):
        case events.EstimatorRegistered(spec=spec):
            rows.put(key("estimator", spec.name), EstimatorRow(spec, record.time))
        case events.MetricRegistered(spec=spec):
            rows.put(key("metric", spec.name), MetricRow(spec, record.time))
        case events.DatasetRegistered(spec=spec, everybody=everybody, marks=marks):
            content = spec.ref.content
            row = StoredDataset(kept(lifted(record)), record.time, content, spec.bytes)
            at = key("dataset-owner", spec.name)
            whose = rows.get(at, DatasetOwner)
            if whose is None:
                bundled = spec.origin == "bundled"
                whose = DatasetOwner(record.actor, everybody or bundled, bundled, marks=int(marks))
                rows.put(at, whose)
            elif marks:
                rows.put(at, replace(whose, marks=whose.marks + 1))
            version = key("dataset-version", spec.name, content)
            if (before := rows.get(version, StoredDataset)) is None:
                count(rows, whose.owner, spec.bytes)
            else:
                rows.delete(_time_key(spec.name, before.registered, content))
            rows.put(_time_key(spec.name, record.time, content), StoredBytes(spec.bytes))
            rows.put(key("dataset", spec.name), row)
            rows.put(version, row)


def _time_key(name: str, registered: str, content: str) -> bytes:
    return key("dataset-version-by-time", name, registered, content)


def count(rows: RowBatch, owner: str, size: int) -> None:
    """Add to the bytes of an owner."""
    at = key("dataset-bytes", owner)
    held = rows.get(at, StoredBytes) or StoredBytes()
    rows.put(at, StoredBytes(held.bytes + size))


def delete(rows: RowBatch, record: EventRecord) -> None:
    """Delete a dataset, but keep its owner and its readers."""
    name = record.subject[_NAME]
    at = key("dataset-owner", name)
    whose = rows.get(at, DatasetOwner)
    assert whose is not None, "what is deleted was registered"
    rows.put(at, replace(whose, deleted=record.time, by=record.actor))
    rows.delete(key("dataset", name))
    for version in rows.names(prefix_of("dataset-version", name)):
        row = rows.get(version, StoredDataset)
        assert row is not None, "it is there by its name"
        count(rows, whose.owner, -row.bytes)
        rows.delete(version)
        rows.delete(_time_key(name, row.registered, version.rpartition(b"\0")[2].decode()))


def share(rows: RowBatch, record: EventRecord) -> None:
    """Fold a change of a dataset's grants."""
    name = record.subject[_NAME]
    match event_of(record):
        case events.DatasetShared(user=user, may=may):
            rows.put(key("dataset-grant", name, user), Grant(user, may, record.time))
        case events.DatasetUnshared(user=user):
            rows.delete(key("dataset-grant", name, user))


HANDLERS = {
    type_of(events.EstimatorRegistered): register,
    type_of(events.MetricRegistered): register,
    type_of(events.DatasetRegistered): register,
    type_of(events.DatasetShared): share,
    type_of(events.DatasetUnshared): share,
    type_of(events.DatasetDeleted): delete,
}
