"""Posts the commands of agents, with ids that they derive themselves."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable
from functools import partial

from autolearn.agents.fail_stop import end_if_refused
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.log import Producer
from autolearn.runtime.timestamps import now
from autolearn.runtime.trace_context import Trace, sending
from autolearn.schemas.bounds import LARGEST_COMMAND, check_size, size_of
from autolearn.schemas.codec import CONTENT_TYPE, CommandRecord, EventRecord, encode, raw
from autolearn.schemas.messages import Command, type_of
from autolearn.schemas.topics import Topics
from autolearn.schemas.values import StreamId


def command_id(*parts: object) -> str:
    """Derive the id of a command: the same parts give the same id."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, " ".join(map(str, parts))))


class CommandClient:
    """Posts the commands of an actor, and returns their answers.

    `instance` is the posting process; `vault` encrypts confidential data.
    """

    def __init__(
        self,
        log: Producer,
        topics: Topics,
        actor: str,
        instance: str,
        vault: SessionCipher | None = None,
    ) -> None:
        self.log, self.topic, self.vault = log, topics.commands.name, vault
        self.actor, self.instance = actor, instance
        self.answers: dict[str, asyncio.Future[EventRecord]] = {}

    def post(
        self,
        stream: StreamId,
        command: Command,
        identity: str,
        trace: Trace | None = None,
        keyid: str = "",
    ) -> None:
        """Append a command; a failed append ends the process, one that is too large is not sent.

        Posting it again with the same `identity` is harmless: it is answered once. `trace` is its
        cause; with a `keyid` it is encrypted with that key, if it is confidential.

        Raises:
            TooLarge: it has more bytes than a command may have, as it would be sent.
            Unreadable: it is confidential, and its key is shredded.
        """
        record = CommandRecord(
            id=identity,
            source=f"autolearn/{self.actor.replace(' ', '/')}",
            type=type_of(type(command)),
            subject=stream,
            time=now(),
            actor=self.actor,
            data=raw(command),
        )
        if self.vault is not None:
            record = self.vault.seal(record, command, keyid)
        value, headers = encode(record), CONTENT_TYPE + sending(trace, self.instance)
        check_size("The command", size_of(value, stream, headers), LARGEST_COMMAND)
        delivered = partial(end_if_refused, "a command could not be posted")
        self.log.append(self.topic, value, key=stream, headers=headers, delivered=delivered)

    async def ask(
        self,
        stream: StreamId,
        command: Command,
        identity: str,
        trace: Trace | None,
        keyid: str = "",
    ) -> EventRecord:
        """Post a command and return the event that answers it. An id serves one call only.

        Raises:
            TooLarge: it has more bytes than a command may have, as it would be sent.
            Unreadable: it is confidential, and its key is shredded.
        """
        answer: asyncio.Future[EventRecord]
        answer = self.answers[identity] = asyncio.get_running_loop().create_future()
        try:
            self.post(stream, command, identity, trace, keyid)
            return await answer
        finally:
            del self.answers[identity]

    def take_answers(self, records: Iterable[EventRecord]) -> None:
        """Pass the answers among these events to the waiting callers."""
        for record in records:
            waiting = self.answers.get(record.causationid)
            if waiting is not None and not waiting.done():
                waiting.set_result(record)
