"""The policy of guards: traffic ends when a version has passed the limit of one."""

from __future__ import annotations

from typing import NamedTuple

from autolearn.agents.command_client import command_id
from autolearn.schemas.commands import RollBackTraffic
from autolearn.schemas.models.traffic import GuardBreach
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import StreamId


class PolicyCommand(NamedTuple):
    """A command that follows from something, for `CommandClient.post`."""

    stream: StreamId
    command: RollBackTraffic
    id: str


def end_traffic(model: str, revision: int, breach: GuardBreach) -> PolicyCommand:
    """Return the command that ends the traffic of a revision, to be posted by the actor SERVE.

    Processes that see the same breach, each by its own counts, derive the same id (a UUID of
    version 5): one of their commands is answered, by one event.
    """
    of = stream("model", model)
    command = RollBackTraffic(revision, breach.version, breach.guard, breach.bad, breach.requests)
    return PolicyCommand(of, command, command_id(of, revision, breach.version, breach.guard))
