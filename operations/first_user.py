"""`python -m autolearn.operations.first_user [--with-parent] [--user NAME] [--anyway]`: a sysadmin.

On a log without any user it makes the first one, a sysadmin, with a token; where there are users it
changes nothing. With --anyway the user is made, enabled and a sysadmin whoever there is: for when
all tokens are lost. It writes to the brokers directly: who may do that may do anything.

The result is `{"user": NAME, "token": TOKEN}`, or `{}` when there was nothing to do. The token is
said nowhere else.
"""

from __future__ import annotations

import argparse
import secrets
import time
import uuid
from collections.abc import Mapping
from contextlib import closing

from autolearn.agents.command_client import CommandClient
from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.kafka.connect import open_log
from autolearn.eventlog.log import START_TIMEOUT, Log
from autolearn.operations.tool import ProgressLines, ToolResult, run_as_tool
from autolearn.runtime.timestamps import now
from autolearn.runtime.trace_context import Trace, instance_of
from autolearn.schemas import events
from autolearn.schemas.access_tokens import Token, made_of
from autolearn.schemas.actors import FIRST_USER
from autolearn.schemas.codec import EventRecord, event_of
from autolearn.schemas.commands import AddUser, EnableUser, IssueToken, SetRole
from autolearn.schemas.errors import AutoLearnError, ExitCode, LogError, SettingsError
from autolearn.schemas.messages import Command, Event
from autolearn.schemas.settings import Settings
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.topics import Topics
from autolearn.schemas.values import StreamId

_FIRST = "admin"
"""The default name of the first sysadmin."""
_PATIENCE = 600.0
"""Seconds that a decider has to answer: in a new system, it is starting too."""


class FirstUserRefused(AutoLearnError):
    """A decider has refused to make the user."""

    title = "The user could not be made"
    exit_code = ExitCode.REFUSED


class KnownUsers:
    """The known users, and the answers to these commands (a fold, in memory only)."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.answers: dict[str, Event | None] = {}

    def progress(self) -> Mapping[int, PartitionProgress]:
        """Return nothing: no progress is stored."""
        return {}

    def fold(self, record: EventRecord, _: int, __: int, /) -> None:
        """Fold one admitted event; those of other kinds of streams are not decoded."""
        if not record.subject.startswith("user/"):
            return
        event = event_of(record)
        if isinstance(event, events.UserAdded):
            self.known.add(record.subject)
        if record.causationid in self.answers:
            self.answers[record.causationid] = event

    def commit(self, _: Mapping[int, PartitionProgress]) -> None:
        """Store nothing."""

    def reset(self) -> None:
        """Forget everything."""
        self.known.clear()


def first_user(log: Log, topics: Topics, name: str, *, anyway: bool = False) -> Token | None:
    """Make a sysadmin with a token, and return it; None if there are users, unless `anyway`.

    Raises:
        LogError: the log cannot be used, or no decider answers.
        Refused: the token was refused.
    """
    log.create(topics.all(), START_TIMEOUT)
    users, partitions = KnownUsers(), range(topics.events.partitions)
    with closing(Projector(log, topics.events.name, users, partitions)) as follower:
        follower.catch_up()
        if users.known and not anyway:
            return None
        token = made_of(secrets.token_hex(8), secrets.token_urlsafe(32))
        steps: list[Command] = [AddUser("sysadmin")]
        if stream("user", name) in users.known:
            steps = [SetRole("sysadmin"), EnableUser()]  # either is refused where it is so already
        steps.append(IssueToken(token.id, "first" if not anyway else "anyway", token.digest))
        for step in steps:
            answer = _ask(log, topics, follower, users, stream("user", name), step)
        if not isinstance(answer, events.TokenIssued):
            raise FirstUserRefused(
                answer.detail if isinstance(answer, events.Refused) else repr(answer)
            )
        return token


def _ask(
    log: Log, topics: Topics, follower: Projector, users: KnownUsers, to: StreamId, command: Command
) -> Event:
    """Post a command, and wait for its answer."""
    identity = str(uuid.uuid4())
    users.answers[identity] = None
    client = CommandClient(log, topics, FIRST_USER, instance_of("first-user", "0"))
    client.post(to, command, identity, Trace.begin())
    deadline = time.monotonic() + _PATIENCE
    while (answer := users.answers[identity]) is None:
        if time.monotonic() > deadline:
            raise LogError(
                f"Nobody has decided for {_PATIENCE:g} s (asked at {now()}).",
                advice="Start a decider: `autolearn up`, or `autolearn run decide`.",
            )
        follower.step(0.2)
    return answer


def work(settings: Settings, chosen: argparse.Namespace, _: ProgressLines) -> ToolResult:
    """Make the user on the settings' log."""
    try:
        stream("user", chosen.user)
    except ValueError as error:
        raise SettingsError(f"{error}.", title="That is no name of a user") from None
    with closing(open_log(settings)) as log:
        token = first_user(log, Topics.of(settings), chosen.user, anyway=chosen.anyway)
    return {} if token is None else {"user": chosen.user, "token": token.word}, ExitCode.DONE


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m autolearn.operations.first_user")
    parser.add_argument("--user", default=_FIRST)
    parser.add_argument("--anyway", action="store_true")
    run_as_tool(work, parser)
