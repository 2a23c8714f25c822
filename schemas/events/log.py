"""Events of the log itself."""

from __future__ import annotations

from autolearn.schemas.messages import Event


class TermStarted(Event, frozen=True):
    """A decider has claimed the partition. It answers no command and changes no stream.

    `process` names who claimed; the term itself is in the envelope.
    """

    process: str


class Refused(Event, frozen=True):
    """The command breaks a rule. `reason` is a code of `schemas.errors.REASONS`."""

    reason: str
    detail: str


class CommandFailed(Event, frozen=True):
    """The decider itself raised: the fault is ours, not the sender's."""

    detail: str


class CommandQuarantined(Event, frozen=True):
    """An operator has answered a command that stopped the decider; it changed nothing.

    `reason` is the operator's, who is the actor. For a record that is no command the stream is that
    of its Kafka key, else that of its partition.
    """

    reason: str
