"""The moment at which a request sees the read models: now, or a past point of the log."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple, TypeVar

from fastapi import Query

from autolearn.api.http.problems import Problem, unavailable
from autolearn.api.shared.positions import read_position
from autolearn.api.state.context import ApiContext
from autolearn.api.state.log_reader import FRESH_TIMEOUT, LogReader
from autolearn.api.state.worker_heartbeats import Live
from autolearn.eventlog.positions import Position
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.time_travel.past import AsOfReader
from autolearn.runtime.timestamps import millis, text
from autolearn.schemas.codec import event_on_log
from autolearn.schemas.values import StreamId

T = TypeVar("T")

_HEADER = "AutoLearn-Position"
AS_OF = "A position's token, or a time (RFC 3339 with a zone): what was known then."
AsOf = Annotated[str, Query(max_length=50_000, description=AS_OF)]
Shared = Annotated[bool, Query(description="Only what others have shared with you, as it is now.")]
LOST_PLUS = re.compile(r"(T.*) (\d\d:?\d\d)")
"""A zone whose + was not escaped in a query: it arrives as a space."""


class AsOfView(NamedTuple):
    """A snapshot, the progress of its runs, and the headers of the answer."""

    snapshot: Snapshot
    live: Live
    headers: Mapping[str, str]


def present(context: ApiContext) -> AsOfView:
    """Return the present."""
    return AsOfView(context.queries.now(), context.heartbeats.live, {})


def require_now(as_of: str, *, shared: bool) -> None:
    """Raise a problem if a list of what is shared is asked for at a past point: grants are of now.

    Raises:
        Problem: both are asked for (422).
    """
    if shared and as_of:
        detail = "What is shared is listed as it is now: leave out shared, or as_of."
        raise Problem(422, "not-both", "Only one of shared and as_of is possible", detail)


async def see(context: ApiContext, as_of: str, load: Callable[[AsOfReader], None]) -> AsOfView:
    """Return the present, or the point `as_of` with what `load` loads of it (in a thread).

    Raises:
        Problem: `as_of` is no point of this log, or this process cannot load it now.
    """
    if not as_of:
        return present(context)
    position = await read_point(context, as_of, "as_of")

    def loaded(past: AsOfReader) -> Snapshot:
        load(past)
        return past.snapshot

    snapshot = await in_past(context, position, loaded)
    return AsOfView(snapshot, lambda _: None, {_HEADER: position.token()})


async def in_past(context: ApiContext, position: Position, ask: Callable[[AsOfReader], T]) -> T:
    """Query a past point, in a thread.

    Raises:
        Problem: the brokers do not answer.
        LogError: the log cannot be read.
    """
    context.reader.require_brokers()
    ends = {p: position.next(p) for p in context.queries.progress()}
    return await context.executors.log.run(
        lambda: ask(AsOfReader(context.queries.now(), context.lookup, ends))
    )


async def began(context: ApiContext, stream: StreamId) -> str | None:
    """Return the time of a stream's first event; None when it has none yet.

    Raises:
        Problem: the brokers do not answer.
        LogError: the log cannot be read.
    """
    await context.reader.fresh()
    first = await in_past(context, Position("", ()), lambda past: past.first(stream))
    return None if first is None else first.time


# Parsing the point


async def read_point(context: ApiContext, given: str, parameter: str) -> Position:
    """Return the position of a token or a time, once it is folded here.

    Tokens begin with a letter, times with a digit.

    Raises:
        Problem: it is neither, or no point of this log.
    """
    if not given[:1].isdigit():
        position = await read_position(context.reader, given, parameter)
        await until_folded(
            context.reader, {place.partition: place.next for place in position.places}
        )
        return position
    ends = await _ends_at(context, given, parameter)
    await until_folded(context.reader, ends)
    places = await context.executors.log.run(
        lambda: AsOfReader(context.queries.now(), context.lookup, ends).places()
    )
    return Position(await context.reader.which_log(), places)


async def until_folded(reader: LogReader, ends: Mapping[int, int]) -> None:
    """Wait until the read models, which know each stream's offsets, have reached a position.

    Raises:
        Problem: they have not after FRESH_TIMEOUT seconds.
    """
    deadline = asyncio.get_running_loop().time() + FRESH_TIMEOUT
    if not await reader.until_holds(ends, deadline):
        raise unavailable(
            "The position lies ahead of what this process has read of the log. Try again.",
            kind="not-there-yet",
        )


async def _ends_at(context: ApiContext, given: str, parameter: str) -> dict[int, int]:
    """Return, per partition, the offset of the first event that is later than a time.

    Raises:
        Problem: it is before the first event or in the future, or the brokers do not answer.
        LogError: the log cannot be read.
    """
    try:
        point = millis(LOST_PLUS.sub(r"\1+\2", given))
    except (ValueError, OverflowError):
        raise bad_time(
            parameter,
            f"{given[:120]!r} is neither a position nor a time with a zone, such as "
            "2026-01-31T09:30:00Z.",
        ) from None
    if point > time.time_ns() // 10**6:
        raise bad_time(parameter, f"{given} lies in the future: ask for a time that has been.")
    context.reader.require_brokers()
    topic = context.topics.events.name
    first = max(1, point + 1)
    ends = await context.executors.brokers.run(lambda: context.log.offsets_at(topic, first))
    if not any(ends.values()):
        begin = await context.executors.log.run(lambda: _first_time(context))
        raise bad_time(parameter, f"{given} lies before the first event, which came at {begin}.")
    return ends


def _first_time(context: ApiContext) -> str:
    ends = context.log.ends(context.topics.events.name)
    firsts = context.lookup.read({p: [0] for p, end in ends.items() if end})
    times = [event_on_log(record.value).time for record in firsts]
    return min(filter(None, times), default=text(time.time_ns() // 10**6))


def since_of(since: str) -> int:
    """Return the time `since` in milliseconds since 1970.

    Raises:
        Problem: it is none, or has no zone.
    """
    try:
        return max(1, millis(LOST_PLUS.sub(r"\1+\2", since)))
    except (ValueError, OverflowError):
        detail = f"{since!r} is no time with a zone, such as 2026-01-31T09:30:00Z."
        raise bad_time("since", detail) from None


def bad_time(parameter: str, detail: str) -> Problem:
    """Return the problem of a time without a state."""
    errors = [{"parameter": parameter, "detail": detail}]
    return Problem(422, "bad-time", "That is not a point in this log", detail, errors=errors)
