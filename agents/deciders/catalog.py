"""The rules of the catalog: estimators, metrics and steps, as last registered."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from autolearn.agents.deciders.decider import Decider
from autolearn.schemas import commands, events
from autolearn.schemas.actors import Actor
from autolearn.schemas.catalog import EstimatorSpec, MetricSpec
from autolearn.schemas.codec import to_json
from autolearn.schemas.messages import Event
from autolearn.schemas.pipelines.steps import StepSpec

Spec = EstimatorSpec | MetricSpec | StepSpec
Register = commands.RegisterEstimator | commands.RegisterMetric | commands.RegisterStep


class CatalogEntry(Struct, frozen=True, gc=False):
    """The present entry: the JSON of its specification, empty before the first registration."""

    spec: str = ""


def _offer(
    registered: Callable[[Spec], Event], command: type[Register]
) -> Decider[CatalogEntry, Register]:
    """Return the decider of one kind of catalog entry."""

    def decide(state: CatalogEntry, command: Register, actor: Actor) -> Event:
        if not actor.is_worker:
            why = "Only workers say which estimators, metrics and steps there are."
            return events.Refused("forbidden", why)
        if state.spec == _written(command.spec):
            return events.Refused(
                "unchanged", f"The catalog has {command.spec.name} like this already."
            )
        return registered(command.spec)

    def evolve(state: CatalogEntry, event: Event, _: str) -> CatalogEntry:
        match event:
            case (
                events.EstimatorRegistered(spec=spec)
                | events.MetricRegistered(spec=spec)
                | events.StepRegistered(spec=spec)
            ):
                return CatalogEntry(_written(spec))
            case _:
                return state

    return Decider(CatalogEntry(), decide, evolve, CatalogEntry, (command,))


def _written(spec: Spec) -> str:
    """Return a specification as JSON; equal ones are equal strings."""
    return to_json(spec).decode()


estimator = _offer(events.EstimatorRegistered, commands.RegisterEstimator)  # type: ignore[arg-type]
metric = _offer(events.MetricRegistered, commands.RegisterMetric)  # type: ignore[arg-type]
step = _offer(events.StepRegistered, commands.RegisterStep)  # type: ignore[arg-type]
