"""Traffic: how the requests of a model are shared among its versions, and what ends that.

All here is pure, so that anyone can recompute which version a request was routed to.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from autolearn.schemas.bounds import GUARD_REQUESTS
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.values import JsonValue

ALL = 100
"""What the percentages of traffic sum to."""

_GUARD = re.compile(
    r"\s*(?:(?P<errors>errors)\s*<=\s*(?P<share>\d{1,3}(?:\.\d{1,3})?)\s*%"
    r"|p(?P<percentile>\d{1,2}(?:\.\d)?)\s*<=\s*(?P<time>\d{1,9}(?:\.\d{1,3})?)\s*(?P<unit>ms|s))"
    r"\s+over\s+(?P<over>\d{1,7})\s*"
)


class Traffic(Struct, kw_only=True, frozen=True):
    """The percentage of requests that each version gets, by its number or an alias.

    Its `revision` counts the settings of traffic of its model. The key of a request is in a column
    (`sticky`) or in a header (`sticky_header`); without either it is the id of the request.
    """

    revision: int
    routes: dict[str, int]
    sticky: str = ""
    sticky_header: str = ""
    salt: str = ""
    guards: tuple[str, ...] = ()

    def key(self, row: Mapping[str, JsonValue], headers: Mapping[str, str], request: str) -> bytes:
        """Return the key of a request, by its row, its headers (in lower case) and its id.

        A text is itself, a number is written as JSON does, without a fraction of zero; a gap gives
        the id of the request.
        """
        value: JsonValue = row.get(self.sticky) if self.sticky else None
        if self.sticky_header:
            value = headers.get(self.sticky_header.lower())
        if value is None or value == "":
            return request.encode()
        if isinstance(value, bool):
            return b"true" if value else b"false"
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return str(value).encode()


def traffic_words(routes: Mapping[str, int]) -> str:
    """Describe routes, the largest first: `champion 90%, challenger 10%`."""
    shares = sorted(routes.items(), key=lambda share: (-share[1], share[0]))
    return ", ".join(f"{name} {percent}%" for name, percent in shares)


def bucket(salt: str, key: bytes) -> int:
    """Return the bucket of a key, from 0 to 99.

    It is the number that the first 8 bytes of SHA-256 of the salt (UTF-8), a zero byte and the key
    are, the highest first, modulo 100.
    """
    digest = hashlib.sha256(salt.encode() + b"\0" + key).digest()
    return int.from_bytes(digest[:8], "big") % ALL


def route(traffic: Traffic, aliases: Mapping[str, int], key: bytes) -> int:
    """Return the number of the version that a key is routed to.

    The routes take the buckets in the order of their names, each as many as its percentage.
    `aliases` has the version of each alias, as it is now.
    """
    at, upto = bucket(traffic.salt, key), 0
    for name, percent in sorted(traffic.routes.items()):
        upto += percent
        if at < upto:
            return version_in(aliases, name)
    return version_in(aliases, CHAMPION)


def version_in(aliases: Mapping[str, int], name: str) -> int:
    """Return the number of a version by its number or an alias, 0 if there is none."""
    if name in aliases:
        return aliases[name]
    number = int(name) if name.isascii() and name.isdecimal() and len(name) < 10 else 0
    return number if str(number) == name else 0


class Guard(Struct, frozen=True):
    """A limit for each version in traffic but the champion: such as `errors <= 1% over 200`.

    The `measure` is `errors`, with a limit in percent; or a percentile of the latency, such as
    `p99`, with a limit in milliseconds. Requests to a version are counted in blocks of `over`.
    """

    measure: str
    limit: float
    over: int

    @property
    def allowed(self) -> int:
        """How many of `over` requests may be bad: may fail, or be slower than the limit."""
        percent = self.limit if self.measure == "errors" else ALL - Decimal(self.measure[1:])
        return int(Decimal(str(percent)) * self.over / ALL)

    def is_bad(self, *, failed: bool, milliseconds: float) -> bool:
        """Return whether a request counts against it."""
        return failed if self.measure == "errors" else milliseconds > self.limit

    def words(self, bad: int, requests: int) -> str:
        """Describe how its limit was passed."""
        how = "failed" if self.measure == "errors" else f"took longer than {self._limit} ms"
        return f"{self}: {bad} of {requests} requests {how}, and at most {self.allowed} may"

    def __str__(self) -> str:
        unit = "%" if self.measure == "errors" else " ms"
        return f"{self.measure} <= {self._limit}{unit} over {self.over}"

    @property
    def _limit(self) -> str:
        return f"{self.limit:.3f}".rstrip("0").rstrip(".")


def guard_in(words: str) -> Guard:
    """Return the guard that words say, such as `p99 <= 50 ms over 1000`.

    Raises:
        ValueError: they say none; the error says what is wanted.
    """
    found = _GUARD.fullmatch(words)
    if found is None:
        raise ValueError(
            f"{words[:100]!r} is no guard: write `errors <= 1% over 200`, or a percentile of the "
            "latency in ms or s, such as `p99 <= 50 ms over 1000`"
        )
    over = int(found["over"])
    if not 1 <= over <= GUARD_REQUESTS:
        raise ValueError(
            f"{words!r} counts {over:,} requests: from 1 to {GUARD_REQUESTS:,} will do"
        )
    if found["errors"]:
        if float(found["share"]) >= ALL:
            raise ValueError(f"{words!r} allows every request to fail: less than 100% will do")
        return Guard("errors", float(found["share"]), over)
    if float(found["percentile"]) == 0 or float(found["time"]) == 0:
        raise ValueError(f"{words!r} has a percentile or a time of 0: more will do")
    scale = 1000 if found["unit"] == "s" else 1
    return Guard(f"p{float(found['percentile']):g}", float(found["time"]) * scale, over)


class GuardCount(Struct, frozen=True):
    """The requests to a version in the present block of a guard, and how many of them were bad."""

    requests: int = 0
    bad: int = 0

    def plus(self, guard: Guard, *, failed: bool, milliseconds: float) -> GuardCount:
        """Return it with one more request; a full block is followed by the next one.

        The limit is passed as soon as `bad` is more than the guard allows in a whole block.
        """
        before = GuardCount() if self.requests >= guard.over else self
        bad = guard.is_bad(failed=failed, milliseconds=milliseconds)
        return GuardCount(before.requests + 1, before.bad + bad)


class GuardBreach(Struct, frozen=True):
    """A guard whose limit a version has passed: with so many bad ones among its requests."""

    version: int
    guard: str
    bad: int
    requests: int


def counted(
    guards: Sequence[Guard], counts: Sequence[GuardCount], *, failed: bool, milliseconds: float
) -> tuple[GuardCount, ...]:
    """Return the counts of all guards with one more request to a version; none yet: ()."""
    before = counts or (GuardCount(),) * len(guards)
    return tuple(
        count.plus(guard, failed=failed, milliseconds=milliseconds)
        for guard, count in zip(guards, before, strict=True)
    )


def breach_in(
    version: int, guards: Sequence[Guard], counts: Sequence[GuardCount]
) -> GuardBreach | None:
    """Return the first guard whose limit a version has passed, None if there is none."""
    for guard, count in zip(guards, counts, strict=True):
        if count.bad > guard.allowed:
            return GuardBreach(version, str(guard), count.bad, count.requests)
    return None
