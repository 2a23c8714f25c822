"""The open runs and the catalog, for agents other than decide."""

from __future__ import annotations

import hashlib

from msgspec import Raw, Struct
from msgspec.structs import replace

from autolearn.projections.storage.projection import StoredProjection
from autolearn.projections.storage.table import Table
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, kept, lifted, to_json
from autolearn.schemas.confidentiality import outline_of
from autolearn.schemas.messages import Event
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import NO_RUN, RunId, RunStatus, StreamId
from autolearn.schemas.work_kinds import kind_of_run
from autolearn.schemas.workers.labels import text_of


class OpenRun(Struct, frozen=True):
    """A run that has not ended. `worker` holds the attempt; "" while nobody does.

    `request` is the data of the event that accepted the run, in the form of `codec.kept`, in the
    present version; the limits are 0 where they are encrypted. `sequence` is that event's within
    its session, `traceparent` its trace context on the log, and `user` the requesting one; for a
    run of a `study` that of the study, and `place` is its number there; the `study` of a step is
    the run of the pipeline. A study `began` with its first attempt, and has asked for `members`
    runs. `labels` is what a worker must have, as text. It has the turns of its `pipeline` (as
    pipeline/<name>), if its session is of a run of one, and else those of its stream.
    """

    kind: str
    run: RunId
    stream: StreamId
    attempt: int
    worker: str
    request: Raw
    time_limit: float
    memory_limit: int
    sequence: int = 0
    traceparent: str = ""
    user: str = ""
    study: RunId = NO_RUN
    place: int = 0
    began: str = ""
    members: int = 0
    labels: str = ""
    pipeline: str = ""


class StudyMember(Struct, frozen=True):
    """A run that a study has asked for: its request, and its last event once it has ended.

    The data are in the form of `codec.kept`; the outcome is null while there is none.
    """

    kind: str
    run: RunId
    request: Raw
    status: RunStatus = "open"
    outcome: Raw = Raw(b"null")


class Limit(Struct, frozen=True, gc=False):
    """The most runs of one user that may run at a time."""

    runs: int


class Offered(Struct, frozen=True, gc=False):
    """A catalog entry: the digest of its specification, and the stream's sequence."""

    spec: str
    sequence: int


class OfPipeline(Struct, frozen=True, gc=False):
    """The stream of a pipeline."""

    pipeline: StreamId


_OPEN = Table("open", OpenRun)
"""By stream and run."""
_MEMBERS = Table("member", StudyMember)
"""By stream, study and place, while the study is open."""
_PIPELINES = Table("pipeline", OfPipeline)
"""By the stream of an open session of a run of a pipeline."""
_LIMITS = Table("limit", Limit)
"""By user."""
_OFFERED = Table("offered", Offered)
"""By stream."""


