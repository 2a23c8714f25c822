"""Collecting: what lies in the artifact store and nothing refers to is deleted after a day.

Who refers to a kind of content stands in `agents.referrers`. What is of no kind there is never
touched, and neither is a store whose mark names another installation's log.
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
from autolearn.schemas.errors import AutoLearnError

__all__ = ["AGE", "Collector"]

AGE = 24 * 3600.0
"""Seconds that content lies in the store before it is collected: what is on its way is younger."""
EVERY = 3600.0
"""Seconds between two rounds."""
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
        except (AutoLearnError, OSError) as error:
            logger.warning("nothing is collected now", why=str(error))
            return
        if found.artifacts:
            logger.info("artifacts were collected", count=found.artifacts, bytes=found.bytes)

    def collect(self, now: float) -> Collected:
        """Delete what is older than a day and nothing refers to, as far as all is folded.

        Raises:
            LogError: the log cannot be read.
            ArtifactError, OSError: the store cannot be.
        """
        self.artifacts.clear_incoming(now - AGE)
        old = [
            one
            for kind in REFERRERS
            for one in self.artifacts.contents(kind)
            if one.modified is not None and one.modified < now - AGE
        ]
        ends = self.log.ends(self.topic)
        reached = self.drafts.progress()
        if any(end and (p not in reached or reached[p].next < end) for p, end in ends.items()):
            self.next = 0.0  # what refers to it may not be read yet
            return Collected(0, 0)
        lost = [one for one in old if not self.drafts.refers(one.kind, one.digest)]
        if not lost or not self.is_ours():
            return Collected(0, 0)
        for one in lost:
            self.artifacts.delete(one.kind, one.digest)
            self.meter.count("autolearn_collected_artifacts_total", one.kind)
            self.meter.count("autolearn_collected_bytes_total", one.kind, by=one.bytes)
            logger.info("an artifact was collected", kind=one.kind, digest=one.digest)
        return Collected(len(lost), sum(one.bytes for one in lost))

    def is_ours(self) -> bool:
        """Say whether the store is this log's, and mark it as such if it is nobody's yet."""
        ours = log_id(self.log, self.topic)
        marked = self.artifacts.mark(ours)
        if marked != ours and self.refused != marked:
            self.refused = marked
            logger.warning("the artifact store is another installation's", mark=marked, ours=ours)
        if marked == ours:
            self.refused = ""
        return marked == ours
