"""Counts waiting, running and ended runs, event by event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain
from typing import NamedTuple

import msgspec
from msgspec import Struct

from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, read_part
from autolearn.schemas.messages import Event, type_of
from autolearn.schemas.stream_kinds import stream_of_runs
from autolearn.schemas.values import RunId, StreamId
from autolearn.schemas.work_kinds import WORK
from autolearn.schemas.workers.labels import text_of


class RunOf(Struct, frozen=True, gc=False):
    """The fields of a run's event that are read; `labels` are text where they are encrypted."""

    run: RunId
    labels: dict[str, str] | str = {}


part = msgspec.json.Decoder(RunOf)
WAITING, RUNNING = "waiting", "running"


class _Counted(NamedTuple):
    """A run as it is counted."""

    kind: str
    state: str
    labels: str


class RunCounts:
    """Starts with the runs of the open sessions, then counts every event once and in order.

    `ended(kind, result)` is called when a run ends: completed, failed or cancelled; `lost(kind)`
    when an attempt is lost with its worker.
    """

    def __init__(self, ended: Callable[[str, str], None], lost: Callable[[str], None]) -> None:
        self.ended, self.lost = ended, lost
        self.runs: dict[StreamId, dict[RunId, _Counted]] = {}
        """The runs that have not ended, by stream and id."""
        self.counts: Counter[tuple[str, str]] = Counter()
        """By kind and state."""
        self.waiting: Counter[str] = Counter()
        """The waiting runs that ask for labels, by the text of these."""

    def begin(self, snapshot: Snapshot) -> None:
        """Start anew from the read models (blocks)."""
        self.runs.clear()
        self.counts.clear()
        self.waiting.clear()
        going = [snapshot.experiments.open_runs()]
        owners = (*snapshot.sessions.ids(), *snapshot.pipelines.owners())
        going += (snapshot.runs.open_of(owner) for owner in owners)
        for session, run, row in chain.from_iterable(going):
            state = RUNNING if row.status == "started" else WAITING
            self.put(stream_of_runs(session), run, _Counted(row.kind, state, row.labels))

    def put(self, stream: StreamId, run: RunId, counted: _Counted) -> None:
        """Store the state of a run."""
        runs = self.runs.setdefault(stream, {})
        if run in runs:
            self._count(runs[run], -1)
        runs[run] = counted
        self._count(counted, 1)

    def _count(self, run: _Counted, more: int) -> None:
        """Count a run once more, or once less."""
        self.counts[run.kind, run.state] += more
        if run.labels and run.state == WAITING:
            self.waiting[run.labels] += more
            if not self.waiting[run.labels]:
                del self.waiting[run.labels]

    def take(self, records: Iterable[EventRecord]) -> None:
        """Count events."""
        for record in records:
            stream, name = record.subject, _unversioned(record.type)
            if name in _SESSION_ENDS:
                for run in list(self.runs.get(stream, ())):
                    self.end(stream, run, "cancelled")
            elif (change := _CHANGES.get(name)) is not None:
                change(self, stream, read_part(record, part))

    def start(self, stream: StreamId, about: RunOf) -> None:
        """Count the start of a run."""
        self.put(stream, about.run, self.runs[stream][about.run]._replace(state=RUNNING))

    def lose(self, stream: StreamId, about: RunOf) -> None:
        """Count a lost attempt: the run waits again."""
        run = self.runs[stream][about.run]
        self.lost(run.kind)
        self.put(stream, about.run, run._replace(state=WAITING))

    def end(self, stream: StreamId, run: RunId, result: str) -> None:
        """Count the end of a run."""
        runs = self.runs.get(stream, {})
        about = runs.pop(run, None)
        if about is not None:
            self._count(about, -1)
            self.ended(about.kind, result)
        if not runs:
            self.runs.pop(stream, None)


_Change = Callable[[RunCounts, StreamId, RunOf], None]
"""Counts an event of a run of a stream."""


def _unversioned(name: str) -> str:
    return name.rpartition(".v")[0]


def _name_of(event: type[Event]) -> str:
    return _unversioned(type_of(event))


def _requested(kind: str) -> _Change:
    def request(counts: RunCounts, stream: StreamId, about: RunOf) -> None:
        labels = about.labels if isinstance(about.labels, str) else text_of(about.labels)
        counts.put(stream, about.run, _Counted(kind, WAITING, labels))

    return request


def _ended(result: str) -> _Change:
    return lambda counts, stream, about: counts.end(stream, about.run, result)


_SESSION_ENDS = {
    _name_of(event)
    for event in (
        events.SessionCommitted,
        events.SessionDiscarded,
        events.SessionExpired,
        events.ExperimentDeleted,
        events.PipelineRemoved,
    )
}
_CHANGES: dict[str, _Change] = {
    **{_name_of(work.requested): _requested(kind) for kind, work in WORK.items()},
    _name_of(events.RunStarted): RunCounts.start,
    _name_of(events.RunLost): RunCounts.lose,
    _name_of(events.RunCompleted): _ended("completed"),
    _name_of(events.RunFailed): _ended("failed"),
    _name_of(events.RunCancelled): _ended("cancelled"),
}
"""The handler of each event type."""
