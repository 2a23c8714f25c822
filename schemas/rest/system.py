"""The answers of service `system`: health, position, digests, rebuild and wire keys."""

from __future__ import annotations

from msgspec import Struct


class Health(Struct):
    """The health of a process. `missing` counts the events that it has not folded."""

    status: str
    detail: str = ""
    missing: int | None = None


class LogPlace(Struct):
    """The progress on one partition of `events`."""

    partition: int
    next: int
    term: int
    last: int
    """The offset of the last command answered."""


class LogPosition(Struct):
    """A point in the whole log. `token` is its text form."""

    token: str
    partitions: list[LogPlace]


class Digests(Struct):
    """The SHA-256 of each view at one position: equal wherever the same events were folded.

    `process` names the answering process.
    """

    process: str
    position: LogPosition
    views: dict[str, str]


class RowDigests(Struct):
    """The SHA-256 of the values of some rows, by key in hex. `next` is the key to go on after."""

    position: LogPosition
    rows: dict[str, str]
    next: str | None


class Rebuild(Struct):
    """The state of a rebuild: `status` is none, folding, catching-up, done or failed."""

    status: str = "none"
    done: int = 0
    total: int | None = None
    events: int = 0
    seconds: float = 0.0
    events_per_s: float = 0.0
    detail: str = ""


class JsonWebKey(Struct):
    """A public key (RFC 7517, RFC 8037). `kid` is its thumbprint (RFC 7638)."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str


class JsonWebKeySet(Struct):
    """The public keys of this installation. New requests are sealed to the first one."""

    keys: list[JsonWebKey]