class OpenRuns(StoredProjection):
    """Folds events into the open runs (`eventlog.consumers.traced_projector.TracedProjection`)."""

    traceparent = ""

    def all(self) -> list[OpenRun]:
        """Return the stored open runs; those of a session in the order of acceptance."""
        return sorted(self.rows.stored.scan(_OPEN), key=lambda run: run.sequence)

    def get(self, stream: StreamId, run: RunId) -> OpenRun | None:
        """Return a run, or None when it has ended or is not known yet."""
        return self.rows.get(_OPEN, stream, run)

    def member(self, stream: StreamId, study: RunId, place: int) -> StudyMember | None:
        """Return a run of an open study by its place, from 0; None beyond the last."""
        return self.rows.get(_MEMBERS, stream, study, str(place))

    def open_members(self, stream: StreamId, study: RunId) -> list[OpenRun]:
        """Return the stored open runs of a study, which may have ended."""
        runs = (run for _, run in self.rows.stored.items(_OPEN, stream))
        return [run for run in runs if run.study == study]

    def offered(self, stream: StreamId) -> Offered | None:
        """Return the catalog entry of a stream."""
        return self.rows.get(_OFFERED, stream)

    def limits(self) -> dict[str, int]:
        """Return the stored limits of users with one of their own."""
        return {user: limit.runs for user, limit in self.rows.stored.items(_LIMITS)}

    def limit(self, user: str) -> int | None:
        """Return the most runs of a user that may run at a time; None: the default."""
        row = self.rows.get(_LIMITS, user)
        return None if row is None else row.runs

    def fold(self, record: EventRecord, _: int, __: int, /) -> None:
        """Fold one admitted event."""
        event, at = outline_of(record), record.subject
        match event:
            case events.SessionOpened(pipeline=name) if name:
                self.rows.put(_PIPELINES, OfPipeline(stream("pipeline", name)), at)
            case events.RunRequested():
                of = self.rows.get(_PIPELINES, at)
                opened = _opened(record, event, self.traceparent, of.pipeline if of else "")
                self.rows.put(_OPEN, self._joined(opened), at, event.run)
            case events.RunStarted():
                run = self.get(at, event.run)
                assert run is not None
                held = replace(run, worker=event.worker, began=run.began or record.time)
                self.rows.put(_OPEN, held, at, event.run)
            case events.RunLost():
                run = self.get(at, event.run)
                assert run is not None
                again = replace(run, worker="", attempt=event.attempt)
                self.rows.put(_OPEN, again, at, event.run)
            case events.RunCompleted() | events.RunFailed() | events.RunCancelled():
                self._end(record, event.run, _ENDS[type(event)])
            case (
                events.SessionCommitted()
                | events.SessionDiscarded()
                | events.ExperimentDeleted()
                | events.PipelineRemoved()
            ):
                for run_id in event.cancelled:
                    self._end(record, run_id, "cancelled")
                self.rows.delete(_PIPELINES, at)
            case events.SessionExpired():
                self.rows.delete(_PIPELINES, at)
            case events.QuotaSet(name="runs-running", limit=limit):
                own = None if limit is None else Limit(limit)
                self.rows.put(_LIMITS, own, at.partition("/")[2])
            case (
                events.EstimatorRegistered(spec=spec)
                | events.MetricRegistered(spec=spec)
                | events.StepRegistered(spec=spec)
                | events.DatasetRegistered(spec=spec)
            ):
                self.rows.put(_OFFERED, Offered(spec_digest(spec), record.sequence), at)

    def _joined(self, opened: OpenRun) -> OpenRun:
        """Note a run as a member of the study that has asked for it, and return its row."""
        at, study = opened.stream, self.get(opened.stream, opened.study) if opened.study else None
        if study is None:
            return opened
        if study.kind == "pipeline":
            return replace(opened, user=study.user)
        member = StudyMember(opened.kind, opened.run, opened.request)
        self.rows.put(_MEMBERS, member, at, study.run, str(study.members))
        self.rows.put(_OPEN, replace(study, members=study.members + 1), at, study.run)
        return replace(opened, user=study.user, place=study.members)

    def _end(self, record: EventRecord, name: RunId, status: RunStatus) -> None:
        """Delete the row of a run that has ended; a study keeps how its runs have ended."""
        at = record.subject
        run = self.get(at, name)
        assert run is not None
        self.rows.delete(_OPEN, at, name)
        for place in range(run.members):
            self.rows.delete(_MEMBERS, at, name, str(place))
        member = self.member(at, run.study, run.place) if run.study else None
        if member is not None:
            ended = replace(member, status=status, outcome=kept(record))
            self.rows.put(_MEMBERS, ended, at, run.study, str(run.place))


_ENDS: dict[type[Event], RunStatus] = {
    events.RunCompleted: "completed",
    events.RunFailed: "failed",
    events.RunCancelled: "cancelled",
}
"""The status of a run after its last event."""


def _opened(
    record: EventRecord, event: events.RunRequested, traceparent: str, pipeline: str
) -> OpenRun:
    """Return the row of a run that was just accepted."""
    return OpenRun(
        kind=kind_of_run(event),
        run=event.run,
        stream=record.subject,
        attempt=1,
        worker="",
        request=kept(lifted(record)),  # as lifted: workers know the present version only
        time_limit=event.time_limit,
        memory_limit=event.memory_limit,
        sequence=record.sequence,
        traceparent=traceparent,
        user=record.actor,
        study=getattr(event, "study", NO_RUN) or getattr(event, "pipeline_run", NO_RUN),
        labels=text_of(event.labels),
        pipeline=pipeline,
    )


def runs_in(record: EventRecord) -> tuple[RunId, ...]:
    """Return the ids of the runs of the event's session whose state it may change."""
    match outline_of(record):
        case (
            events.SessionCommitted(cancelled=runs)
            | events.SessionDiscarded(cancelled=runs)
            | events.ExperimentDeleted(cancelled=runs)
            | events.PipelineRemoved(cancelled=runs)
        ):
            return runs
        case event:
            run: RunId | None = getattr(event, "run", None)
            return () if run is None else (run,)


def spec_digest(spec: Struct) -> str:
    """Return the SHA-256 (hex) of a specification."""
    return hashlib.sha256(to_json(spec)).hexdigest()
