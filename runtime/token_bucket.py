"""Bounds what is done in a second: token buckets (RFC 2697), also for the grants of models.

Two seconds' worth may come at once.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from autolearn.schemas.rest.models import ModelGrant

SECONDS = 2.0
"""Seconds' worth of a rate that a full bucket has."""
_MOST = 10_000
"""Users of models with stored buckets: those of others are full."""


class TokenBucket(Struct):
    """What is left of a rate, at a time of a clock in seconds. None is left of a rate of 0."""

    left: float
    at: float

    def wait(self, now: float, rate: float, amount: float = 1.0) -> float:
        """Return the seconds until an amount may be taken: 0.0 for now, infinity for never.

        An amount that no bucket has is taken from a full one, and owed.
        """
        most = SECONDS * rate
        self.left = min(most, self.left + (now - self.at) * rate)
        self.at = now
        if not rate:
            return math.inf
        return max(0.0, min(amount, most) - self.left) / rate


class GrantPaces:
    """The buckets of users and models whose grants bound requests and rows, in memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.buckets: OrderedDict[tuple[str, str], tuple[TokenBucket, TokenBucket]] = OrderedDict()

    def take(self, user: str, model: str, rows: int, grant: ModelGrant | None) -> float:
        """Count a request of a user to a model, with so many rows.

        Returns the seconds after which it may be sent again if there are too many: nothing is
        counted then; else 0.0. Without a grant (the owner) there is no limit.
        """
        rates = (grant.requests_per_second, grant.rows_per_second) if grant else (None, None)
        if rates == (None, None):
            return 0.0
        now, at = self.clock(), (user, model)
        both = self.buckets.get(at)
        if both is None:
            full = [TokenBucket(SECONDS * (rate or 0), now) for rate in rates]
            both = self.buckets[at] = (full[0], full[1])
            if len(self.buckets) > _MOST:
                self.buckets.popitem(last=False)
        self.buckets.move_to_end(at)
        asked = [
            (bucket, rate, amount)
            for bucket, rate, amount in zip(both, rates, (1, rows), strict=True)
            if rate is not None
        ]
        pause = max(bucket.wait(now, rate, amount) for bucket, rate, amount in asked)
        if not pause:
            for bucket, _, amount in asked:
                bucket.left -= amount
        return pause
