"""Models: their versions, aliases and grants, and who answered from when to when."""

from __future__ import annotations

from autolearn.projections.rows import models
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.table import IndexEntry
from autolearn.projections.views.view import View
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, kept
from autolearn.schemas.confidentiality import outline_of
from autolearn.schemas.messages import Event
from autolearn.schemas.models.erasure import erased_in
from autolearn.schemas.models.traffic import version_in
from autolearn.schemas.rest.models import ModelGrant

_NAME = slice(len("model/"), None)
"""The index of a model's name in the name of its stream."""


def _register(rows: RowBatch, record: EventRecord) -> None:
    """Fold a version, the first of which makes the model."""
    event, name, time = outline_of(record), record.subject[_NAME], record.time
    assert isinstance(event, events.VersionRegistered)
    if rows.get(models.MODELS, name) is None:
        made = models.StoredModel(record.actor, time, time, record.sequence)
        rows.put(models.MODELS, made, name)
        rows.put(models.OF_USER, IndexEntry(name), record.actor, name)
    _changed(rows, record).versions = event.number
    version = models.StoredVersion(
        kept(record), time, record.actor, event.experiment, event.training, record.sequence
    )
    rows.put(models.VERSIONS, version, name, event.number)
    if event.experiment:
        used = str(event.number)
        rows.put(models.USED, IndexEntry(used), event.experiment, name, used)


def _changed(rows: RowBatch, record: EventRecord) -> models.StoredModel:
    """Return the row of a model, marked as changed by an event."""
    row = rows.change(models.MODELS, record.subject[_NAME])
    assert row is not None, f"{record.type} for a model that was not made"
    row.updated, row.sequence = record.time, record.sequence
    return row


def _retire(rows: RowBatch, record: EventRecord) -> None:
    """Fold the end of a version: its experiment is needed no longer."""
    event, name = outline_of(record), record.subject[_NAME]
    assert isinstance(event, events.VersionRetired)
    _changed(rows, record).retired += 1
    row = rows.change(models.VERSIONS, name, event.number)
    assert row is not None, f"version {event.number} of {name} is lost"
    row.retired, row.retired_by, row.ending = record.time, record.actor, kept(record)
    rows.delete(models.USED, row.experiment, name, str(event.number))


def _alias(rows: RowBatch, record: EventRecord) -> None:
    """Fold a change of who has an alias."""
    event = outline_of(record)
    assert isinstance(event, events.AliasSet | events.VersionPromoted | events.VersionRolledBack)
    row = _changed(rows, record)
    before = row.aliases.get(event.alias, 0)
    row.aliases = {at: number for at, number in row.aliases.items() if at != event.alias}
    if event.number:
        row.aliases[event.alias] = event.number
    _note(rows, record, event, event.number, event.alias, before)


def _note(
    rows: RowBatch,
    record: EventRecord,
    event: Event,
    version: int,
    alias: str = "",
    before: int = 0,
) -> None:
    """Put a change into the timeline."""
    kind, said = type(event).__name__, kept(record)
    change = models.StoredChange(kind, alias, version, before, record.time, record.actor, said)
    rows.put(models.CHANGES, change, record.subject[_NAME], record.sequence)


def _route(rows: RowBatch, record: EventRecord) -> None:
    """Fold a change of the traffic or the shadow."""
    event, row = outline_of(record), _changed(rows, record)
    version = 0
    match event:
        case events.TrafficSet(revision=revision, routes=routes, guards=guards):
            said = (record.time, record.actor, kept(record))
            row.traffic = models.StoredTraffic(revision, routes, guards, *said) if routes else None
        case events.TrafficRolledBack():
            row.traffic, version = None, event.number
        case events.ShadowSet():
            row.shadow, version = event.shadow, version_in(row.aliases, event.shadow)
    _note(rows, record, event, version)


def _recording(rows: RowBatch, record: EventRecord) -> None:
    """Fold how answers are recorded."""
    event = outline_of(record)
    assert isinstance(event, events.RecordingSet)
    row = _changed(rows, record)
    row.recording, row.days = event.recording, event.days


def _erase(rows: RowBatch, record: EventRecord) -> None:
    """Fold which rows of requests are erased."""
    event, name = outline_of(record), record.subject[_NAME]
    assert isinstance(event, events.PredictionsErased)
    _changed(rows, record)
    for request, one in erased_in(event.requests).items():
        row = rows.get(models.ERASED, name, request)
        erased = {*one.rows, *(row.rows if row else ())}
        stored = models.StoredErasure(record.causationid, tuple(sorted(erased)), one.offset)
        rows.put(models.ERASED, stored, name, request)


def _case(rows: RowBatch, record: EventRecord) -> None:
    """Fold a named case, or its end."""
    event, name = outline_of(record), record.subject[_NAME]
    assert isinstance(event, events.CaseAdded | events.CaseRemoved)
    _changed(rows, record)
    if isinstance(event, events.CaseRemoved):
        rows.delete(models.CASES, name, event.number)
        return
    case = models.StoredCase(kept(record), record.time, record.actor, record.sequence)
    rows.put(models.CASES, case, name, event.number)


def _share(rows: RowBatch, record: EventRecord) -> None:
    """Fold a change of the grants."""
    event, name = outline_of(record), record.subject[_NAME]
    row = _changed(rows, record)
    match event:
        case events.ModelShared(user=user, may=may):
            rates = (event.requests_per_second, event.rows_per_second)
            rows.put(models.GRANTS, ModelGrant(user, may, record.time, *rates), name, user)
            if user != row.owner:
                rows.put(models.SHARED_WITH, IndexEntry(name), user, name)
        case events.ModelUnshared(user=user):
            rows.delete(models.GRANTS, name, user)
            rows.delete(models.SHARED_WITH, user, name)


def _delete(rows: RowBatch, record: EventRecord) -> None:
    """Fold the end of a model. Its owner stays known; its name is never reused."""
    name = record.subject[_NAME]
    row = _changed(rows, record)
    row.deleted, row.aliases, row.traffic, row.shadow = record.time, {}, None, ""
    for number in range(1, row.versions + 1):
        version = rows.get(models.VERSIONS, name, number)
        assert version is not None, f"version {number} of {name} is lost"
        if not version.retired:
            rows.delete(models.USED, version.experiment, name, str(number))
        rows.delete(models.VERSIONS, name, number)
    rows.delete(models.OF_USER, row.owner, name)
    for request in rows.names(models.ERASED, name):
        rows.delete(models.ERASED, name, request)
    for user in rows.names(models.GRANTS, name):
        rows.delete(models.GRANTS, name, user)
        rows.delete(models.SHARED_WITH, user, name)


VIEW = View(
    "models",
    models,
    handlers={
        events.VersionRegistered: _register,
        events.VersionRetired: _retire,
        events.AliasSet: _alias,
        events.VersionPromoted: _alias,
        events.VersionRolledBack: _alias,
        events.TrafficSet: _route,
        events.TrafficRolledBack: _route,
        events.ShadowSet: _route,
        events.RecordingSet: _recording,
        events.CaseAdded: _case,
        events.CaseRemoved: _case,
        events.PredictionsErased: _erase,
        events.ModelShared: _share,
        events.ModelUnshared: _share,
        events.ModelDeleted: _delete,
    },
)
