"""The subscription of one client to the events."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence

import msgspec
import structlog
from msgspec import UNSET

from autolearn.api.http.problems import Problem, unavailable
from autolearn.api.http.sse import block, comment
from autolearn.api.identity.principal import bad_token, still_let_in
from autolearn.api.limits.executors import Executors
from autolearn.api.shared.events.filters import EventFilter
from autolearn.api.shared.events.reader import EventReader
from autolearn.api.state.event_tail import EventTail
from autolearn.eventlog.consumers.event_pages import FoundEvent, Places
from autolearn.eventlog.positions import Position
from autolearn.runtime.meter import Meter
from autolearn.schemas.errors import AutoLearnError

log = structlog.stdlib.get_logger("autolearn.api")

KEEP_ALIVE = 15.0
"""Seconds of silence after which a comment is sent."""
RETRY = 1000
"""Milliseconds after which a client that lost its connection should come back."""
PAGE = 1000
"""Events of each partition that are read from the log at once."""
_PART = 64 * 1024
"""Bytes that are written to the connection at once; the next part waits until it has taken
these."""


class Subscription:
    """Sends the matching events past `at`, until the client has gone.

    A slow client is waited for: unread events stay on the log. A client that reads nothing at all
    is cut (`sse.EventStream`), and can come back.
    """

    def __init__(
        self,
        events: EventReader,
        tail: EventTail,
        executors: Executors,
        wanted: EventFilter,
        at: Places,
        keep_alive: float = KEEP_ALIVE,
    ) -> None:
        self.events, self.reader, self.tail = events, events.reader, tail
        self.executors, self.wanted, self.at = executors, wanted, at
        self.told, self.spoke, self.keep_alive = at, time.monotonic(), keep_alive
        self.ended = self.memberships_ended()

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """Yield the parts to send."""
        yield block(id=self.token(), retry=RETRY)
        tail, number = self.tail, -1
        try:
            with tail.following():
                while not tail.closed:
                    if not self.let_in():
                        yield self.cut()
                        return
                    new = tail.past(number, self.at)
                    if new is None:
                        async for part in self.catch_up():
                            yield part
                        continue
                    found, number = new
                    async for part in self._told_of(found):
                        yield part
                        if not self.let_in():  # the client may have read slowly
                            break
                    if time.monotonic() - self.spoke >= self.keep_alive:
                        yield self._sign_of_life()
                    await tail.more(number, self.spoke + self.keep_alive - time.monotonic())
            yield self.farewell()
        except Exception as error:  # noqa: BLE001 - the status is sent: it is said in the stream
            yield self.why(error)

    async def catch_up(self) -> AsyncGenerator[bytes, None]:
        """Yield the events up to the read models, while the client is authenticated.

        That may take long: the client reads as slowly as it likes.
        """
        more = True
        while more and not self.tail.closed and self.let_in():
            run = self.executors.catching_up
            page, more = await self.events.read_on(run, self.wanted, self.at, PAGE)
            async for part in self._told_of(page.found):
                yield part
                if not self.let_in():
                    return
            self.at = page.places
            long_ago = time.monotonic() - self.spoke >= self.keep_alive
            if long_ago or (not more and self.at != self.told):
                yield self._sign_of_life()

    def let_in(self) -> bool:
        """Return whether the client is still authenticated, and in its groups.

        It is checked at every event.
        """
        sight = self.wanted.sight
        if sight is None:
            return True
        there = self.memberships_ended() == self.ended
        return there and still_let_in(self.reader.queries, sight.who)

    def memberships_ended(self) -> int:
        """Return how many memberships of the client have ended ever."""
        sight = self.wanted.sight
        groups = self.reader.queries.latest().groups
        return 0 if sight is None else groups.ended(sight.who.name)

    # Parts of the stream

    async def _told_of(self, found: Iterable[FoundEvent]) -> AsyncGenerator[bytes, None]:
        """Yield events in the form of the stream, some in one part; note their position.

        Skips events that do not match, or are not visible any more.
        """
        for some in _in_parts(found):
            blocks = list[bytes]()
            for one, value in zip(some, await self.shown(some), strict=True):
                self.at = {**self.at, one.behind.partition: one.behind}
                if value is not None:
                    blocks.append(block(id=self.token(), event=one.record.type, data=value))
            if blocks:
                yield b"".join(blocks)

    async def shown(self, found: Sequence[FoundEvent]) -> list[bytes | None]:
        """Return events as the client sees them now, None for invisible ones."""
        wanted = self.wanted

        def shown() -> list[bytes | None]:
            return [bytes(wanted.shown(o)) if wanted.fits(o.record) else None for o in found]

        if all(one.record.data_base64 is UNSET for one in found):
            return shown()
        return await self.executors.followers.run(shown)

    def token(self) -> str:
        """Return the client's position after the present part."""
        self.told, self.spoke = self.at, time.monotonic()
        return Position(self.reader.log_id, tuple(self.at.values())).token()

    def _sign_of_life(self) -> bytes:
        if self.at != self.told:
            return block(id=self.token())
        self.spoke = time.monotonic()
        return comment("" if self.reader.brokers.answer else "Kafka does not answer")

    def cut(self) -> bytes:
        """Return the last message to a client that is not authenticated, or has left a group."""
        if self.memberships_ended() != self.ended:
            return comment("You are in a group no longer: come back for what you may see.")
        return block(event="problem", data=said(bad_token()))

    def farewell(self) -> bytes:
        """Return the last message when the process stops."""
        if self.reader.failure is not None:
            return block(event="problem", data=said(unavailable(self.reader.failure)))
        return comment("The process stops: another one goes on from here.")

    def why(self, error: Exception) -> bytes:
        """Return why there are no more events."""
        if isinstance(error, Problem):
            return block(event="problem", data=said(error))
        if isinstance(error, AutoLearnError):
            log.warning("feed-ends", why=error.detail)
            return block(event="problem", data=said(unavailable(f"{error.detail} Try again.")))
        log.error("feed-ends", exc_info=error)
        fault = Problem(500, "fault", "AutoLearn failed", "The log of AutoLearn has the details.")
        return block(event="problem", data=said(fault))


def cut_off(meter: Meter, seconds: float, advice: str = "") -> bytes:
    """Count a client that read nothing for too long, and return its last message."""
    meter.count("autolearn_cut_followers_total")
    log.info("follower-cut", seconds=seconds)
    detail = f"Nothing of what was sent was taken for {seconds:g} seconds. {advice}".strip()
    return block(event="problem", data=said(unavailable(detail, kind="too-slow")))


def said(problem: Problem) -> bytes:
    """Return a problem as a part of the stream."""
    return msgspec.json.encode(problem.body())


def _in_parts(found: Iterable[FoundEvent]) -> Iterator[list[FoundEvent]]:
    """Yield events in groups, up to _PART bytes and one event more."""
    some, size = list[FoundEvent](), 0
    for one in found:
        some.append(one)
        size += len(one.value)
        if size >= _PART:
            yield some
            some, size = [], 0
    if some:
        yield some


def joined(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield several blocks in one part, up to _PART bytes and one block more."""
    waiting, size = [], 0
    for one in blocks:
        waiting.append(one)
        size += len(one)
        if size >= _PART:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
