"""The catalog: estimators, metrics, steps and datasets."""

from __future__ import annotations

from msgspec.structs import replace

from autolearn.projections.rows import catalog
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.views.view import View
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, event_of, kept, lifted
from autolearn.schemas.confidentiality import outline_of
from autolearn.schemas.rest.catalog import Grant

_NAME = slice(len("dataset/"), None)
"""The index of a dataset's name in the name of its stream."""


def _register(rows: RowBatch, record: EventRecord) -> None:
    """Fold a registration."""
    match outline_of(record):
        case events.EstimatorRegistered(spec=spec):
            rows.put(catalog.ESTIMATORS, catalog.EstimatorRow(spec, record.time), spec.name)
        case events.MetricRegistered(spec=spec):
            rows.put(catalog.METRICS, catalog.MetricRow(spec, record.time), spec.name)
        case events.StepRegistered(spec=spec):
            rows.put(catalog.STEPS, catalog.StepRow(spec, record.time), spec.name)
        case events.DatasetRegistered(spec=spec, everybody=everybody, marks=marks):
            content = spec.ref.content
            row = catalog.StoredDataset(kept(lifted(record)), record.time, content, spec.bytes)
            whose = rows.get(catalog.DATASET_OWNERS, spec.name)
            if whose is None:
                bundled = spec.origin == "bundled"
                everybody = everybody or bundled
                whose = catalog.DatasetOwner(record.actor, everybody, bundled, marks=int(marks))
                rows.put(catalog.DATASET_OWNERS, whose, spec.name)
            elif marks:
                rows.put(catalog.DATASET_OWNERS, replace(whose, marks=whose.marks + 1), spec.name)
            if (before := rows.get(catalog.DATASET_VERSIONS, spec.name, content)) is None:
                _count(rows, whose.owner, spec.bytes)
            else:
                rows.delete(catalog.DATASET_VERSIONS_BY_TIME, spec.name, before.registered, content)
            held = catalog.StoredBytes(spec.bytes)
            rows.put(catalog.DATASET_VERSIONS_BY_TIME, held, spec.name, record.time, content)
            rows.put(catalog.DATASETS, row, spec.name)
            rows.put(catalog.DATASET_VERSIONS, row, spec.name, content)


def _count(rows: RowBatch, owner: str, size: int) -> None:
    """Add to the bytes of an owner."""
    held = rows.get(catalog.DATASET_BYTES, owner) or catalog.StoredBytes()
    rows.put(catalog.DATASET_BYTES, catalog.StoredBytes(held.bytes + size), owner)


def _delete(rows: RowBatch, record: EventRecord) -> None:
    """Delete a dataset, but keep its owner and its readers."""
    name = record.subject[_NAME]
    whose = rows.get(catalog.DATASET_OWNERS, name)
    assert whose is not None, "what is deleted was registered"
    rows.put(catalog.DATASET_OWNERS, replace(whose, deleted=record.time, by=record.actor), name)
    rows.delete(catalog.DATASETS, name)
    rows.delete(catalog.DATASET_EXPECTATIONS, name)
    for number in rows.names(catalog.DATASET_LABELS, name):
        rows.delete(catalog.DATASET_LABELS, name, number)
    for content in rows.names(catalog.DATASET_VERSIONS, name):
        row = rows.get(catalog.DATASET_VERSIONS, name, content)
        assert row is not None, "it is there by its name"
        _count(rows, whose.owner, -row.bytes)
        rows.delete(catalog.DATASET_VERSIONS, name, content)
        rows.delete(catalog.DATASET_VERSIONS_BY_TIME, name, row.registered, content)


def _label(rows: RowBatch, record: EventRecord) -> None:
    """Fold labels of rows."""
    labels = catalog.StoredLabels(kept(record), record.time, record.actor)
    rows.put(catalog.DATASET_LABELS, labels, record.subject[_NAME], f"{record.sequence:012}")


def _expect(rows: RowBatch, record: EventRecord) -> None:
    """Fold what is expected of a dataset."""
    event = outline_of(record)
    assert isinstance(event, events.DatasetExpected), "the only event of this handler"
    row = catalog.StoredExpectations(kept(record), event.number, record.time, record.actor)
    rows.put(catalog.DATASET_EXPECTATIONS, row, record.subject[_NAME])


def _share(rows: RowBatch, record: EventRecord) -> None:
    """Fold a change of a dataset's grants."""
    name = record.subject[_NAME]
    match event_of(record):
        case events.DatasetShared(user=user, may=may):
            may = "work" if may == "write" else may
            rows.put(catalog.DATASET_GRANTS, Grant(user, may, record.time), name, user)
        case events.DatasetUnshared(user=user):
            rows.delete(catalog.DATASET_GRANTS, name, user)


VIEW = View(
    "catalog",
    catalog,
    handlers={
        events.EstimatorRegistered: _register,
        events.MetricRegistered: _register,
        events.StepRegistered: _register,
        events.DatasetRegistered: _register,
        events.RowsLabelled: _label,
        events.DatasetExpected: _expect,
        events.DatasetShared: _share,
        events.DatasetUnshared: _share,
        events.DatasetDeleted: _delete,
    },
)
