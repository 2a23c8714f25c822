"""Whether the brokers answer, and where the log ends."""

from __future__ import annotations

import threading
import time

from autolearn.eventlog.log import Log
from autolearn.schemas.errors import LogError

__all__ = ["Brokers"]

EVERY = 2.0
"""Seconds between two questions."""
PATIENCE = 3.0
"""Seconds after which a question counts as not answered."""


class Brokers:
    """Asks for the ends of a topic every few seconds, in a thread of its own.

    `answer` is False once a question was not answered for PATIENCE seconds, until one is. `heard`
    is when the ends were asked for that are known, a time of `time.monotonic`.
    """

    def __init__(self, log: Log, topic: str) -> None:
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
        return not self.error and (asked is None or time.monotonic() - asked < PATIENCE)

    def start(self) -> None:
        """Start asking."""
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
            self.stopped.wait(EVERY)

    def stop(self) -> None:
        """Stop asking; a question on its way is not waited for."""
        self.stopped.set()
