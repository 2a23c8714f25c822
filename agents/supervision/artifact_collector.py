"""The collector: it deletes content of the artifact store that nothing refers to after a day.

The kinds of references are in `artifact_referrers`; what is kept for a day at most (`PASSING`) is
deleted whatever refers to it. Content of other kinds is never touched. A store is marked as one
log's in the first round, and nothing in it is deleted before it has been that log's for a day: of
two installations with one store, the other sees the mark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import structlog

from autolearn.artifacts.store.store import PASSING, ArtifactStore, Stored
from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.log import RecordSource
from autolearn.eventlog.positions import log_id
from autolearn.projections.work.artifact_referrers import REFERRERS
from autolearn.projections.work.session_retention import SessionRetention
from autolearn.runtime.meter import Meter
from autolearn.schemas.bounds import ROWS_SECONDS
from autolearn.schemas.errors import LogError
from autolearn.schemas.topics import Topics

AGE = 24 * 3600.0
"""Seconds that content lies in the store before it is collected: incoming content is younger."""
_EVERY = 3600.0
"""Seconds between two rounds."""
_SOON = 60.0
"""Seconds until the next round if nothing may be collected yet."""
logger = structlog.get_logger(__name__)


class _Collected(NamedTuple):
    """What a round has deleted."""

    artifacts: int
    bytes: int


class Collector:
    """Deletes unreferenced content. Methods block.

    `committed` returns the deciders' next offset, per partition of `commands`, by their group.
    """

    def __init__(
        self,
        log: RecordSource,
        topics: Topics,
        drafts: SessionRetention,
        artifacts: ArtifactStore,
        meter: Meter,
        committed: Callable[[], Mapping[int, int]],
    ) -> None:
        self.log, self.drafts, self.artifacts, self.meter = log, drafts, artifacts, meter
        self.commands, self.events = topics.commands.name, topics.events.name
        self.committed = committed
        self.next = dict.fromkeys((self.collect, self.collect_passing), 0.0)
        """When each is due."""
        self.refused = ""
        """The log that the store is marked for, if that is another one."""

    def round(self, steady: float, now: float) -> None:
        """Collect what is due; `steady` is a monotonic time, `now` seconds since 1970.

        A store that cannot be listed or changed now is tried in the next round.
        """
        for collect, due in self.next.items():
            if steady < due:
                continue
            self.next[collect] = steady + _EVERY
            try:
                found = collect(now)
            except LogError as error:
                logger.warning("the log cannot be read", why=error.detail)
                found = None
            except Exception as error:  # noqa: BLE001 - each kind of store has errors of its own
                told = {"error": type(error).__name__, "why": str(error)}
                logger.warning("nothing is collected now", **told)
                continue
            if found is None:
                self.next[collect] = steady + _SOON
            elif found.artifacts:
                logger.info("artifacts were collected", count=found.artifacts, bytes=found.bytes)

    def collect(self, now: float) -> _Collected | None:
        """Delete unreferenced content older than a day; None if that may not be yet.

        Raises:
            LogError: the log cannot be read.
            Exception: the store cannot be.
        """
        # In this order: the answers to decided commands are on the log, and then folded.
        if not self._is_ours(now) or not self._is_decided(now) or not self._is_folded():
            return None
        self.artifacts.clear_incoming(now - AGE)
        return self._delete(
            REFERRERS, now - AGE, lambda one: not self.drafts.refers(one.kind, one.digest)
        )

    def collect_passing(self, now: float) -> _Collected | None:
        """Delete what is kept for a day at most, before that is over; raises as `collect` does."""
        if not self._is_ours(now):
            return None
        return self._delete(PASSING, now - ROWS_SECONDS, lambda _: True)

    def _delete(
        self, kinds: Iterable[str], before: float, lost: Callable[[Stored], bool]
    ) -> _Collected:
        """Delete the lost content that was stored before a time."""
        found = [
            one
            for kind in kinds
            for one in self.artifacts.contents(kind)
            if one.modified is not None and one.modified < before and lost(one)
        ]
        done = _Collected(0, 0)
        for one in found:
            if self.artifacts.put_after(before, one.kind, one.digest):
                continue  # while this went on, which may take long
            self.artifacts.delete(one.kind, one.digest)
            done = _Collected(done.artifacts + 1, done.bytes + one.bytes)
            self.meter.count("autolearn_collected_artifacts_total", one.kind)
            self.meter.count("autolearn_collected_bytes_total", one.kind, by=one.bytes)
            logger.info("an artifact was collected", kind=one.kind, digest=one.digest)
        return done

    def _is_decided(self, now: float) -> bool:
        """Return whether every command that may refer to old content is decided."""
        wanted = self.log.offsets_at(self.commands, int((now - AGE / 2) * 1000))
        reached = self.drafts.progress()
        late = {
            p: at for p, at in wanted.items() if reached.get(p, PartitionProgress()).last + 1 < at
        }
        if not late:
            return True
        # A record without an answer (a dead letter, a command sent twice) only shows in the group.
        committed, begins = self.committed(), self.log.begins(self.commands)
        return all(max(committed.get(p, 0), begins[p]) >= at for p, at in late.items())

    def _is_folded(self) -> bool:
        ends = self.log.ends(self.events)
        reached = self.drafts.progress()
        return all(p in reached and reached[p].next >= end for p, end in ends.items() if end)

    def _is_ours(self, now: float) -> bool:
        """Return whether the store has been this log's for a day; mark one without an owner."""
        ours = log_id(self.log, self.events)
        if not ours:
            return False  # the log has no first record yet, which identifies it
        owner = self.artifacts.mark(ours)
        mine = owner.name == ours
        if not mine and self.refused != owner.name:
            logger.warning("the artifact store is another log's", mark=owner.name, ours=ours)
        self.refused = "" if mine else owner.name
        return mine and owner.since is not None and owner.since < now - AGE
