"""What all kinds of runs have in common: their state, waiting for their end, cancelling."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from msgspec.structs import replace

from autolearn.client.sdk.errors import (
    BadArgument,
    EvaluationFailed,
    PipelineFailed,
    PredictionFailed,
    StudyFailed,
    TimedOut,
    TrainingFailed,
)
from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.handle import Handle, Reference
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.operation import chained
from autolearn.client.sdk.paths import segment
from autolearn.schemas.rest.pipelines.runs import PipelineRun
from autolearn.schemas.rest.runs import Evaluation, Prediction, Study, Training
from autolearn.schemas.values import plural

R = TypeVar("R", Training, Evaluation, Prediction, Study, PipelineRun)
Data = str | Mapping[str, str] | Reference
"""A dataset: as an object, by its name, NAME@VERSION, or {"name": …, "version": …}.

The start of a version is enough.
"""
Wait = bool | float
"""Whether to wait for the end of a run, or for how many seconds at most."""

_LONGEST_WAIT = 300.0
"""Seconds for which one request may wait; longer waits are several requests."""
SHORT_ID = 8
"""Characters of an id that are shown: enough to tell a few apart."""


def seconds_of_wait(wait: Wait) -> float | None:
    """Return for how many seconds to wait: without end for True, None for not at all.

    Raises:
        BadArgument: it is neither a number of seconds nor True or False.
    """
    if isinstance(wait, bool):
        return math.inf if wait else None
    if isinstance(wait, int | float) and wait >= 0:
        return float(wait)
    raise BadArgument(
        f"wait={wait!r} is no time to wait.", advice="Give seconds, or True or False."
    )


def waiting(call: Call[R], limit: float | None) -> Call[R]:
    """Return a call that is answered when its run has ended, or after so many seconds."""
    return call if limit is None else replace(call, wait=min(limit, _LONGEST_WAIT))


class RunMethods(Handle[R]):
    """What trainings, evaluations and predictions have in common."""

    _kind: ClassVar[str]
    _type: ClassVar[Any]
    _failed: ClassVar[
        type[TrainingFailed | EvaluationFailed | PredictionFailed | StudyFailed | PipelineFailed]
    ]

    def _begin(self, owner: RunParent, data: R) -> None:
        self._owner, self._data = owner, data

    @property
    def id(self) -> str:
        """Its id."""
        return self.data.id

    @property
    def status(self) -> str:
        """Its newest known status: open (it waits), started, completed, failed or cancelled."""
        return self.data.status

    @chained
    def refresh(self, *, wait: float | None = None) -> Flow[None]:
        """Get the present state: as soon as it has ended, or `wait` seconds are over."""
        yield from self._refreshed(wait)

    @chained
    def wait(self, timeout: float | None = None, *, raise_on_failure: bool = True) -> Flow[None]:
        """Wait for its end, and for the results of the metrics that `train` was given.

        Raises:
            BadArgument: `timeout` is no number of seconds.
            TimedOut: it has not ended after `timeout` seconds; it goes on.
            TrainingFailed, EvaluationFailed: it failed or was cancelled, unless `raise_on_failure`
                is off.
        """
        limit = math.inf if timeout is None else seconds_of_wait(timeout) or 0.0
        yield from self._until_ended(limit, raise_on_failure=raise_on_failure)

    @chained
    def cancel(self) -> Flow[None]:
        """Stop it."""
        return self._cancelled()

    def _cancelled(self) -> Flow[None]:
        self._data = yield from self._owner.ask(
            lambda at: ask(Call("POST", f"{self._path(at)}/cancel", self._type))
        )

    def _path(self, owner: str) -> str:
        return f"{owner}/{plural(self._kind)}/{segment(self.id)}"

    def _refreshed(self, wait: float | None) -> Flow[None]:
        """Get the state when the run has ended, or after `wait` seconds."""
        until = None if wait is None else time.monotonic() + wait
        first = None if wait is None else min(wait, _LONGEST_WAIT)
        self._data = yield from self._got(first)
        while until is not None and not self.data.ended and (left := until - time.monotonic()) > 0:
            self._data = yield from self._got(max(1.0, min(left, _LONGEST_WAIT)))

    def _got(self, wait: float | None) -> Flow[R]:
        return self._owner.ask(lambda at: ask(Call("GET", self._path(at), self._type, wait=wait)))

    def _until_ended(self, wait: float, *, raise_on_failure: bool) -> Flow[None]:
        """Wait for the end, and for what was to follow it.

        Raises:
            TimedOut, TrainingFailed, EvaluationFailed: as they say.
        """
        until = time.monotonic() + wait
        try:
            if self.data.ended is None:
                yield from self._refreshed(wait)
            if self.data.status == "completed":
                left = until - time.monotonic()
                yield from self._followed(left, raise_on_failure=raise_on_failure)
        except BaseException as error:
            if not isinstance(error, Exception):  # Ctrl-C, or a task that is cancelled
                error.add_note(f"{self._title()}: it goes on.")
            raise
        if self.data.ended is None:
            raise TimedOut(
                self,
                f"{self._name()} has not ended within {wait:g} s",
                f"It is {self._state()}, and goes on.",
                "Its method wait() waits again, cancel() stops it.",
            )
        if raise_on_failure and self.data.status != "completed":
            ended = "failed" if self.data.status == "failed" else "was cancelled"
            raise self._failed(self, f"{self._name()} {ended}", self._why())

    def _followed(self, wait: float, *, raise_on_failure: bool) -> Flow[None]:  # noqa: ARG002
        """Do what was to follow the run, at most for `wait` seconds."""
        yield from ()

    def _why(self) -> str:
        """Return why it has no result."""
        return ": ".join(filter(None, (self.data.reason, self.data.detail)))

    def _name(self) -> str:
        raise NotImplementedError

    def _state(self) -> str:
        """Return the status in words, with the phase of a run that goes on."""
        progress = self.data.progress
        if self.data.ended is not None or progress is None:
            return f"{self.data.status}{f' ({self.data.reason})' if self.data.reason else ''}"
        words = ", ".join(filter(None, (progress.phase, progress.detail)))
        return f"{self.data.status} ({words})"
