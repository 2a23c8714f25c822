"""Counts failed passwords by user and address, and then refuses more for a while.

An attacker is delayed at one address; the user can log in from everywhere else.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from autolearn.api.http.problems import Problem
from autolearn.schemas import bounds


class Failures(Struct):
    """The number of failures, until when it counts, and until when logins are refused."""

    many: int = 0
    forgotten: float = 0.0
    until: float = 0.0


class Logins:
    """Counts failed passwords, in memory, of at most so many users and addresses.

    After `LOGIN_FAILURES` of one user from one address, or ten times as many of all users from
    there, there is a pause: half a minute, twice as long after each further failure, at most
    `LOGIN_PAUSE`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.failures: OrderedDict[tuple[str, str], Failures] = OrderedDict()

    def check(self, user: str, address: str) -> None:
        """Raise a problem if a user's logins from an address are refused now.

        Raises:
            Problem: too many failed (429).
        """
        now = self.clock()
        for about in ((user, address), ("", address)):
            found = self.failures.get(about)
            if found is not None and found.until > now:
                raise _locked(math.ceil(found.until - now), found.many)

    def failed(self, user: str, address: str) -> None:
        """Count a failed password."""
        self.count((user, address), bounds.LOGIN_FAILURES)
        self.count(("", address), 10 * bounds.LOGIN_FAILURES)

    def fitted(self, user: str, address: str) -> None:
        """Forget the failures of a user who has logged in."""
        self.failures.pop((user, address), None)

    def count(self, about: tuple[str, str], most: int) -> None:
        """Count a failure; from `most` on there is a pause."""
        now = self.clock()
        found = self.failures.pop(about, None)
        if found is None or found.forgotten < now:
            found = Failures()
        found.many += 1
        if found.many >= most:
            doubled = bounds.LOGIN_FIRST_PAUSE * 2 ** min(found.many - most, 10)
            found.until = now + min(doubled, bounds.LOGIN_PAUSE)
        found.forgotten = max(now, found.until) + bounds.LOGIN_PAUSE
        self.failures[about] = found
        if len(self.failures) > bounds.LOGINS_REMEMBERED:
            self.failures.popitem(last=False)


def _locked(seconds: int, many: int) -> Problem:
    """Return the problem of a login during a pause."""
    return Problem(
        429,
        "login-locked",
        "Too many passwords did not fit",
        f"{many} from your address did not fit, so none is looked at from there for another "
        f"{seconds} seconds. From another address, and with a token, access is as before; a "
        "sysadmin can set another password.",
        headers={"Retry-After": str(seconds)},
    )
