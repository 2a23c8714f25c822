"""What users say about sessions, experiments and their trainings: the rows of each event."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from msgspec import Struct

from autolearn.projections.rows.annotations import ANNOTATIONS, StoredAnnotation
from autolearn.projections.rows.runs import RUNS
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.schemas.codec import EventRecord, kept, read_part
from autolearn.schemas.values import NO_RUN, RunId, SessionId


class _About(Struct, frozen=True, gc=False):
    """The field of an annotation that a fold reads; the other data are stored raw."""

    run: RunId = NO_RUN


_about = msgspec.json.Decoder(_About)


def add_annotation(rows: RowBatch, record: EventRecord, session: SessionId) -> RunId:
    """Fold an annotation of a session or experiment, and return the training that it is of."""
    run = read_part(record, _about).run
    annotation = StoredAnnotation(kept(record), record.time, record.actor, run)
    rows.put(ANNOTATIONS, annotation, session, f"{record.sequence:012}")
    if run:
        training = rows.change(RUNS, session, run)
        assert training is not None, f"the run {run} of {session} is lost"
        training.annotations += 1
    return run


def keep_annotations(rows: RowBatch, session: SessionId, runs: Collection[RunId]) -> int:
    """Delete the annotations of a session but those of some runs (NO_RUN: its own).

    Return how many of its own are kept.
    """
    own = 0
    for number in rows.names(ANNOTATIONS, session):
        annotation = rows.get(ANNOTATIONS, session, number)
        if annotation is None or annotation.run not in runs:
            rows.delete(ANNOTATIONS, session, number)
        else:
            own += annotation.run == NO_RUN
    return own
