"""How agents post commands: as the API does, with ids that are theirs to know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from autolearn.agents.fail_stop import end_process
from autolearn.eventlog.log import Log
from autolearn.runtime.trace_context import Trace, sending
from autolearn.schemas.bounds import LARGEST_COMMAND, check_size, size_of
from autolearn.schemas.codec import CONTENT_TYPE, CommandRecord, encode, raw
from autolearn.schemas.errors import LogError
from autolearn.schemas.messages import Command, type_of
from autolearn.schemas.topics import Topics

__all__ = ["now", "post"]


def now() -> str:
    """Return the time as RFC 3339 in UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def post(
    log: Log,
    topics: Topics,
    stream: str,
    command: Command,
    identity: str,
    actor: str,
    trace: Trace | None = None,
    instance: str = "",
    seal: Callable[[CommandRecord, Command], CommandRecord] = lambda record, _: record,
) -> None:
    """Append a command; a failed append ends the process, but one that is too large is not sent.

    Posting it again with the same `identity` is harmless: it is answered once. `trace` is what it
    follows from, and `instance` who posts it. `seal` encrypts it if it is confidential.

    Raises:
        TooLarge: it has more bytes than a command may have, as it would be sent.
    """
    record = CommandRecord(
        id=identity,
        source=f"autolearn/{actor.replace(' ', '/')}",
        type=type_of(type(command)),
        subject=stream,
        time=now(),
        actor=actor,
        data=raw(command),
    )

    def delivered(error: LogError | None, _: int, __: int) -> None:
        if error is not None:
            end_process("a command could not be posted", error)

    value, headers = encode(seal(record, command)), CONTENT_TYPE + sending(trace, instance)
    check_size("The command", size_of(value, stream, headers), LARGEST_COMMAND)
    log.append(
        topics.commands.name,
        value,
        key=stream,
        headers=headers,
        delivered=delivered,
    )
