"""The deciders: for each kind of stream three pure things.

`decide(state, command)` gives the one event that answers the command, `evolve(state, event)` the
state after it, and `initial` the state of a stream without events. No clock, no random source and
no input or output is reachable from here (invariant I5).
"""

from __future__ import annotations

from typing import Any

from autolearn.agents.deciders.catalog import estimator, metric, step
from autolearn.agents.deciders.dataset import dataset
from autolearn.agents.deciders.decider import Decider
from autolearn.agents.deciders.group import group
from autolearn.agents.deciders.model import model
from autolearn.agents.deciders.pipeline import pipeline
from autolearn.agents.deciders.session import session
from autolearn.agents.deciders.user import user
from autolearn.schemas import commands
from autolearn.schemas.actors import Actor
from autolearn.schemas.messages import Command

__all__ = ["DECIDERS", "is_for_viewers"]

DECIDERS: dict[str, Decider[Any, Any]] = {
    "dataset": dataset,
    "estimator": estimator,
    "metric": metric,
    "step": step,
    "session": session,
    "user": user,
    "group": group,
    "model": model,
    "pipeline": pipeline,
}
"""The decider of every kind of stream (`schemas.stream_kinds.KINDS`)."""

_OF_ONESELF = (
    *(commands.SetPassword, commands.IssueToken, commands.RevokeToken, commands.RevokeTokens),
    *(commands.UnshareSession, commands.RemoveMember),
    *(commands.UnshareModel, commands.UnsharePipeline),
)


def is_for_viewers(command: Command, actor: Actor) -> bool:
    """Return whether a viewer may give a command: about the own tokens and password, or to leave.

    The deciders have the rest of the rule.
    """
    user = getattr(command, "user", actor.name)
    return isinstance(command, _OF_ONESELF) and user == actor.name
