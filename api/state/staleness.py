"""The lag of this process's read models behind the log."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from autolearn.eventlog.kafka.broker_health import Brokers


class Staleness:
    """Whether the read models may lack records of the log, because brokers do not answer.

    It begins when the brokers do not answer, and ends when they do again and everything is folded
    that was on the log at that time (`holds` checks it).
    """

    def __init__(self, brokers: Brokers, holds: Callable[[Mapping[int, int]], bool]) -> None:
        self.brokers, self.holds = brokers, holds
        self.since: float | None = None

    def seconds(self) -> float | None:
        """Return the age of the read models; None while they are up to date."""
        if not self.brokers.answer:
            if self.since is None:
                self.since = self.brokers.heard
        elif self.since is not None and self.holds(self.brokers.ends):
            self.since = None
        return None if self.since is None else time.monotonic() - self.since

    def headers(self) -> dict[str, str]:
        """Return the headers of an answer that is made now."""
        age = self.seconds()
        if age is None:
            return {}
        whole = math.ceil(age)
        why = "catching-up" if self.brokers.answer else "log-unavailable"
        return {"Age": str(whole), "Cache-Status": f"AutoLearn; hit; ttl=-{whole}; detail={why}"}
