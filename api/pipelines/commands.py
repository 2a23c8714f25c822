"""Posts the commands of a run of a pipeline: as the worker that conducts it, or as its user."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from autolearn.agents.command_client import command_id
from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.bounded_producer import LogBusy
from autolearn.api.commands.command_headers import CommandRequest, Prefer
from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import EVERYBODY, Principal
from autolearn.api.state.context import ApiContext
from autolearn.projections.rows.command_answers import Answer
from autolearn.runtime.trace_context import Trace, sending
from autolearn.schemas.actors import worker
from autolearn.schemas.commands.runs import RequestRun
from autolearn.schemas.errors import LogError
from autolearn.schemas.messages import Command
from autolearn.schemas.values import RunId, StreamId

_PAUSE, _LONGEST = 0.1, 5.0
"""Seconds until a command is sent again that the log did not take, and the longest such pause."""
log = structlog.stdlib.get_logger("autolearn.pipelines")


class LostRun(Exception):
    """This process conducts the run no longer: it has ended, or is another process's."""


class RunCommands:
    """The commands of one run. Their ids follow from it: whoever conducts it repeats them.

    `held` raises `LostRun` if the process may not post a command any more. It is asked before each:
    the log refuses to others what `conduct` posts, but not what the user may do. All are one trace.
    """

    def __init__(
        self,
        context: ApiContext,
        identifier: str,
        run: RunId,
        user: str,
        attempt: int,
        held: Callable[[Command | None], Awaitable[None]],
    ) -> None:
        self.context, self.worker, self.run, self.user = context, identifier, run, user
        self.attempt, self.held, self.trace = attempt, held, Trace.begin()
        self.requested: set[RunId] = set()
        """The runs that it has asked for as the user."""
        self._posting: set[asyncio.Future[Answer | Accepted]] = set()

    def principal(self) -> Principal:
        """Return the user who has started the run, with the present rights.

        Raises:
            Problem: the user was disabled (403).
        """
        if self.context.settings.identity.auth == "none":
            return EVERYBODY
        row = self.context.queries.latest().users.stored(self.user)
        if row is not None and row.disabled:
            detail = f"{self.user} has started it, and was disabled since."
            raise Problem(403, "forbidden", "The user may not do that any more", detail)
        role = "user" if row is None else row.role
        return Principal(self.user, role == "sysadmin", viewer=role == "viewer")

    async def conduct(self, stream: StreamId, command: Command, *parts: object) -> Answer:
        """Post a command as the worker, and return its answer.

        What was refused to a process that had lost the run is asked again for this attempt.

        Raises:
            LostRun: the run is another process's, or has ended.
            Problem: it is refused.
        """
        me = worker(self.worker)
        try:
            return await self._post(stream, command, self.asked(*parts), me)
        except Problem as problem:
            if problem.kind != "forbidden":
                raise
        return await self._post(stream, command, self.asked(*parts, self.attempt), me)

    async def act(
        self, stream: StreamId, command: Command | None, *parts: object, via: str = ""
    ) -> Answer:
        """Post a command as the user, and return its answer. One that is `answered` may be None.

        Raises:
            LostRun: the run is another process's, or has ended.
            Problem: it is refused.
        """
        who = self.principal()
        if isinstance(command, RequestRun):
            self.requested.add(command.run)
        asked = self.asked(*parts)._replace(actor=who.name, grant=who.grant, via=via)
        return await self._post(stream, command, asked, "")

    async def until_answered(self) -> None:
        """Wait for a while for the answers of commands that were sent, though nobody else does.

        What they ask for is then known, and can be ended.
        """
        if self._posting:
            await asyncio.wait(self._posting, timeout=_LONGEST)

    def answered(self, *parts: object) -> bool:
        """Return whether a command has its answer, such as one of the process before."""
        return self.context.queries.answer(command_id(self.run, *parts)) is not None

    def asked(self, *parts: object) -> CommandRequest:
        """Return the request for a command by what it is for."""
        identity = command_id(self.run, *parts)
        return CommandRequest(identity, identity, Prefer(None, respond_async=False))

    async def _post(
        self, stream: StreamId, command: Command | None, asked: CommandRequest, actor: str
    ) -> Answer:
        """Post a command until it is answered: what the log cannot take now is sent again."""
        pause, headers = _PAUSE, sending(self.trace, self.context.audit.instance)
        while True:
            await self.held(command)
            try:
                posted = asyncio.ensure_future(
                    self.context.commands.post(stream, command, asked, actor, headers)
                )
                self._posting.add(posted)
                posted.add_done_callback(self._posted)
                answer = await asyncio.shield(posted)
                if not isinstance(answer, Accepted):
                    return answer
            except Problem as problem:
                decided = problem.kind == "command-failed"  # it stays so
                if decided or (problem.status_code < 500 and problem.status_code != 429):
                    await self.held(command)  # by the answer it may be another process's
                    raise
                log.warning("a command is sent again", run=self.run, why=str(problem.detail))
            except (LogBusy, LogError) as error:
                log.warning("a command is sent again", run=self.run, why=error.detail)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST)

    def _posted(self, posted: asyncio.Future[Answer | Accepted]) -> None:
        self._posting.discard(posted)
        if not posted.cancelled():
            posted.exception()  # perhaps nobody waits for it any more
