"""Given these events, when this command comes, then that is the answer: how rules are tested.

`given(session, SessionOpened("a")).when(DiscardSession()).then(SessionDiscarded())`, after Emmett's
`DeciderSpecification`. It ships with the package, so that plug-ins test their deciders alike.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from autolearn.agents.deciders.decider import Decider
from autolearn.agents.deciders.user import UserCommand
from autolearn.schemas import commands, events
from autolearn.schemas.actors import SERVE, SUPERVISE, SYSADMIN, Actor, worker
from autolearn.schemas.errors import REASONS
from autolearn.schemas.messages import Command, Event


def entitled(command: Command, user: str = "") -> Actor:
    """Return an actor who may give a command, where this user owns everything."""
    match command:
        case (
            commands.StartRun()
            | commands.CompleteRun()
            | commands.FailRun()
            | commands.ReportRunLost()
        ):
            return Actor(worker(command.worker))
        case commands.RegisterEstimator() | commands.RegisterMetric() | commands.RegisterStep():
            return Actor(worker("any"))
        case commands.RequestStep() | commands.RecordStep() | commands.ForgetRuns():
            return Actor(worker("any"))
        case commands.RegisterDataset(spec=spec) if spec.origin == "bundled":
            return Actor(worker("any"))
        case commands.ProposeExpiry() | commands.ExpireSession():
            return Actor(SUPERVISE)
        case commands.RollBackTraffic():
            return Actor(SERVE)
    return Actor(user, SYSADMIN) if isinstance(command, UserCommand) else Actor(user)


class Refused(Struct, frozen=True):
    """Expect a refusal for this reason, with any message."""

    reason: str


class When(Struct, frozen=True):
    """An answer that waits to be compared."""

    decider: Decider[Any, Any]
    state: Any
    answer: Event

    def then(self, expected: Event | Refused) -> None:
        """Check that this was the answer.

        Raises:
            AssertionError: it was another; or a refusal changes the state or has no words.
        """
        if not isinstance(expected, Refused):
            assert self.answer == expected, f"expected {expected}, got {self.answer}"
            return
        assert isinstance(self.answer, events.Refused), f"expected {expected}, got {self.answer}"
        assert self.answer.reason == expected.reason, f"expected {expected}, got {self.answer}"
        assert self.answer.reason in REASONS, f"{expected.reason} is missing in errors.REASONS"
        assert self.answer.detail, "a refusal says why"
        after = self.decider.evolve(self.state, self.answer, "")
        assert after == self.state, "a refusal changes nothing"


class GivenStream(Struct, frozen=True):
    """A stream after some events."""

    decider: Decider[Any, Any]
    state: Any

    def when(self, command: Command, actor: Actor | None = None) -> When:
        """Decide on a command of an actor, by default of one who may give it."""
        actor = actor or entitled(command)
        assert isinstance(command, self.decider.commands), f"{command} never reaches this decider"
        return When(self.decider, self.state, self.decider.decide(self.state, command, actor))


def given(decider: Decider[Any, Any], *past: Event, actor: str = "") -> GivenStream:
    """Return a stream after these events, from the first, whose commands `actor` gave."""
    state = decider.initial
    for event in past:
        state = decider.evolve(state, event, actor)
    return GivenStream(decider, state)
