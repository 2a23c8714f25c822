"""Posts commands to the log, and awaits their answers in this process's read models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog
from msgspec import UNSET
from msgspec.structs import replace

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.answer_waiters import AnswerWaiters
from autolearn.api.commands.backlog import Backlog
from autolearn.api.commands.bounded_producer import BoundedProducer, Sending
from autolearn.api.commands.command_headers import CommandRequest, Prefer
from autolearn.api.http import problems
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.log import Producer
from autolearn.projections.queries.queries import ReadModelQueries
from autolearn.projections.rows.command_answers import Answer
from autolearn.schemas.bounds import LARGEST_COMMAND, size_of
from autolearn.schemas.codec import CONTENT_TYPE, CommandRecord, Headers, encode, raw
from autolearn.schemas.commands import OpenSession, RegisterDataset
from autolearn.schemas.confidentiality import is_confidential
from autolearn.schemas.errors import LogError, TooLarge
from autolearn.schemas.messages import Command, type_of
from autolearn.schemas.settings import Settings
from autolearn.schemas.stream_kinds import kind_of, session_id
from autolearn.schemas.values import StreamId

_HEADERS = 1024
"""The most bytes of a command's headers."""

log = structlog.stdlib.get_logger("autolearn.api")


class Commands:
    """Posts commands and waits for their answers.

    `available` says whether the brokers answer: while they do not, nothing is sent.
    """

    def __init__(
        self,
        to: Producer,
        topic: str,
        queries: ReadModelQueries,
        arrivals: AnswerWaiters,
        *,
        settings: Settings,
        available: Callable[[], bool],
        vault: SessionCipher,
    ) -> None:
        self.log, self.topic, self.queries, self.arrivals = to, topic, queries, arrivals
        limits = self.limits = settings.limits
        self.available, self.vault = available, vault
        self.appends = BoundedProducer(
            limits.max_appends, limits.max_pending, patience=limits.append_timeout
        )
        self.sent: dict[str, Sending] = {}
        self.backlog = Backlog(
            settings.kafka.partitions,
            limits.max_undecided,
            queries.progress,
            lambda command: queries.answer(command) is not None,
        )

    async def post(
        self,
        stream: StreamId,
        command: Command | None,
        asked: CommandRequest,
        actor: str = "",
        headers: Headers = (),
    ) -> Answer | Accepted:
        """Have a command decided, once for all requests with the same id.

        There must be a `command` unless it has an answer already. Waits for the answer, or only for
        the append if the request prefers so; and never longer than `append_timeout` for an append
        that Kafka does not acknowledge.

        Confidential commands are encrypted with the key of their session, which is made when it
        opens.

        Raises:
            Unreadable: the session's key cannot be used.
            Problem: the command was refused or failed; the key was used for another request; the
            log or the deciders do not keep up, or do not answer.
        """
        if asked.call is not None:
            headers += asked.call.posting(stream, asked.id)
        earlier = self.queries.answer(asked.id)
        if earlier is not None:
            return self.checked(earlier, asked)
        assert command is not None, "what has no answer now had none before"
        with self._waiting_for(asked.id) as answered:
            keyid = await self._key_for(stream, command, asked)
            sending = self.sent.get(asked.id)
            if sending is None or sending.error is not None:
                record = self.record(stream, command, asked, actor, keyid)
                sending = self.send(record, asked, headers)
                self.sent[asked.id] = sending
            await self._answer_or_append(answered, sending, asked.prefer)
        answer = self.queries.answer(asked.id)
        kind, run = type_of(type(command)), _run_of(command)
        log.debug("command", type=kind, stream=stream, command=asked.id, run=run)
        if answer is not None and not asked.prefer.at_once:
            return self.checked(answer, asked)
        if sending.at is not None:
            return Accepted(asked.id, *sending.at)
        raise _unacknowledged(asked)

    async def _key_for(self, stream: StreamId, command: Command, asked: CommandRequest) -> str:
        """Return the id of the key that encrypts a command, "" for one in clear.

        Raises:
            Problem: the session's key is gone, or not there yet; or as `new_key`.
        """
        if not is_confidential(type(command)):
            return ""
        if isinstance(command, RegisterDataset):  # its content is encrypted with it already
            return command.spec.keyid
        if kind_of(stream) in ("dataset", "model", "pipeline"):
            return await self.key_of(stream, asked)
        session = session_id(stream)
        keyid = self.queries.latest().sessions.keyid(session)
        if keyid is not None:  # it is open, and may have been opened in clear
            return keyid
        if found := self.vault.of_session(session):
            return found
        if not self.vault.makes:
            return ""
        if isinstance(command, OpenSession):
            return await self.new_key(session, stream, asked)
        raise problems.unreadable()

    async def key_of(self, owner: StreamId, asked: CommandRequest) -> str:
        """Return the id of the key of a dataset or model by its stream, "" for one in clear.

        Raises:
            Problem: as `new_key`.
        """
        if found := self.vault.of_session(owner):
            return found
        return await self.new_key(owner, owner, asked) if self.vault.makes else ""

    async def new_key(self, session: str, stream: StreamId, asked: CommandRequest) -> str:
        """Return the id of a new key for a session, or for a dataset by the name of its stream.

        The key is on the log before the command is sent: a reader of the command finds the key.

        Raises:
            Problem: commands cannot be sent now, or Kafka does not acknowledge the key in time.
        """
        name, refused = f"key of {session}", "nothing was changed. Try again."
        sending = self.appends.sendings.get(name)
        if sending is None:
            self.require_room(stream, asked.id)
            sending, delivered = self.appends.add(name, 0, lambda _, __: None)
            try:
                self.vault.make(session, delivered)
            except LogError as error:
                self.appends.remove(name)
                raise problems.unavailable(f"{error.detail} So {refused}") from None
        await sending.over(self.limits.append_timeout)
        if found := self.vault.of_session(session):
            return found
        raise problems.unavailable(f"Kafka has not taken the key in time: {refused}")

    @contextmanager
    def _waiting_for(self, command: str) -> Iterator[asyncio.Future[None]]:
        """Yield the future of a command's answer; until then the command is not sent again."""
        try:
            with self.arrivals.expected(command) as answered:
                yield answered
        finally:
            if command not in self.arrivals.waiting:
                self.sent.pop(command, None)

    def require_room(self, stream: StreamId, command: str, size: int = 0) -> None:
        """Raise a problem if a command cannot be sent now. An answered command passes."""
        if command in self.appends.sendings or self.queries.answer(command) is not None:
            return
        if not self.available():
            raise problems.unavailable("Kafka does not answer: nothing was sent. Try again.")
        self.appends.require_room(size)
        self.backlog.require_room(stream, command)

    def send(self, record: CommandRecord, asked: CommandRequest, headers: Headers) -> Sending:
        """Send a command, unless the same one is on its way already.

        Raises:
            Problem: it cannot be sent now.
        """
        earlier = self.appends.sendings.get(asked.id)
        if earlier is not None:
            return earlier
        value, headers = encode(record), CONTENT_TYPE + headers
        _check_command_size(size_of(value, record.subject, headers))
        self.require_room(record.subject, asked.id, len(value))
        sending, delivered = self.appends.add(asked.id, len(value), self.backlog.wrote)
        try:
            self.log.append(
                self.topic, value, key=record.subject, headers=headers, delivered=delivered
            )
        except TooLarge as error:  # the brokers take less than we do
            self.appends.remove(asked.id)
            raise problems.too_large(f"{error.detail} Nothing was changed.") from None
        except LogError as error:
            self.appends.remove(asked.id)
            raise problems.unavailable(f"{error.detail} Nothing was changed. Try again.") from None
        return sending

    def require_fit(self, stream: StreamId, command: Command, asked: CommandRequest) -> None:
        """Raise a problem if a command in clear is too large, before any work for it.

        Raises:
            Problem: it is (413).
        """
        record = self.record(stream, command, asked, "", "")
        _check_command_size(size_of(encode(record), stream, ()) + _HEADERS)

    async def _answer_or_append(
        self, answered: asyncio.Future[None], sending: Sending, prefer: Prefer
    ) -> None:
        """Wait for an answer as long as preferred, for the append no longer than allowed."""
        loop = asyncio.get_running_loop()
        began, patience = loop.time(), self.limits.append_timeout
        wait = self.limits.decision_timeout if prefer.wait is None else prefer.wait
        if not prefer.at_once:
            await asyncio.wait((answered,), timeout=min(wait, patience))
        if not answered.done():
            await sending.over(began + patience - loop.time())
        left = began + wait - loop.time()
        if not prefer.at_once and not answered.done() and sending.at is not None and left > 0:
            await asyncio.wait((answered,), timeout=left)

    def record(
        self, stream: StreamId, command: Command, asked: CommandRequest, actor: str, keyid: str
    ) -> CommandRecord:
        """Return the log record of a command."""
        now = datetime.now(UTC)
        record = CommandRecord(
            id=asked.id,
            source="autolearn/api",
            type=type_of(type(command)),
            subject=stream,
            time=f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
            actor=actor or asked.actor,
            grant=asked.grant or UNSET,
            via=asked.via or UNSET,
            fingerprint=asked.fingerprint,
            data=raw(command),
        )
        if not keyid:
            return record
        if ":" not in asked.fingerprint:  # that of a dead letter is made already
            fingerprint = self.vault.fingerprint(keyid, asked.fingerprint)
            record = replace(record, fingerprint=fingerprint)
        return self.vault.seal(record, command, keyid)

    def checked(self, answer: Answer, asked: CommandRequest) -> Answer:
        """Return an accepted answer to this very request.

        Raises:
            Problem: it was refused, failed, or belongs to another request with the same key.
        """
        if not self.vault.same_request(answer.fingerprint, asked.fingerprint):
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


def _check_command_size(size: int) -> None:
    """Raise a problem if a command of so many bytes is too large.

    Raises:
        Problem: it is (413).
    """
    if size > LARGEST_COMMAND:
        raise problems.too_large(
            f"The command has {size:,} bytes as it would lie on the log; at most "
            f"{LARGEST_COMMAND:,} are taken. Nothing was changed: ask for less in one request.",
            size=size,
            limit=LARGEST_COMMAND,
        )


def _unacknowledged(asked: CommandRequest) -> problems.Problem:
    """Return the problem of a command that may be on the log or not."""
    again = (
        "Repeat the request with the same Idempotency-Key: it will not be done twice."
        if asked.keyed
        else f"Look at /v1/commands/{asked.id} before you repeat the request, for it had no "
        "Idempotency-Key; with one it would not be done twice."
    )
    return problems.unavailable(
        f"Kafka has not acknowledged the command yet; it may still happen. {again}",
        kind="not-acknowledged",
        command=asked.id,
    )


def _run_of(command: Command) -> str | None:
    return getattr(command, "run", None)
