"""Commands of sessions and experiments."""

from __future__ import annotations

from autolearn.schemas.messages import Command
from autolearn.schemas.values import NO_RUN, AttachedFile, May, RunId


class OpenSession(Command, frozen=True, omit_defaults=True):
    """Open a session: a draft in which trainings and evaluations are made.

    It expires when it is unused for `expires` seconds; 0: never. That of a run of a `pipeline`
    counts for the quotas of that.
    """

    title: str = ""
    expires: int = 0
    pipeline: str = ""


class RenameSession(Command, frozen=True):
    """Give a session or experiment another title."""

    title: str


class AnnotateSession(Command, frozen=True, omit_defaults=True):
    """Annotate a session or experiment, or its training `run`: add to what was said before.

    `tags` are added, then those in `untag` removed; `metrics` are figures that the user computed,
    of which the newest value of a name counts; so it is with the name of an attached `file`.
    """

    run: RunId = NO_RUN
    note: str = ""
    tags: tuple[str, ...] = ()
    untag: tuple[str, ...] = ()
    metrics: dict[str, float] = {}
    file: AttachedFile | None = None


class CommitSession(Command, frozen=True):
    """Keep a session as an experiment: all its completed trainings, or only those named."""

    trainings: tuple[RunId, ...] | None = None


class DiscardSession(Command, frozen=True):
    """End a session and keep nothing of it."""


class ProposeExpiry(Command, frozen=True):
    """Propose that an unused session expires, not before `until` (RFC 3339 in UTC).

    It is refused if the session is in use: unless it has `runs` runs, all of which have ended.
    """

    runs: int
    until: str


class ExpireSession(Command, frozen=True):
    """End an expiring session and keep nothing of it, at a `time` (RFC 3339 in UTC).

    It is refused before the announced time, and if the session is in use.
    """

    runs: int
    time: str = ""


class KeepSession(Command, frozen=True):
    """Keep an expiring session, as if it had been used."""


class HoldExperiment(Command, frozen=True):
    """Hold an experiment for a version of `model`: while it is held, it cannot be deleted.

    It is not released before `until` (RFC 3339): the version is on its way.
    """

    model: str
    until: str


class ReleaseExperiment(Command, frozen=True):
    """Release an experiment of which no version of `model` is in use."""

    model: str


class DeleteExperiment(Command, frozen=True):
    """Delete an experiment: none of it can be read any more."""


class ShareSession(Command, frozen=True, omit_defaults=True):
    """Let a user, or the members of group/<name>, read a session and the experiment it becomes.

    Or work in it as well.
    """

    user: str
    may: May = "read"


class UnshareSession(Command, frozen=True):
    """End the grant of a user or group."""

    user: str
