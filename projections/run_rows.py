"""A run as queries show it: its stored row, with what its events say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import Raw, Struct
from msgspec.structs import asdict

from autolearn.eventlog.data_keys import Unreadable
from autolearn.eventlog.vault import is_sealed
from autolearn.projections.models import EvaluationRow, RunRow, TrainingRow
from autolearn.projections.stored import StoredRun
from autolearn.schemas.codec import from_json
from autolearn.schemas.confidential import empty
from autolearn.schemas.values import DatasetRef
from autolearn.schemas.work import WORK

__all__ = ["ROW_OF", "Opens", "Registration", "dataset_of", "in_clear", "outline", "run_row"]

Opens = Callable[[str, Raw], Raw]
"""Returns the data of an event of a stream, as a row keeps them, in clear. Raises Unreadable."""


def in_clear(_: str, data: Raw) -> Raw:
    """Return data that are in clear, and no others: what can be done without keys."""
    if is_sealed(data):
        raise Unreadable
    return data


class Of(Struct, frozen=True):
    """What is read of the request of a run to know which data it is of."""

    dataset: DatasetRef


class Version(Struct, frozen=True):
    """What is read of a dataset's specification to know which version it is."""

    version: str


class Registration(Struct, frozen=True):
    """What is read of a registration for that."""

    spec: Version


def dataset_of(session: str, opens: Opens, request: Raw) -> DatasetRef:
    """Return the dataset of a run. Raises Unreadable."""
    return from_json(opens(f"session/{session}", request), Of).dataset


class Shown(NamedTuple):
    """How runs of a kind are shown: the row, and its fields by those of the completing event."""

    row: type[TrainingRow] | type[EvaluationRow]
    results: dict[str, str]


SHOWN = {
    "training": Shown(
        TrainingRow,
        {
            "model": "artifact",
            "parameters": "parameters",
            "environment": "environment",
            "rows_train": "rows_train",
            "rows_test": "rows_test",
            "fit_seconds": "fit_seconds",
            "seconds": "seconds",
        },
    ),
    "evaluation": Shown(
        EvaluationRow,
        {
            "results": "results",
            "environment": "environment",
            "rows": "rows",
            "seconds": "seconds",
            "left_out": "left_out",
            "averages": "averages",
            "unseen": "unseen",
            "notes": "notes",
        },
    ),
}
ROW_OF = {kind: shown.row for kind, shown in SHOWN.items()}
STORED = ("number", "status", "requested", "updated", "attempt", "worker", "started", "ended")


def run_row(
    session: str, stored: StoredRun, opens: Opens, run: str, request: Raw, outcome: Raw
) -> RunRow:
    """Return a run of a session or experiment; what cannot be opened is empty.

    `request` and `outcome` are the data of its events.

    Raises:
        MalformedRecord: the data of one of its events do not fit its type.
    """
    try:
        return told(session, stored, opens, run, request, outcome)
    except Unreadable:
        return outline(session, stored, run)


def told(
    session: str, stored: StoredRun, opens: Opens, run: str, request: Raw, outcome: Raw
) -> RunRow:
    """Return a run with all that is said of it. Raises Unreadable."""
    work, shown, stream = WORK[stored.kind], SHOWN[stored.kind], f"session/{session}"
    asked = asdict(from_json(opens(stream, request), work.requested))
    fields: dict[str, Any] = {
        name: value for name, value in asked.items() if name in shown.row.__struct_fields__
    }
    fields |= {name: getattr(stored, name) for name in STORED}
    if stored.status == "completed":
        results = from_json(opens(stream, outcome), work.completed)
        fields |= {ours: getattr(results, theirs) for theirs, ours in shown.results.items()}
    elif stored.status == "failed":
        failure = from_json(opens(stream, outcome), work.failed)
        fields |= {"reason": failure.reason, "detail": failure.detail}
    return shown.row(id=run, session=session, **fields)


def outline(session: str, stored: StoredRun, run: str) -> RunRow:
    """Return what is known of a run without its key: how it goes, not what it is."""
    work, shown = WORK[stored.kind], SHOWN[stored.kind]
    nothing = asdict(empty(work.requested))
    fields = {k: value for k, value in nothing.items() if k in shown.row.__struct_fields__}
    fields |= {name: getattr(stored, name) for name in STORED}
    if stored.kind == "evaluation":
        fields["training"] = stored.training
    return shown.row(id=run, session=session, unreadable=True, **fields)
