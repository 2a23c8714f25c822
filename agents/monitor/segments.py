"""Closes the segments of topics from which single records are erased.

A broker closes a segment only when something is appended after its time, and compacts closed ones
only: without this, an erased record of a model that nobody asks any more would stay.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from autolearn.eventlog.log import Log
from autolearn.schemas.topics import Topic

_KEY = "segment"
"""The key of the tombstones, of which the newest is kept for a while."""


class Segments:
    """The open segments of some topics. One thread may use it."""

    def __init__(self, log: Log, topics: Sequence[Topic]) -> None:
        self.log, self.topics = log, topics
        self.due = dict.fromkeys((topic.name for topic in topics), float("-inf"))

    def roll(self) -> None:
        """Append a tombstone to each partition that has records, if it is time.

        Raises:
            LogError: the log cannot be asked, or takes nothing.
        """
        for topic in self.topics:
            if time.monotonic() < self.due[topic.name]:
                continue
            begins, ends = self.log.begins(topic.name), self.log.ends(topic.name)
            for partition in (p for p, at in begins.items() if at < ends[p]):
                self.log.append(topic.name, None, key=_KEY, partition=partition)
            self.due[topic.name] = time.monotonic() + int(topic.config["segment.ms"]) / 1000
