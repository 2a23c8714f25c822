"""Whether this machine's clock can be trusted: by the broker's, and by a monotonic one.

Actions after days cannot be undone; a clock that is wrong for a minute must not cause them. The
broker writes its own time on every record of `workers`; an own heartbeat read back has both times.
"""

from __future__ import annotations

import time

_MOST = 60.0
"""Seconds by which the clocks may differ."""
FRESH = 120.0
"""Seconds for which a comparison counts."""


def steady() -> float:
    """Return monotonic seconds that go on during sleep, where possible, and are never set."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class BrokerClock:
    """Compares clocks. `grace`: seconds without action after ours was set.

    `difference` is how many seconds ours is ahead of the broker's, None while unknown; `untold`
    says that the broker does not write its time.
    """

    def __init__(self, grace: float) -> None:
        self.grace = grace
        self.difference: float | None = None
        self.untold = False
        self.compared = 0.0
        self.offset: float | None = None
        self.set_at: float | None = None

    def compare(self, sent: float, written: float | None, received: float, now: float) -> None:
        """Process a heartbeat: our times of sending and receiving, the broker's of writing.

        All in seconds since 1970, `now` in steady ones. However long it was on its way: our clock
        is ahead if it was sent after it was written, and behind if it came before that. `written`
        is None where the broker keeps the sender's time.
        """
        self.untold = written is None
        if written is None:
            self.difference = None
            return
        ahead, behind = max(0.0, sent - written), max(0.0, written - received)
        self.difference, self.compared = round(ahead - behind, 1), now

    def look(self, wall: float, now: float) -> None:
        """Notice that our clock was set: `wall` in seconds since 1970, `now` in steady ones."""
        offset, before = wall - now, self.offset
        self.offset = offset
        if before is not None and abs(offset - before) > _MOST:
            self.set_at = now

    def known(self, now: float) -> bool:
        """Return whether the clocks were compared recently."""
        return self.difference is not None and now - self.compared <= FRESH

    def believed(self, now: float) -> bool:
        """Return whether our clock is good enough for irreversible actions."""
        return self.known(now) and not self.doubt(now)

    def doubt(self, now: float) -> str:
        """Return why our clock is not trusted; "" if it is, as far as is known."""
        if self.untold:
            return (
                "The topic of the heartbeats keeps the sender's time in place of the broker's, so "
                "that no clock can be compared with the broker's"
            )
        if self.known(now) and abs(self.difference or 0.0) > _MOST:
            return (
                f"The clock of the supervising process and the broker's differ by "
                f"{self.difference:.0f} s, more than {_MOST:.0f}"
            )
        if self.set_at is not None and now - self.set_at < self.grace:
            return (
                f"The clock of the supervising process was set by more than {_MOST:.0f} s "
                f"{now - self.set_at:.0f} s ago; nothing expires for {self.grace:.0f} s after that"
            )
        return ""
