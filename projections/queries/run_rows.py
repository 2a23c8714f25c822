"""Runs as queries return them: the stored row, with the data of its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from msgspec import Raw, Struct
from msgspec.structs import asdict

from autolearn.eventlog.encryption.session_cipher import is_sealed
from autolearn.projections.rows.runs import StoredRun
from autolearn.schemas import events
from autolearn.schemas.codec import from_json
from autolearn.schemas.confidentiality import empty
from autolearn.schemas.rest.runs import AnyRunRow
from autolearn.schemas.stream_kinds import stream_of_runs
from autolearn.schemas.values import Column, DatasetRef, RunId, SessionId
from autolearn.schemas.work_kinds import WORK
from autolearn.schemas.workers.labels import labels_in
from autolearn.security.data_key import Unreadable

Opens = Callable[[str, Raw], Raw]
"""Decrypts the data of an event of a stream, as a row stores them. Raises Unreadable."""


def in_clear(_: str, data: Raw) -> Raw:
    """Return data in clear; refuse encrypted ones: for queries without keys."""
    if is_sealed(data):
        raise Unreadable
    return data


class Of(Struct, frozen=True):
    """The part of a run's request that names its data."""

    dataset: DatasetRef


class VersionOnly(Struct, frozen=True):
    """The part of a dataset's specification that names its version."""

    version: str


class Registration(Struct, frozen=True):
    """The part of a registration that names the version."""

    spec: VersionOnly


class _Imported(Struct, frozen=True):
    """The fields that only the event of a training that was made elsewhere has."""

    imported: bool = False
    columns: tuple[Column, ...] = ()


def dataset_of(session: SessionId, opens: Opens, request: Raw) -> DatasetRef:
    """Return the dataset of a run. Raises Unreadable."""
    return from_json(opens(stream_of_runs(session), request), Of).dataset


_ROW_OF: dict[str, type[AnyRunRow]] = {row.kind: row for row in get_args(AnyRunRow)}
"""The row type of each kind of work: its fields are those of the request and the result."""
_STORED = (
    *("number", "status", "requested", "updated", "attempt", "worker", "started", "ended"),
    "actor",
)


def run_row(
    session: SessionId, stored: StoredRun, opens: Opens, run: RunId, request: Raw, outcome: Raw
) -> AnyRunRow:
    """Return a run of a session or experiment; data that cannot be decrypted are empty.

    `request` and `outcome` are the data of its events.

    Raises:
        MalformedRecord: the data of one of its events do not fit its type.
    """
    try:
        return _told(session, stored, opens, run, request, outcome)
    except Unreadable:
        return outline(session, stored, run)


def _told(
    session: SessionId, stored: StoredRun, opens: Opens, run: RunId, request: Raw, outcome: Raw
) -> AnyRunRow:
    """Return a run with all its data. Raises Unreadable."""
    work, row, stream = WORK[stored.kind], _ROW_OF[stored.kind], stream_of_runs(session)
    asked = opens(stream, request)
    fields = _shown(from_json(asked, work.requested), row, stored)
    if stored.kind == "training":
        fields |= asdict(from_json(asked, _Imported))
    if stored.status == "completed":
        completed = from_json(opens(stream, outcome), events.RunCompleted)
        fields |= asdict(completed.result)
    elif stored.status == "failed":
        failure = from_json(opens(stream, outcome), events.RunFailed)
        fields |= {"reason": failure.reason, "detail": failure.detail}
    return row(id=run, session=session, **fields)


def _shown(asked: events.RunRequested, row: type[AnyRunRow], stored: StoredRun) -> dict[str, Any]:
    """Return the fields of a row: the request, and the state."""
    fields = {k: value for k, value in asdict(asked).items() if k in row.__struct_fields__}
    fields |= {name: getattr(stored, name) for name in _STORED}
    return fields | {"labels": labels_in(stored.labels)}


def outline(session: SessionId, stored: StoredRun, run: RunId) -> AnyRunRow:
    """Return the state of a run without its encrypted data."""
    row = _ROW_OF[stored.kind]
    fields = _shown(empty(WORK[stored.kind].requested), row, stored)
    if "training" in row.__struct_fields__:
        fields["training"] = stored.training
    return row(id=run, session=session, unreadable=True, **fields)
