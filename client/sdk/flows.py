"""Sends, retries and awaits requests, without doing any input or output.

A flow is a generator. It yields a `Send` and gets the response, or yields a `Pause` in seconds; a
failed connection is raised into it. The sync and the async transport both drive the same flows.
"""

from __future__ import annotations

import hashlib
import random
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from autolearn.client.sdk.errors import BadArgument, Problem, Unreachable, problem_of
from autolearn.schemas.rest.commands import CommandState

T = TypeVar("T")
Query = Mapping[str, str | list[str]]

RETRIED = frozenset({429, 503})
_GRACE = 30.0
"""Seconds that an answer may take beyond the requested wait."""
EXAMINED = 900.0
"""Seconds until an uploaded file has been examined: minutes, behind the files of others."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class Download:
    """A file that receives an answer; `sha256` is that of the received bytes."""

    def __init__(self, path: Path) -> None:
        self.path, self.sha256 = path, hashlib.sha256()

    @contextmanager
    def begin(self) -> Iterator[Callable[[bytes], None]]:
        """Open the file, anew at every try, and return the function that appends bytes."""
        self.sha256 = hashlib.sha256()
        with self.path.open("wb") as file:

            def add(some: bytes) -> None:
                self.sha256.update(some)
                file.write(some)

            yield add


class Send(Struct, frozen=True):
    """One request to send. `content` is the body, or the file to stream.

    A successful answer goes `into` a file, if one is given.
    """

    method: str
    path: str
    query: Query
    headers: Mapping[str, str]
    content: bytes | Path | None
    timeout: float
    into: Download | None = None


class Pause(Struct, frozen=True):
    """A pause, in seconds."""

    seconds: float


Flow = Generator[Send | Pause, Any, T]


class Call(Struct, Generic[T], frozen=True):
    """One request to the API, and the type of its answer.

    Every call that changes something has an Idempotency-Key, so that it can be repeated. `grace` is
    how many seconds beyond `wait` the answer may take. `accept` is the media type that is wanted in
    place of JSON.
    """

    method: str
    path: str
    answer: type[T]
    query: Mapping[str, object] = {}
    body: Mapping[str, object] | Path | bytes | None = None
    wait: float | None = None
    media: str = "application/json"
    key: str | None = None
    grace: float = _GRACE
    into: Download | None = None
    accept: str = ""


def ask(call: Call[T], patience: float = 30.0) -> Flow[T]:
    """Get the answer of a call; a pending command is followed until it is decided.

    Raises:
        Problem: the API refuses, or fails for longer than `patience` seconds.
        Unreachable: no API answers for that long.
    """
    response = yield from _exchange(call, patience)
    if response.status_code == 202 and "/v1/commands/" in response.headers.get("location", ""):
        response = yield from _followed(call, response.headers["location"], patience)
    return msgspec.json.decode(response.content, type=call.answer)


def fetch(call: Call[bytes], path: Path, sha256: str | None, patience: float = 30.0) -> Flow[None]:
    """Write the answer of a call to a file, which appears when it is whole.

    Without a `sha256` that is checked which the answer names (ETag).

    Raises:
        Unreachable: it has another SHA-256.
    """
    into = Download(path.with_name(f".{uuid.uuid4().hex}.part"))
    try:
        response = yield from _exchange(replace(call, into=into), patience)
        if into.sha256.hexdigest() != (sha256 or response.headers.get("etag", "").strip('"')):
            raise Unreachable(
                f"{call.path} came with other bytes than its SHA-256 says.",
                title="A file was damaged on its way",
            )
        into.path.replace(path)
    finally:
        into.path.unlink(missing_ok=True)


def _exchange(call: Call[Any], patience: float) -> Flow[httpx.Response]:
    """Send a request, again if that may help, always with the same key.

    A 429 or 503 is tried again when its Retry-After is over, if that is within `patience` seconds.
    """
    send, pause = _sent(call), FIRST_PAUSE
    until = time.monotonic() + patience
    while True:
        error: Problem | Unreachable
        try:
            response: httpx.Response = yield send
        except httpx.TransportError as failure:
            error, after = _unreachable(send, failure), 0.0
        else:
            if response.is_success:
                return response
            error, after = problem_of(response), seconds_of(response.headers.get("retry-after"))
            if response.status_code not in RETRIED:
                raise error
        # Never before the time that the API named, and not all clients at once behind it.
        wait = after + pause * random.uniform(0.5, 1.0)
        if time.monotonic() + wait > until:
            raise error
        yield Pause(wait)
        pause = min(pause * 2, LONGEST_PAUSE)


def _unreachable(send: Send, failure: httpx.TransportError) -> Unreachable:
    """Return the error for a request that has no answer."""
    if isinstance(failure, httpx.ReadTimeout):
        return Unreachable(
            f"{send.method} {send.path} has no answer within {send.timeout:g} s.",
            title="AutoLearn does not answer in time",
            advice="It may be done all the same: see whether it is, or ask again later.",
        )
    return Unreachable(
        f"{str(failure) or type(failure).__name__}.",
        advice="Start it with `autolearn up`, or say where it is (AUTOLEARN_URL).",
    )


def _sent(call: Call[Any]) -> Send:
    """Return the request of a call."""
    accept = call.accept or "application/json"
    headers: dict[str, str] = {"Accept": f"{accept}, application/problem+json"}
    content: bytes | Path | None = None
    if isinstance(call.body, Path | bytes):
        content = call.body
        headers["Content-Type"] = call.media
    elif call.body is not None:
        given = {name: value for name, value in call.body.items() if value is not None}
        content = msgspec.json.encode(given, enc_hook=_plain)
        headers["Content-Type"] = "application/json"
    if call.method in ("POST", "PUT"):
        headers["Idempotency-Key"] = call.key or str(uuid.uuid4())
    if call.wait is not None:
        headers["Prefer"] = f"wait={round(call.wait)}"
    query = words_of(call.query)
    timeout = (call.wait or 0) + call.grace
    return Send(call.method, call.path, query, headers, content, timeout, call.into)


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: the reference of an object, or what numpy holds.

    Raises:
        BadArgument: it cannot be sent.
    """
    for method in ("_sent", "tolist"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise BadArgument(
        f"A {type(value).__name__} cannot be sent here.",
        advice="A data frame becomes a dataset by al.dataset(frame, name=…).",
    )


def words_of(query: Mapping[str, object]) -> Query:
    """Return a query as text, without None; a list is a repeated parameter."""
    given = {name: value for name, value in query.items() if value not in (None, "", [])}
    return {n: [*map(str, v)] if isinstance(v, list) else str(v) for n, v in given.items()}


def _followed(call: Call[Any], location: str, patience: float) -> Flow[httpx.Response]:
    """Follow a command until it is answered, and return its resource."""
    until, pause = time.monotonic() + patience, FIRST_PAUSE
    at, _, query = location.partition("?")
    pairs = dict(httpx.QueryParams(query))
    while True:
        response = yield from _exchange(Call("GET", at, CommandState, pairs), patience)
        state = msgspec.json.decode(response.content, type=CommandState)
        if state.state == "refused":
            about = dict(state.problem or {})
            raise Problem(
                int(about.pop("status", 409)),
                str(about.pop("type", "")),
                str(about.pop("title", "The command was refused")),
                str(about.pop("detail", "")),
                about.pop("errors", []),
                about,
            )
        if state.state == "accepted":
            if state.resource is None:
                return response
            return (yield from _exchange(Call("GET", state.resource, call.answer), patience))
        if time.monotonic() > until:
            raise Unreachable(
                f"The command {state.id} is on the log, and nobody has decided it yet.",
                advice=f"Is a decider running? See {location} for its answer.",
                title="There is no answer yet",
            )
        yield Pause(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def seconds_of(given: str | None) -> float:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3): a number, or until a date."""
    if given is None:
        return 0.0
    if given.isdigit():
        return float(given)
    try:
        at = parsedate_to_datetime(given)
    except ValueError:
        return 0.0
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
