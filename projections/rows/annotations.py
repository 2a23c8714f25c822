"""What users say about sessions, experiments and their trainings."""

from __future__ import annotations

from msgspec import Raw, Struct

from autolearn.projections.storage.table import Table
from autolearn.schemas.values import NO_RUN, RunId


class StoredAnnotation(Struct, frozen=True, array_like=True, gc=False):
    """An annotation of a session or experiment, or of its training `run`.

    `data` are those of its event.
    """

    data: Raw
    time: str
    actor: str
    run: RunId = NO_RUN


ANNOTATIONS = Table("annotation", StoredAnnotation)
"""By session or experiment, and the sequence of the event in twelve digits."""
