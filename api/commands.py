"""The way of a command: onto the log, and back as this process's own read models hold it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import structlog

from autolearn.api import problems
from autolearn.api.arrivals import Arrivals
from autolearn.api.asked import Asked
from autolearn.eventlog.log import Log
from autolearn.projections.models import Answer
from autolearn.projections.queries import Queries
from autolearn.schemas.codec import CONTENT_TYPE, CommandRecord, Headers, encode, raw
from autolearn.schemas.errors import LogError
from autolearn.schemas.messages import Command, type_of

__all__ = ["Accepted", "Commands"]

log = structlog.stdlib.get_logger("autolearn.api")


class Accepted(NamedTuple):
    """A command that is on the log, not answered yet."""

    id: str
    partition: int
    offset: int


class Sending:
    """One append on its way. The log's thread reports to `delivered`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, answered: asyncio.Future[None]) -> None:
        self.loop, self.answered = loop, answered
        self.written: asyncio.Future[None] | None = None
        self.at: tuple[int, int] | None = None
        self.error: LogError | None = None

    def delivered(self, error: LogError | None, partition: int, offset: int) -> None:
        """Note how the append went; wake the request only where it must know now."""
        if error is None:
            self.at = (partition, offset)
        self.error = error
        if error is not None or self.written is not None:
            self.loop.call_soon_threadsafe(self.wake)

    async def acknowledged(self, seconds: float) -> None:
        """Wait until the append is written, or failed."""
        self.written = self.loop.create_future()
        if self.at is None and self.error is None:
            await asyncio.wait((self.written,), timeout=seconds)

    def wake(self) -> None:
        """Go on with the request (on the event loop)."""
        if self.written is not None and not self.written.done():
            self.written.set_result(None)
        if self.error is not None and not self.answered.done():
            self.answered.set_result(None)


class Commands:
    """Posts commands and waits for their answers.

    `available` says whether the brokers answer: while they do not, nothing is sent.
    """

    def __init__(
        self,
        to: Log,
        topic: str,
        queries: Queries,
        arrivals: Arrivals,
        *,
        decision_timeout: float,
        available: Callable[[], bool],
    ) -> None:
        self.log, self.topic, self.queries, self.arrivals = to, topic, queries, arrivals
        self.decision_timeout = decision_timeout
        self.available = available

    async def post(
        self,
        stream: str,
        make: Callable[[], Command] | Command,
        asked: Asked,
        actor: str = "",
        headers: Headers = (),
    ) -> Answer | Accepted:
        """Have a command decided, once, however often it is asked for with the same id.

        `make` is called for the command only if it has no answer yet. Waits for the answer, or
        for the append alone if the request prefers so.

        Raises:
            Problem: the command was refused or failed; the key was used for another request; the
                log does not take the append; or whatever `make` raises.
        """
        earlier = self.queries.answer(asked.id)
        if earlier is not None:
            return checked(earlier, asked)
        command = make() if callable(make) else make
        if not self.available():
            raise problems.unavailable("Kafka does not answer: nothing was sent. Try again.")
        answered = self.arrivals.expect(asked.id)
        loop = asyncio.get_running_loop()
        sending = Sending(loop, answered)
        record = self.record(stream, command, asked, actor)
        prefer, timeout = asked.prefer, self.decision_timeout
        at_once = prefer.respond_async and prefer.wait is None
        try:
            self.log.append(
                self.topic,
                encode(record),
                key=stream,
                headers=CONTENT_TYPE + headers,
                delivered=sending.delivered,
            )
            if not at_once:
                wait = timeout if prefer.wait is None else prefer.wait
                await asyncio.wait((answered,), timeout=wait)
            if not answered.done():
                await sending.acknowledged(timeout)
        except LogError as error:
            raise problems.unavailable(f"{error.detail} Nothing was changed. Try again.") from None
        finally:
            self.arrivals.forget(asked.id)
        answer = self.queries.answer(asked.id)
        log.debug("command", type=record.type, stream=stream, command=asked.id, run=run_of(command))
        if answer is not None and not at_once:
            return checked(answer, asked)
        if sending.at is not None:
            return Accepted(asked.id, *sending.at)
        raise problems.unavailable(
            "Kafka has not acknowledged the command yet; it may still happen. Repeat the request "
            "with the same Idempotency-Key: it will not be done twice.",
        )

    def record(self, stream: str, command: Command, asked: Asked, actor: str) -> CommandRecord:
        """Return a command as it lies on the log."""
        now = datetime.now(UTC)
        return CommandRecord(
            id=asked.id,
            source="autolearn/api",
            type=type_of(type(command)),
            subject=stream,
            time=f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
            actor=actor,
            fingerprint=asked.fingerprint,
            data=raw(command),
        )


def run_of(command: Command) -> str | None:
    """Return the run that a command is about, if it is about one."""
    return getattr(command, "run", None)


def checked(answer: Answer, asked: Asked) -> Answer:
    """Return an answer if the command was accepted, and if it answers this very request.

    Raises:
        Problem: it was refused, failed, or belongs to another request with the same key.
    """
    if answer.fingerprint != asked.fingerprint:
        raise problems.Problem(
            422,
            "idempotency-key-reused",
            "The Idempotency-Key was used for another request",
            "A request with this key and another content was answered before: send a new key "
            "with a new request.",
        )
    if answer.reason == "command-failed":
        raise problems.failed(answer)
    if answer.reason:
        raise problems.refusal(answer)
    return answer
