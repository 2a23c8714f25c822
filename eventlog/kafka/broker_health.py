"""The health of the brokers, and the ends of the log."""

from __future__ import annotations

import threading
import time

from autolearn.eventlog.log import RecordSource
from autolearn.schemas.errors import LogError

_EVERY = 2.0
"""Seconds between two requests."""
_PATIENCE = 3.0
"""Seconds after which a request counts as unanswered."""


class Brokers:
    """Requests the ends of a topic every few seconds, in a thread of its own.

    `answer` is False from PATIENCE seconds without an answer until the next one. `heard` is the
    time (`time.monotonic`) of the request behind the known ends.
    """

    def __init__(self, log: RecordSource, topic: str) -> None:
        self.log, self.topic = log, topic
        self.ends: dict[int, int] = {}
        self.error = ""
        self.heard = time.monotonic()
        self.asked: float | None = None
        self.stopped = threading.Event()

    @property
    def answer(self) -> bool:
        """Whether the brokers answer."""
        asked = self.asked
        return not self.error and (asked is None or time.monotonic() - asked < _PATIENCE)

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self.run, name="brokers", daemon=True).start()

    def run(self) -> None:
        """Ask until stopped (in the thread)."""
        while not self.stopped.is_set():
            self.asked = asked = time.monotonic()
            try:
                self.ends = self.log.ends(self.topic)
                self.heard, self.error = asked, ""
            except LogError as error:
                self.error = error.detail
            self.asked = None
            self.stopped.wait(_EVERY)

    def stop(self) -> None:
        """Stop the thread; do not wait for a request in progress."""
        self.stopped.set()
