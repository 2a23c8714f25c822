"""The kinds of streams: one table for codec, routing, views and deciders.

A stream's name is `<kind>/<id>`. It is the Kafka key of its commands and events.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from autolearn.schemas.values import SessionId, StreamId

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Kind(NamedTuple):
    """The form of the ids of a kind of stream."""

    pattern: re.Pattern[str]
    words: str

    def fits(self, identifier: str) -> bool:
        """Return whether `identifier` may be the id of a stream of this kind."""
        return self.pattern.fullmatch(identifier) is not None


named = Kind(
    _NAME,
    "1 to 100 lower-case letters, digits, dots, dashes or underscores, "
    "with a letter or digit at both ends",
)
identified = Kind(_UUID, "a UUID in lower case, such as 0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90")

KINDS: dict[str, Kind] = {
    "estimator": named,
    "metric": named,
    "step": named,
    "dataset": named,
    "session": identified,
    "user": named,
    "group": named,
    "model": named,
    "pipeline": named,
}


def stream(kind: str, identifier: str) -> StreamId:
    """Return the name of a stream.

    Raises:
        ValueError: there is no such kind, or the id does not fit it.
    """
    if kind not in KINDS:
        raise ValueError(
            f"there is no kind of stream called {kind!r}; there are {', '.join(KINDS)}"
        )
    if not KINDS[kind].fits(identifier):
        raise ValueError(f"{identifier[:120]!r} cannot be a {kind}'s id: {KINDS[kind].words}")
    return StreamId(f"{kind}/{identifier}")


def session_id(name: StreamId) -> SessionId:
    """Return the id of a session from its stream's name."""
    return SessionId(name.partition("/")[2])


def owner_of_runs(name: StreamId) -> SessionId:
    """Return the id under which runs of a stream are stored: a session's, or pipeline/<name>."""
    kind, _, identifier = name.partition("/")
    return SessionId(identifier if kind == "session" else name)


def stream_of_runs(owner: SessionId) -> StreamId:
    """Return the stream of the runs that are stored under an id."""
    return StreamId(owner if "/" in owner else f"session/{owner}")


def kind_of(name: str) -> str:
    """Return the kind of a stream from its name, such as session for session/0b9f….

    Raises:
        ValueError: the name is not `<kind>/<id>` of a known kind.
    """
    kind, _, identifier = name.partition("/")
    stream(kind, identifier)
    return kind
