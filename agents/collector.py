"""Collecting: what lies in the artifact store and nothing refers to is deleted after a day.

Who refers to a kind of content stands in `agents.referrers`. What is of no kind there is never
touched. A store is marked as one log's in the first round, and nothing in it is deleted before it
has been that log's for a day: of two installations with one store, the other sees the mark.
"""

from __future__ import annotations

from typing import NamedTuple

import structlog

from autolearn.agents.referrers import REFERRERS
from autolearn.agents.shredding import Drafts
from autolearn.artifacts.store import ArtifactStore
from autolearn.eventlog.log import Log
from autolearn.eventlog.meter import Meter
from autolearn.eventlog.positions import log_id

__all__ = ["AGE", "Collector"]

AGE = 24 * 3600.0
"""Seconds that content lies in the store before it is collected: what is on its way is younger."""
EVERY = 3600.0
"""Seconds between two rounds."""
SOON = 60.0
"""Seconds until the next round if nothing may be collected yet."""
logger = structlog.get_logger(__name__)


class Collected(NamedTuple):
    """What a round has deleted."""

    artifacts: int
    bytes: int


class Collector:
    """Deletes what nothing refers to. Methods block."""

    def __init__(
        self, log: Log, topic: str, drafts: Drafts, artifacts: ArtifactStore, meter: Meter
    ) -> None:
        self.log, self.topic, self.drafts = log, topic, drafts
        self.artifacts, self.meter = artifacts, meter
        self.next = 0.0
        self.refused = ""
        """The log that the store is marked for, if that is another one."""

    def round(self, steady: float, now: float) -> None:
        """Collect, if it is time to; `steady` is a monotonic time, `now` seconds since 1970.

        A store that cannot be listed or changed now is looked at in the next round.
        """
        if steady < self.next:
            return
        self.next = steady + EVERY
        try:
            found = self.collect(now)
        except Exception as error:  # noqa: BLE001 - each kind of store has errors of its own
            logger.warning("nothing is collected now", error=type(error).__name__, why=str(error))
            return
        if found is None:
            self.next = steady + SOON
        elif found.artifacts:
            logger.info("artifacts were collected", count=found.artifacts, bytes=found.bytes)

    def collect(self, now: float) -> Collected | None:
        """Delete what is older than a day and nothing refers to; None if that may not be yet.

        Raises:
            LogError: the log cannot be read.
            Exception: the store cannot be.
        """
        if not self.is_ours(now) or not self.is_folded():
            return None
        self.artifacts.clear_incoming(now - AGE)
        lost = [
            one
            for kind in REFERRERS
            for one in self.artifacts.contents(kind)
            if one.modified is not None
            and one.modified < now - AGE
            and not self.drafts.refers(one.kind, one.digest)
        ]
        for one in lost:
            self.artifacts.delete(one.kind, one.digest)
            self.meter.count("autolearn_collected_artifacts_total", one.kind)
            self.meter.count("autolearn_collected_bytes_total", one.kind, by=one.bytes)
            logger.info("an artifact was collected", kind=one.kind, digest=one.digest)
        return Collected(len(lost), sum(one.bytes for one in lost))

    def is_folded(self) -> bool:
        """Say whether everything on the log that may refer to old content is folded."""
        ends = self.log.ends(self.topic)
        reached = self.drafts.progress()
        return all(p in reached and reached[p].next >= end for p, end in ends.items() if end)

    def is_ours(self, now: float) -> bool:
        """Say whether the store has been this log's for a day; mark it if it is nobody's yet."""
        ours = log_id(self.log, self.topic)
        if not ours:
            return False  # the log has no first record yet, by which it is told from others
        owner = self.artifacts.mark(ours)
        mine = owner.name == ours
        if not mine and self.refused != owner.name:
            logger.warning("the artifact store is another log's", mark=owner.name, ours=ours)
        self.refused = "" if mine else owner.name
        return mine and owner.since is not None and owner.since < now - AGE
