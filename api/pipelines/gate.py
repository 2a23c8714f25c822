"""The gate of one model: registers a training as its version, and has the decider promote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from autolearn.api.http.problems import Problem
from autolearn.api.identity.visibility import Level
from autolearn.api.pipelines.champion import Beside, measure_alike
from autolearn.api.pipelines.run import ConductedRun, StepWork, words_of
from autolearn.api.services.models.evidence import evidence_for, requirement_in
from autolearn.api.services.models.registration import require_registering, source_of
from autolearn.api.shared.models.checks import require_model
from autolearn.projections.queries.queries import Snapshot
from autolearn.runtime.timestamps import millis, now, text
from autolearn.schemas.commands import HoldExperiment, Promote, RegisterVersion
from autolearn.schemas.models.promotion import Requirement
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.rest.models import ModelChange
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import RunId, SessionId

_NOT_PROMOTED = ("gate-closed", "evidence-missing", "evidence-of-others", "other-rows")
"""The kinds of problems of a version that stays without the alias; the run goes on."""
_HOLD_MS = 60_000
"""Milliseconds within which the version is registered after its experiment was held."""
_TRIES = 3
"""How often the gate is asked if another version gets the alias meanwhile."""


@dataclass
class Gate:
    """Registers a training as a version of a model, and promotes it if it meets what is required.

    `beside` is what was found when the versions that it is compared with were measured.
    """

    by: ConductedRun
    work: StepWork
    horizon: str
    experiment: SessionId
    training: RunId
    beside: Beside = field(default_factory=Beside)

    @property
    def model(self) -> str:
        """The name of the model; that of a horizon ends with it."""
        name = str(self.work.step.parameters["model"])
        return f"{name}-{self.horizon}" if self.horizon else name

    @property
    def _part(self) -> tuple[str, ...]:
        """The words from which the ids of the commands follow."""
        name = self.work.step.name
        return (name, self.horizon) if self.horizon else (name,)

    def _asking(self, tried: int) -> tuple[object, ...]:
        """Return the words from which the id of a try to promote follows."""
        return ("promote", *self._part, *((tried,) if tried else ()))

    @property
    def _alias(self) -> str:
        return str(self.work.step.parameters.get("alias") or CHAMPION)

    async def measure(self, tried: int = 0) -> None:
        """Have the versions that it is compared with measured on its rows. Raises StepFailed."""
        if not self.by.commands.answered(*self._asking(tried)):  # else it may be the champion now
            required, _ = await self._required()
            mine = self.experiment, self.training
            self.beside = await measure_alike(self.by, self.work, self.model, mine, required)

    async def pass_through(self) -> tuple[int, tuple[str, ...]]:
        """Register and promote; return the version, and notes about it. Raises a Problem."""
        number = await self.by.read(lambda now, _: self._registered(now)) or await self._register()
        _, absent = await self._required()
        change = await self.by.read(lambda now, _: self._last_change(now, number))
        if change is not None and (change.kind, change.before) == ("rolled-back", number):
            why = f"{self._alias} was rolled back from it: `model promote` lets it answer again"
            return number, (f"version {number} is not promoted: {why}",)
        for tried in range(_TRIES):
            try:
                await self._ask(number, tried)
                break
            except Problem as problem:
                if problem.kind == "evidence-of-others" and tried + 1 < _TRIES:
                    await self.measure(tried + 1)  # another version has got the alias meanwhile
                elif problem.kind == "alias-unchanged":
                    return number, (f"version {number} answers as {self._alias} already",)
                elif problem.kind in _NOT_PROMOTED:
                    why = (self.beside.why or words_of(problem)).removesuffix(".")
                    told = f"version {number} is not promoted: {why}"
                    return number, (*absent, told, *self.beside.notes)
                else:
                    raise
        change = await self.by.read(lambda now, _: self._last_change(now, number))
        evidence = change.evidence if change is not None else ()
        holds = "".join(f"; `{one.requirement}` holds: {one}" for one in evidence)
        told = f"version {number} answers as {self._alias}{holds}"
        return number, (*absent, told, *self.beside.notes)

    async def _required(self) -> tuple[list[Requirement], tuple[str, ...]]:
        """Return the requirements, without aliases that no version has, and notes about these."""
        words = self.work.step.parameters.get("require") or []
        required = [requirement_in(str(one), f"#/require/{at}") for at, one in enumerate(words)]
        row = await self.by.read(lambda now, _: now.models.get(self.model))
        there: Mapping[str, int] = row.aliases if row is not None else {}
        absent = sorted({one.alias for one in required if one.alias and one.alias not in there})
        notes = tuple(f"there is no {name} yet, so nothing is required of it" for name in absent)
        return [one for one in required if one.alias not in absent], notes

    def _registered(self, now: Snapshot) -> int:
        """Return the version that the training is, 0 for none."""
        mine = self.experiment, self.training
        rows = now.models.versions(self.model)
        found = (row for row in rows if (row.experiment, row.training) == mine and not row.retired)
        return next((row.version for row in found), 0)

    def _last_change(self, now: Snapshot, number: int) -> ModelChange | None:
        """Return the last change by which a version got the alias, or lost it."""
        changes = now.models.timeline(self.model, self._alias)
        about = [one for one in changes if number in (one.version, one.before)]
        return about[-1] if about else None

    async def _register(self) -> int:
        """Register the training as a version of the model, and return its number."""
        by, session = self.by, stream("session", self.experiment)
        via = await require_registering(by.context, by.commands.principal(), self.model)
        source = await by.read(lambda now, _: source_of(now, self.experiment, self.training))
        hold = HoldExperiment(self.model, text(millis(now()) + _HOLD_MS))
        await by.commands.act(session, hold, "hold", *self._part)
        command = RegisterVersion(
            experiment=self.experiment,
            training=self.training,
            source=source,
            note=f"{by.pipeline}, run {by.id[:8]}",
        )
        at = stream("model", self.model)
        try:
            answer = await by.commands.act(at, command, "register", *self._part, via=via)
            return by.context.queries.now().models.registered_at(self.model, answer.sequence)
        except Problem as problem:
            if problem.kind != "already-registered":  # somebody else did that meanwhile
                raise
            return await by.read(lambda now, _: self._registered(now))

    async def _ask(self, number: int, tried: int) -> None:
        """Ask for the promotion. Raises a Problem."""
        by, parameters = self.by, self.work.step.parameters
        parts = self._asking(tried)
        command: Promote | None = None
        via = await require_model(by.context, by.commands.principal(), self.model, Level.WORK)
        if not by.commands.answered(*parts):
            if self.beside.why:
                raise Problem(409, "other-rows", "Not on the same rows", self.beside.why)
            required, _ = await self._required()
            evidence = await by.read(lambda now, _: evidence_for(now, self.model, number, required))
            default = f"by the pipeline {by.pipeline}, run {by.id[:8]}"
            reason = str(parameters.get("reason") or default)
            command = Promote(number, self._alias, evidence, reason)
        await by.commands.act(stream("model", self.model), command, *parts, via=via)
