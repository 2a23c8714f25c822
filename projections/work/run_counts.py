"""Counts waiting, running and ended runs, event by event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec
from msgspec import Struct

from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, read_part
from autolearn.schemas.messages import Event, type_of
from autolearn.schemas.work_kinds import WORK


class RunOf(Struct, frozen=True, gc=False):
    """The fields of a run's event that are read."""

    run: str


part = msgspec.json.Decoder(RunOf)
WAITING, RUNNING = "waiting", "running"


class RunCounts:
    """Starts with the runs of the open sessions, then counts every event once and in order.

    `ended(kind, result)` is called when a run ends: completed, failed or cancelled; `lost(kind)`
    when an attempt is lost with its worker.
    """

    def __init__(self, ended: Callable[[str, str], None], lost: Callable[[str], None]) -> None:
        self.ended, self.lost = ended, lost
        self.runs: dict[str, dict[str, tuple[str, str]]] = {}
        """Kind and state of the runs that have not ended, by stream and id."""
        self.counts: Counter[tuple[str, str]] = Counter()

    def begin(self, moment: Snapshot) -> None:
        """Start anew from the read models (blocks)."""
        self.runs.clear()
        self.counts.clear()
        for session in moment.sessions.ids():
            for run, row in moment.runs.all_stored(session):
                if row.ended is None:
                    state = RUNNING if row.status == "started" else WAITING
                    self.put(f"session/{session}", run, row.kind, state)

    def put(self, stream: str, run: str, kind: str, state: str) -> None:
        """Store the state of a run."""
        runs = self.runs.setdefault(stream, {})
        if run in runs:
            self.counts[runs[run]] -= 1
        runs[run] = (kind, state)
        self.counts[kind, state] += 1

    def kind_of(self, stream: str, run: str) -> str:
        """Return the kind of a run that has not ended."""
        return self.runs[stream][run][0]

    def take(self, records: Iterable[EventRecord]) -> None:
        """Count events."""
        for record in records:
            change = _CHANGES.get(_unversioned(record.type))
            if change is not None:
                change(self, record)

    def end(self, stream: str, run: str, result: str) -> None:
        """Count the end of a run."""
        runs = self.runs.get(stream, {})
        about = runs.pop(run, None)
        if about is not None:
            self.counts[about] -= 1
            self.ended(about[0], result)
        if not runs:
            self.runs.pop(stream, None)

    def end_session(self, record: EventRecord) -> None:
        """Count the end of a session, and of its open runs."""
        for run in list(self.runs.get(record.subject, ())):
            self.end(record.subject, run, "cancelled")


def _unversioned(name: str) -> str:
    return name.rpartition(".v")[0]


def requested(kind: str) -> Callable[[RunCounts, EventRecord], None]:
    """Return the handler that counts a waiting run of a kind."""

    def wait(counts: RunCounts, record: EventRecord) -> None:
        counts.put(record.subject, read_part(record, part).run, kind, WAITING)

    return wait


def started(counts: RunCounts, record: EventRecord) -> None:
    """Count the start of a run."""
    run = read_part(record, part).run
    counts.put(record.subject, run, counts.kind_of(record.subject, run), RUNNING)


def lost(counts: RunCounts, record: EventRecord) -> None:
    """Count a lost attempt: the run waits again."""
    run = read_part(record, part).run
    kind = counts.kind_of(record.subject, run)
    counts.lost(kind)
    counts.put(record.subject, run, kind, WAITING)


def ended(result: str) -> Callable[[RunCounts, EventRecord], None]:
    """Return the handler that counts the end of a run."""
    return lambda counts, record: counts.end(record.subject, read_part(record, part).run, result)


def _name_of(event: type[Event]) -> str:
    return _unversioned(type_of(event))


_CHANGES: dict[str, Callable[[RunCounts, EventRecord], None]] = {
    _name_of(events.SessionCommitted): RunCounts.end_session,
    _name_of(events.SessionDiscarded): RunCounts.end_session,
    _name_of(events.SessionExpired): RunCounts.end_session,
    **{_name_of(work.requested): requested(kind) for kind, work in WORK.items()},
    _name_of(events.RunStarted): started,
    _name_of(events.RunLost): lost,
    _name_of(events.RunCompleted): ended("completed"),
    _name_of(events.RunFailed): ended("failed"),
    _name_of(events.RunCancelled): ended("cancelled"),
}
"""The handler of each event type."""
