"""A run as queries show it: its stored row, with what its events say."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec.structs import asdict

from autolearn.projections.models import EvaluationRow, RunRow, TrainingRow
from autolearn.projections.stored import StoredRun
from autolearn.schemas.codec import from_json
from autolearn.schemas.work import WORK

__all__ = ["ROW_OF", "run_row"]


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
        },
    ),
}
ROW_OF = {kind: shown.row for kind, shown in SHOWN.items()}
STORED = ("number", "status", "requested", "updated", "attempt", "worker", "started", "ended")


def run_row(session: str, stored: StoredRun) -> RunRow:
    """Return a run of a session or experiment.

    Raises:
        MalformedRecord: the data of one of its events do not fit its type.
    """
    work, shown = WORK[stored.kind], SHOWN[stored.kind]
    request = asdict(from_json(stored.request, work.requested))
    fields: dict[str, Any] = {
        name: value for name, value in request.items() if name in shown.row.__struct_fields__
    }
    fields |= {name: getattr(stored, name) for name in STORED}
    if stored.status == "completed":
        results = from_json(stored.outcome, work.completed)
        fields |= {ours: getattr(results, theirs) for theirs, ours in shown.results.items()}
    elif stored.status == "failed":
        failure = from_json(stored.outcome, work.failed)
        fields |= {"reason": failure.reason, "detail": failure.detail}
    return shown.row(id=request["run"], session=session, **fields)
