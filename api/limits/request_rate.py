"""Bounds the requests a second of each user to this process, by token buckets.

Sysadmins are not counted, nor any request without
authentication.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from autolearn.api.http.problems import Problem
from autolearn.projections.queries.queries import ReadModelQueries
from autolearn.runtime.token_bucket import SECONDS, TokenBucket
from autolearn.schemas.quotas import limit_of, source_of
from autolearn.schemas.settings import QuotaSettings

_LOOK = 1.0
"""Seconds for which a limit is cached."""
_MOST = 10_000
"""Users with a stored bucket: that of others is full."""


class Bucket(TokenBucket):
    """A user's remaining requests at a time, and the limit as of its last look-up."""

    limit: int
    looked: float


class Paces:
    """The buckets of the users, in memory."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, quota: str = "requests"
    ) -> None:
        self.clock, self.quota = clock, quota
        self.buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, user: str, quotas: QuotaSettings, queries: ReadModelQueries) -> None:
        """Count a request of a user.

        Raises:
            Problem: there are too many a second (429).
        """
        now, bucket = self.clock(), self.buckets.get(user)
        if bucket is None or now - bucket.looked > _LOOK:
            limit = limit_of(self.quota, queries.latest().users.quota(user, self.quota), quotas)
            if bucket is None:
                bucket = self.buckets[user] = Bucket(SECONDS * limit, now, limit, now)
                if len(self.buckets) > _MOST:
                    self.buckets.popitem(last=False)
            bucket.limit, bucket.looked = limit, now
            self.buckets.move_to_end(user)
        if pause := bucket.wait(now, bucket.limit):
            raise _too_fast(user, bucket.limit, pause, self.quota)
        bucket.left -= 1


def _too_fast(user: str, limit: int, seconds: float, quota: str) -> Problem:
    """Return the problem of a user who sends too many requests."""
    pause = math.ceil(seconds) if limit else 60
    return Problem(
        429,
        "too-many-requests",
        "You send too many requests",
        f"User {user} may send {limit:,} requests a second to this process, twice as many "
        f"at once: the quota `{quota}`. A sysadmin can raise it with {source_of(quota, None)}"
        f", or for this user: `autolearn admin quota {user} --set {quota}=N`. Nothing was done: "
        "try again.",
        headers={"Retry-After": str(max(1, pause))},
    )
