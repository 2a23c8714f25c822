"""The open runs and the catalog, for agents other than decide."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from autolearn.eventlog.admission import PartitionProgress
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.store import Store, key, prefix_of
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, kept, lifted, to_json
from autolearn.schemas.confidentiality import outline_of
from autolearn.schemas.values import RunId, StreamId
from autolearn.schemas.work_kinds import kind_of_run


class OpenRun(Struct, frozen=True):
    """A run that has not ended. `worker` holds the attempt; "" while nobody does.

    `request` is the data of the event that accepted the run, in the form of `codec.kept`, in the
    present version; the limits are 0 where they are encrypted. `sequence` is that event's within
    its session, `traceparent` its trace context on the log, and `user` the requesting one.
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


class Limit(Struct, frozen=True, gc=False):
    """The most runs of one user that may run at a time."""

    runs: int


class Offered(Struct, frozen=True, gc=False):
    """A catalog entry: the digest of its specification, and the stream's sequence."""

    spec: str
    sequence: int


class OpenRuns:
    """Folds events into the open runs (`eventlog.consumers.traced_projector.TracedProjection`)."""

    traceparent = ""

    def __init__(self, store: Store) -> None:
        self.rows = RowBatch(store)
        self.decoder = msgspec.json.Decoder(OpenRun)

    def all(self) -> list[OpenRun]:
        """Return the stored open runs; those of a session in the order of acceptance."""
        found = [self.decoder.decode(row) for _, row in self.rows.store.scan(prefix_of("open"))]
        return sorted(found, key=lambda run: run.sequence)

    def get(self, stream: str, run: str) -> OpenRun | None:
        """Return a run, or None when it has ended or is not known yet."""
        return self.rows.get(key("open", stream, run), OpenRun)

    def offered(self, stream: str) -> Offered | None:
        """Return the catalog entry of a stream."""
        return self.rows.get(key("offered", stream), Offered)

    def limits(self) -> dict[str, int]:
        """Return the stored limits of users with one of their own."""
        found = self.rows.store.scan(prefix_of("limit"))
        decoder = msgspec.json.Decoder(Limit)
        return {at.rpartition(b"\0")[2].decode(): decoder.decode(row).runs for at, row in found}

    def limit(self, user: str) -> int | None:
        """Return the most runs of a user that may run at a time; None: the default."""
        row = self.rows.get(key("limit", user), Limit)
        return None if row is None else row.runs

    def fold(self, record: EventRecord, _: int, __: int, /) -> None:
        """Fold one admitted event."""
        event = outline_of(record)
        at = key("open", record.subject, getattr(event, "run", ""))
        match event:
            case events.RunRequested():
                self.rows.put(at, _opened(record, event, self.traceparent))
            case events.RunStarted():
                run = self.rows.get(at, OpenRun)
                assert run is not None
                self.rows.put(at, replace(run, worker=event.worker))
            case events.RunLost():
                run = self.rows.get(at, OpenRun)
                assert run is not None
                self.rows.put(at, replace(run, worker="", attempt=event.attempt))
            case events.RunCompleted() | events.RunFailed() | events.RunCancelled():
                self.rows.delete(at)
            case events.SessionCommitted() | events.SessionDiscarded():
                for run_id in event.cancelled:
                    self.rows.delete(key("open", record.subject, run_id))
            case events.QuotaSet(name="runs-running", limit=limit):
                own = key("limit", record.subject.partition("/")[2])
                self.rows.delete(own) if limit is None else self.rows.put(own, Limit(limit))
            case (
                events.EstimatorRegistered(spec=spec)
                | events.MetricRegistered(spec=spec)
                | events.DatasetRegistered(spec=spec)
            ):
                offered = Offered(spec_digest(spec), record.sequence)
                self.rows.put(key("offered", record.subject), offered)

    def commit(self, progress: Mapping[int, PartitionProgress]) -> None:
        """Write the folded rows and the progress atomically."""
        self.rows.commit(progress)

    def progress(self) -> Mapping[int, PartitionProgress]:
        """Return how far the stored content has come, per partition."""
        return self.rows.progress()

    def reset(self) -> None:
        """Delete everything."""
        self.rows.reset()


def _opened(record: EventRecord, event: events.RunRequested, traceparent: str) -> OpenRun:
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
    )


def runs_in(record: EventRecord) -> tuple[RunId, ...]:
    """Return the ids of the runs of the event's session whose state it may change."""
    match outline_of(record):
        case events.SessionCommitted(cancelled=runs) | events.SessionDiscarded(cancelled=runs):
            return runs
        case event:
            run: RunId | None = getattr(event, "run", None)
            return () if run is None else (run,)


def spec_digest(spec: Struct) -> str:
    """Return the SHA-256 (hex) of a specification."""
    return hashlib.sha256(to_json(spec)).hexdigest()
