"""Counts the waiting requests of this process, in all, by user and by address."""

from __future__ import annotations

from collections import Counter

from autolearn.api.http.problems import Problem, too_many
from autolearn.schemas import bounds


class Waiting:
    """The requests in progress, by kind, and the bytes of their bodies.

    There are two kinds, reading and changing ones, so that neither takes the other's place. One
    user has at most a quarter of each bound, unless there is no authentication.
    """

    def __init__(self, limit: int, limit_bytes: int) -> None:
        self.limit, self.limit_bytes = limit, limit_bytes
        self.requests = {"read": 0, "change": 0}
        self.bytes = 0
        self.by_user: Counter[tuple[str, str]] = Counter()
        self.bytes_by_user: Counter[str] = Counter()
        self.strangers, self.strangers_bytes = 0, 0
        self.by_address: Counter[str] = Counter()
        self.bytes_by_address: Counter[str] = Counter()

    @property
    def busy(self) -> bool:
        """Whether the process works on any request (any thread)."""
        return any(self.requests.values())

    def enter(self, sort: str, user: str) -> None:
        """Count a request of a user ("": of everybody).

        Raises:
            Problem: there are too many (429).
        """
        if sort not in self.requests:
            return
        words = "read" if sort == "read" else "change something"
        if self.requests[sort] >= self.limit:
            raise too_many(
                f"This process works on {self.requests[sort]} requests that {words}, and takes no "
                "more until one is answered (AUTOLEARN_MAX_WAITING). Nothing was done: try again, "
                "or ask another process."
            )
        share = bounds.share(self.limit)
        if user and self.by_user[sort, user] >= share:
            raise too_many(
                f"This process works on {share} requests of yours that {words}: a user has a "
                f"quarter of AUTOLEARN_MAX_WAITING ({self.limit}). Nothing was done: try again."
            )
        self.requests[sort] += 1
        self.by_user[sort, user] += 1

    def hold(self, user: str, size: int) -> None:
        """Count bytes of a body of a user ("": of everybody).

        Raises:
            Problem: there are too many (429).
        """
        if self.bytes + size > self.limit_bytes:
            raise too_many(
                f"The bodies that are worked on have {self.bytes:,} bytes, and this process holds "
                f"no more than {self.limit_bytes:,} (AUTOLEARN_MAX_PENDING). Nothing was done: try "
                "again, or ask another process."
            )
        share = bounds.share(self.limit_bytes)
        if user and self.bytes_by_user[user] + size > share:
            raise too_many(
                f"Your bodies that are worked on have {self.bytes_by_user[user]:,} bytes, and a "
                f"user has a quarter of AUTOLEARN_MAX_PENDING: {share:,}. Nothing was done: try "
                "again."
            )
        self.bytes += size
        self.bytes_by_user[user] += size

    def enter_stranger(self, address: str) -> None:
        """Count an unauthenticated request with a body.

        Raises:
            Problem: there are too many, of all or from its address (429).
        """
        if self.by_address[address] >= bounds.ADDRESS_REQUESTS:
            raise _crowded(f"From {address} come {bounds.ADDRESS_REQUESTS} such requests")
        if self.strangers >= bounds.STRANGERS:
            raise _crowded(f"This process reads {bounds.STRANGERS} such requests")
        self.strangers += 1
        self.by_address[address] += 1

    def hold_stranger(self, address: str, size: int) -> None:
        """Count bytes of an unauthenticated request's body.

        Raises:
            Problem: there are too many, of all or from its address (429).
        """
        if self.bytes_by_address[address] + size > bounds.ADDRESS_BYTES:
            raise _crowded(f"From {address} come {bounds.ADDRESS_BYTES:,} bytes of such requests")
        if self.strangers_bytes + size > bounds.STRANGERS_BYTES:
            raise _crowded(f"This process holds {bounds.STRANGERS_BYTES:,} bytes of such requests")
        self.strangers_bytes += size
        self.bytes_by_address[address] += size


def _crowded(why: str) -> Problem:
    """Return the problem of one stranger too many; a token in a plain header helps."""
    problem = too_many(
        f"{why} without authentication so far, and no more are read at a time. Nothing was "
        "done: try again. Requests with a token in their head are not held up by this "
        "(docs/wire.md for sealed ones)."
    )
    problem.kind = "too-many-strangers"
    return problem
