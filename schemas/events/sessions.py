"""Events of sessions and experiments."""

from __future__ import annotations

from autolearn.schemas.messages import Event
from autolearn.schemas.values import NO_RUN, AttachedFile, May, RunId


class SessionOpened(Event, frozen=True, omit_defaults=True):
    """A session is open. The fields are those of `commands.OpenSession`."""

    title: str
    expires: int = 0
    pipeline: str = ""


class SessionRenamed(Event, frozen=True):
    """The session or experiment has another title."""

    title: str


class SessionAnnotated(Event, frozen=True, omit_defaults=True):
    """A session or experiment is annotated, or its training `run`.

    The fields are those of `commands.AnnotateSession`.
    """

    run: RunId = NO_RUN
    note: str = ""
    tags: tuple[str, ...] = ()
    untag: tuple[str, ...] = ()
    metrics: dict[str, float] = {}
    file: AttachedFile | None = None


class SessionCommitted(Event, frozen=True):
    """The session is an experiment that keeps `trainings`; the runs in `cancelled` were stopped."""

    trainings: tuple[RunId, ...]
    cancelled: tuple[RunId, ...] = ()


class SessionDiscarded(Event, frozen=True):
    """The session is discarded; the runs in `cancelled` were stopped."""

    cancelled: tuple[RunId, ...] = ()


class SessionExpiring(Event, frozen=True):
    """The unused session expires at `until` (RFC 3339) or later, unless it is used."""

    until: str


class SessionKept(Event, frozen=True):
    """The expiring session was kept."""


class SessionExpired(Event, frozen=True):
    """The unused session has expired; nothing of it is kept."""


class ExperimentDeleted(Event, frozen=True, omit_defaults=True):
    """The experiment is deleted, and nothing of it kept; the runs in `cancelled` were stopped."""

    cancelled: tuple[RunId, ...] = ()


class ExperimentHeld(Event, frozen=True):
    """A version of `model` needs the experiment, or will before `until`: it cannot be deleted."""

    model: str
    until: str


class ExperimentReleased(Event, frozen=True):
    """No version of `model` needs the experiment."""

    model: str


class SessionShared(Event, frozen=True, omit_defaults=True):
    """`user`, or the members of group/<name>, may read the session, or work in it as well."""

    user: str
    may: May = "read"


class SessionUnshared(Event, frozen=True):
    """`user` has no grant of the session any more."""

    user: str
