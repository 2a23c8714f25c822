"""The events that refer to content of the artifact store, in one table.

Content of another kind is never collected (`agents.supervision.artifact_collector`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from autolearn.schemas import events
from autolearn.schemas.messages import Event
from autolearn.schemas.results import artifact_of


class ArtifactReference(NamedTuple):
    """The reference of an event to content of a `kind`; nothing else refers to `sealed` content."""

    kind: str
    digest: str
    sealed: bool


Told = Callable[[Any], tuple[str, bool] | None]


def _of_run(event: events.RunCompleted | events.TrainingImported) -> tuple[str, bool] | None:
    artifact = artifact_of(event.result)
    return None if artifact is None else (artifact.folder, artifact.stored != "")


def _of_annotation(event: events.SessionAnnotated) -> tuple[str, bool] | None:
    artifact = event.file.artifact if event.file else None
    return None if artifact is None else (artifact.folder, artifact.stored != "")


def _of_version(event: events.VersionRegistered) -> tuple[str, bool] | None:
    if event.experiment:
        return None  # the artifact is that of its training
    artifact = event.source.artifact
    return artifact.folder, artifact.stored != ""


REFERRERS: Mapping[str, Mapping[type[Event], Told]] = MappingProxyType(
    {
        "datasets": {
            events.DatasetRegistered: lambda event: (
                event.spec.ref.content,
                event.spec.stored != "",
            )
        },
        "models": {
            events.RunCompleted: _of_run,
            events.TrainingImported: _of_run,
            events.SessionAnnotated: _of_annotation,
            events.VersionRegistered: _of_version,
        },
    }
)
"""By the kind of content, the folder of the store in which it lies: the events that refer to it,
until nothing of their stream is kept; which digest they name, and whether it is encrypted."""


def reference_of(event: Event) -> ArtifactReference | None:
    """Return the reference of an event, None for none."""
    for kind, referrers in REFERRERS.items():
        told = referrers.get(type(event))
        if told is not None and (found := told(event)) is not None:
            return ArtifactReference(kind, *found)
    return None
