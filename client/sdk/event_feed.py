"""Follows the events: parses Server-Sent Events, and reconnects.

A flow as in `flows`, with two steps more: it yields a `Listen` and gets the response with its
status and headers, then yields `More` for each further part of its body (None at its end). It
yields each result for the caller as an `Entry`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from autolearn.client.sdk.errors import Problem, Unreachable, problem_of
from autolearn.client.sdk.flows import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    RETRIED,
    Pause,
    Query,
    seconds_of,
    words_of,
)

_SILENCE = 45.0
"""Seconds of silence after which a connection is given up: the API sends a comment every 15."""


class Entry(Struct, frozen=True):
    """An event of the feed, a CloudEvent in JSON, and the position right behind it."""

    position: str
    event: dict[str, Any]


class ServerSentEvent(Struct, frozen=True):
    """A dispatched event, or with empty `data` only a new `id`."""

    id: str
    event: str
    data: str


class EventParser:
    """Parses the parts of a body into events (WHATWG HTML, 9.2.5 and 9.2.6), however it was cut.

    An event that the end of the body cuts off is dropped.
    """

    def __init__(self) -> None:
        self.rest = b""
        self.id = ""
        self.fresh, self.after_cr = True, False
        self.fields: dict[str, list[str]] = {}

    def feed(self, part: bytes) -> Iterator[ServerSentEvent]:
        """Yield the events that end in this part."""
        if not part:
            return
        if self.after_cr:
            part = part.removeprefix(b"\n")
        lines = (self.rest + part).splitlines(keepends=True)
        self.rest = lines.pop() if lines and not lines[-1].endswith((b"\r", b"\n")) else b""
        self.after_cr = part.endswith(b"\r")
        for line in lines:
            if (event := self.take(line.rstrip(b"\r\n").decode(errors="replace"))) is not None:
                yield event

    def take(self, line: str) -> ServerSentEvent | None:
        """Read one line; at an empty one return the event before it, if it has data."""
        if self.fresh:
            line, self.fresh = line.removeprefix("\ufeff"), False
        if not line:
            return self.dispatch()
        name, _, value = line.partition(":")
        self.fields.setdefault(name, []).append(value.removeprefix(" "))
        return None

    def dispatch(self) -> ServerSentEvent | None:
        """Return the event of the fields so far. A comment is a field without a name."""
        fields, self.fields = self.fields, {}
        ids = [one for one in fields.get("id", ()) if "\0" not in one]
        self.id = ids[-1] if ids else self.id
        data = "\n".join(fields.get("data", ()))
        if not data and not ids:
            return None
        return ServerSentEvent(self.id, fields.get("event", ["message"])[-1] or "message", data)


class Listen(Struct, frozen=True):
    """A request whose answer is a stream. `timeout` is the longest silence, in seconds."""

    path: str
    query: Query
    headers: Mapping[str, str]
    timeout: float


class More(Struct, frozen=True):
    """Requests the next part of the stream."""


Feed = Generator[Listen | More | Pause | Entry, Any, None]


def follow(path: str, query: Mapping[str, object], patience: float) -> Feed:
    """Yield every event once and in order, for as long as the caller iterates.

    A broken or silent connection is made again: the API goes on right behind the last complete
    event.

    Raises:
        Problem: the API refuses, or cannot give events for longer than `patience` seconds.
        Unreachable: no API answers for that long.
    """
    at, pause = "", FIRST_PAUSE
    until = time.monotonic() + patience
    while True:
        began = time.monotonic()
        headers = {"Accept": "text/event-stream, application/problem+json"}
        headers |= {"Last-Event-ID": at} if at else {}
        listened = yield from _listen(Listen(path, words_of(query), headers, _SILENCE))
        at = listened.at or at
        lived = time.monotonic() - began
        if listened.events or lived > LONGEST_PAUSE:
            pause, until = FIRST_PAUSE, time.monotonic() + patience
        wait = listened.after + pause * random.uniform(0.5, 1.0)
        if time.monotonic() + wait > until:
            raise listened.why
        yield Pause(wait)
        pause = min(pause * 2, LONGEST_PAUSE)


class Listened(Struct):
    """The result of one connection: number of events, last position, and why it ended.

    `after` is how many seconds the API asked to wait.
    """

    why: Problem | Unreachable
    at: str = ""
    events: int = 0
    after: float = 0.0


def _listen(request: Listen) -> Generator[Listen | More | Pause | Entry, Any, Listened]:
    """Yield the events of one connection."""
    listened = Listened(Unreachable("The connection ended.", advice="Is `autolearn up` running?"))
    try:
        response: httpx.Response = yield request
        if response.status_code != 200:
            listened.why = problem_of(response)
            if response.status_code not in RETRIED:
                raise listened.why
            listened.after = seconds_of(response.headers.get("retry-after"))
            return listened
        parser = EventParser()
        while (part := (yield More())) is not None:
            for event in parser.feed(part):
                if event.event == "problem":
                    listened.why = _told(event.data)
                    continue
                listened.at = event.id
                if event.data:
                    listened.events += 1
                    yield Entry(event.id, msgspec.json.decode(event.data))
    except httpx.TransportError as failure:
        listened.why = Unreachable(
            f"{str(failure) or type(failure).__name__}.",
            advice="Start it with `autolearn up`, or say where it is (AUTOLEARN_URL).",
        )
    return listened


def _told(data: str) -> Problem:
    """Return a problem that was sent in the stream."""
    content = msgspec.json.decode(data, type=dict[str, Any])
    known = {name: content.pop(name, "") for name in ("type", "title", "detail")}
    status = int(content.pop("status", 503))
    return Problem(status, **known, errors=content.pop("errors", []), members=content)
