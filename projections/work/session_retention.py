"""Which sessions are kept, which have ended, and which data may be deleted."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from autolearn.eventlog.admission import PartitionProgress
from autolearn.projections.storage.projection import StoredProjection
from autolearn.projections.storage.store import Store
from autolearn.projections.storage.table import IndexEntry, Table, last_part
from autolearn.projections.work.artifact_referrers import reference_of
from autolearn.runtime.timestamps import millis
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.confidentiality import outline_of
from autolearn.schemas.messages import Event

_UNCHANGED = events.Refused | events.CommandFailed | events.CommandQuarantined
"""The events that do not use a session: their command changed nothing."""


class Draft(Struct, frozen=True, omit_defaults=True):
    """A session as shredding needs it, without confidential data.

    `used` is the time of its newest event that was no refusal; `runs` counts its runs and `active`
    those that have not ended; `ended` is how it ended. `expiring` is when it may expire, if that
    was announced and it is unused since. The predictions of a model are kept for `days` after the
    end of their month; 0: as the settings say.
    """

    used: str
    expires: int = 0
    runs: int = 0
    active: int = 0
    expiring: str = ""
    ended: str = ""
    days: int = 0

    @property
    def lost(self) -> bool:
        """Whether nothing of it is kept."""
        return self.ended not in ("", "committed")


class Mark(Struct, frozen=True):
    """A mark: its key alone carries the meaning.

    `referrer`: a session or dataset refers to the content of the artifact store; `doomed`: content
    that is encrypted with its key, to be deleted; `unkept`: an open session that may expire.
    """


class Referred(Struct, frozen=True):
    """Content of the artifact store that a session or a dataset refers to.

    `kind` is its folder there; nothing else refers to `sealed` content, which is encrypted.
    """

    kind: str
    sealed: bool


_DRAFTS = Table("draft", Draft)
"""By session, or by the stream of a dataset or model, as all of these."""
_UNKEPT = Table("unkept", Mark)
_REFERRED = Table("referred", Referred)
"""By session and digest."""
_REFERRERS = Table("referrer", Mark)
"""By kind, digest and session."""
_STEPS = Table("step-of", IndexEntry)
"""By the stream of a pipeline and the run of a step that goes on: the run of the pipeline."""
_RUNS = Table("pipeline-run", Mark)
"""By the stream of a pipeline and the run of the pipeline. Its results are not those of a session
but of <stream>/<run>: they are deleted when that is forgotten."""
_DOOMED = Table("doomed", Mark)
"""By session and digest."""


class SessionRetention(StoredProjection):
    """Folds events into the sessions and contents that shredding may concern (`Projection`)."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.lock = threading.Lock()
        """Held while the store is written."""

    def get(self, session: str) -> Draft | None:
        """Return a session."""
        return self.rows.get(_DRAFTS, session)

    def unkept(self) -> list[str]:
        """Return the open sessions that expire when they are unused."""
        return list(self.rows.stored.names(_UNKEPT))

    def doomed(self, after: bytes) -> Iterator[tuple[bytes, str]]:
        """Yield the stored folders to delete, with the keys of their rows, past a key."""
        for at, _ in self.rows.store.scan(_DOOMED.prefix(), after=after):
            yield at, last_part(at)

    def forget(self, done: Iterable[bytes]) -> None:
        """Forget deleted folders, by the keys of their rows."""
        with self.lock:
            self.rows.store.write(dict.fromkeys(done))

    def fold(self, record: EventRecord, _: int, __: int, /) -> None:
        """Fold one admitted event."""
        session = whose(record.subject)
        if session is None:
            return
        event, draft = outline_of(record), self.get(session)
        holder = session
        if record.subject.startswith("pipeline/"):
            holder = self._follow_steps(session, event)
        if (found := reference_of(event)) is not None:
            self.rows.put(_REFERRED, Referred(found.kind, found.sealed), holder, found.digest)
            self.rows.put(_REFERRERS, Mark(), found.kind, found.digest, holder)
        if isinstance(
            event, events.DatasetRegistered | events.VersionRegistered | events.PipelineApplied
        ):
            if draft is None:
                self.rows.put(_DRAFTS, Draft(record.time), session)
            return
        if isinstance(event, events.SessionOpened):
            self.rows.put(_DRAFTS, Draft(record.time, event.expires), session)
            if event.expires:
                self.rows.put(_UNKEPT, Mark(), session)
            return
        if draft is None or isinstance(event, _UNCHANGED):
            return
        now = _after(draft, event, record.time)
        self.rows.put(_DRAFTS, now, session)
        if now.ended and not draft.ended and draft.expires:
            self.rows.delete(_UNKEPT, session)
        if now.lost and not draft.lost:
            self._drop(session)

    def _follow_steps(self, stream: str, event: Event) -> str:
        """Note which run of a pipeline an event is of, and return who holds what it refers to."""
        match event:
            case events.StepRequested(run=run, pipeline_run=of):
                self.rows.put(_STEPS, IndexEntry(of), stream, run)
            case (
                events.RunCompleted(run=run)
                | events.RunFailed(run=run)
                | (events.RunCancelled(run=run))
            ) if (step := self.rows.get(_STEPS, stream, run)) is not None:
                self.rows.delete(_STEPS, stream, run)
                self.rows.put(_RUNS, Mark(), stream, step.id)
                return f"{stream}/{step.id}"
            case events.RunsForgotten(runs=runs):
                for run in runs:
                    self._drop(f"{stream}/{run}")
                    self.rows.delete(_RUNS, stream, run)
            case events.PipelineRemoved():
                for name in self.rows.names(_RUNS, stream):
                    self._drop(f"{stream}/{name}")
                    self.rows.delete(_RUNS, stream, name)
                for name in self.rows.names(_STEPS, stream):
                    self.rows.delete(_STEPS, stream, name)
        return stream

    def _drop(self, holder: str) -> None:
        """Drop the references of a holder of which nothing is kept."""
        for digest in self.rows.names(_REFERRED, holder):
            row = self.rows.get(_REFERRED, holder, digest)
            assert row is not None, "it is there by its name"
            self.rows.delete(_REFERRED, holder, digest)
            self.rows.delete(_REFERRERS, row.kind, digest, holder)
            if row.sealed:
                self.rows.put_once(_DOOMED, Mark(), holder, digest)

    def refers(self, kind: str, digest: str) -> bool:
        """Return whether anything kept refers to content, as far as is stored."""
        return any(True for _ in self.rows.stored.names(_REFERRERS, kind, digest))

    def commit(self, progress: Mapping[int, PartitionProgress]) -> None:
        """Write the folded rows and the progress atomically."""
        with self.lock:
            super().commit(progress)


