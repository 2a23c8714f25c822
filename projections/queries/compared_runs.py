"""The runs of a session as a comparison needs them: without the large parts of their results."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from msgspec import Raw, Struct

from autolearn.projections.queries.annotations import NOTHING_SAID
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.rows import runs
from autolearn.projections.rows.runs import StoredRun
from autolearn.projections.storage.table import Table
from autolearn.schemas.codec import from_json
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.rest.annotations import Annotations
from autolearn.schemas.results import FoldScores
from autolearn.schemas.values import DatasetRef, HeldOut, JsonValue, RunId, SessionId

_NO_DATA = Raw(b"null")


def figure_name(metric: str, average: str = "") -> str:
    """Return the name of a figure: of one class it is the same, however the class was named."""
    is_of_class = average.startswith("of class ")
    return f"{metric}:{average.removeprefix('of class ')}" if is_of_class else metric


class AskedEvaluation(Struct, frozen=True, gc=False):
    """The part of an evaluation's request that says of what its results are."""

    dataset: DatasetRef
    held_out: bool
    held_out_by: HeldOut | None = None


class Measured(Struct, frozen=True):
    """The part of an evaluation's result with its values."""

    results: dict[str, JsonValue]
    rows: int
    averages: dict[str, str] = {}
    baseline: dict[str, JsonValue] = {}


class Fitted(Struct, frozen=True):
    """The part of a training's result that is compared: `fit_seconds` are those of the bare fit."""

    fit_seconds: float
    cross_validation: dict[str, FoldScores] = {}
    cpu_seconds: float | None = None


class _TrainingCompleted(Struct, frozen=True, gc=False):
    result: Fitted


class _EvaluationCompleted(Struct, frozen=True, gc=False):
    result: Measured


class TrainingToCompare(NamedTuple):
    """A training, and its result if it has completed."""

    session: SessionId
    run: RunId
    row: StoredRun
    request: TrainingRequested
    fitted: Fitted | None
    said: Annotations = NOTHING_SAID


class EvaluationToCompare(NamedTuple):
    """A completed evaluation."""

    run: RunId
    training: RunId
    asked: AskedEvaluation
    measured: Measured


def runs_to_compare(
    snapshot: Snapshot, session: SessionId, only: Collection[RunId] | None = None
) -> Iterator[TrainingToCompare | EvaluationToCompare]:
    """Yield the trainings of a session or experiment, and their completed evaluations.

    They come in the order of their requests; with `only`, no others than these trainings.

    Raises:
        Unreadable: the key of the session is not there.
    """
    stream, opens = f"session/{session}", snapshot.rows.opens

    def data(table: Table[Raw], run: RunId) -> Raw:
        return opens(stream, snapshot.rows.get(table, session, run) or _NO_DATA)

    for run, row in snapshot.runs.all_stored(session):
        completed, training = row.status == "completed", row.training or run
        if only is not None and training not in only:
            continue
        if row.kind == "training":
            request = from_json(data(runs.REQUESTS, run), TrainingRequested)
            fitted = None
            if completed:
                fitted = from_json(data(runs.OUTCOMES, run), _TrainingCompleted).result
            said = snapshot.annotations.of(session, run) if row.annotations else NOTHING_SAID
            yield TrainingToCompare(session, run, row, request, fitted, said)
        elif row.kind == "evaluation" and completed:
            asked = from_json(data(runs.REQUESTS, run), AskedEvaluation)
            measured = from_json(data(runs.OUTCOMES, run), _EvaluationCompleted).result
            yield EvaluationToCompare(run, training, asked, measured)