def whose(stream: str) -> str | None:
    """Return the owner of the keys of a stream's events, in the form of `session_of`; or None."""
    kind, _, name = stream.partition("/")
    own = {"session": name, "dataset": stream, "model": stream, "pipeline": stream}
    return own.get(kind)


def since_1970(time: str, unknown: float) -> float:
    """Return an RFC 3339 time in milliseconds since 1970; `unknown` if malformed."""
    try:
        return millis(time)
    except ValueError:  # a hand-written command may hold anything
        return unknown


def _after(draft: Draft, event: object, time: str) -> Draft:
    """Return a session after an event of a time."""
    if isinstance(event, events.SessionExpiring):
        return replace(draft, expiring=event.until)
    draft = replace(draft, used=time, expiring="")
    match event:
        case events.RunRequested():
            return replace(draft, runs=draft.runs + 1, active=draft.active + 1)
        case events.TrainingImported():
            return replace(draft, runs=draft.runs + 1)
        case events.RunCompleted() | events.RunFailed() | events.RunCancelled():
            return replace(draft, active=draft.active - 1)
        case events.RecordingSet():
            return replace(draft, days=event.days)
        case events.SessionCommitted():
            return replace(draft, ended="committed", active=0)
        case events.SessionDiscarded():
            return replace(draft, ended="discarded", active=0)
        case events.SessionExpired():
            return replace(draft, ended="expired")
        case (
            events.ExperimentDeleted()
            | events.DatasetDeleted()
            | events.ModelDeleted()
            | events.PipelineRemoved()
        ):
            return replace(draft, ended="deleted")
    return draft
