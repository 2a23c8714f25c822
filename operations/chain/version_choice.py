"""Why a version of a model has answered: recomputed from the events of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from autolearn.runtime.timestamps import millis
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.messages import Event
from autolearn.schemas.models.traffic import Traffic, route, version_in
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.records.prediction import PredictionContent, PredictionRecord

SKEW = 5_000
"""Milliseconds by which the clocks of two processes may differ."""


class ModelEvent(NamedTuple):
    """An event of a model, with its data as far as they are known."""

    record: EventRecord
    event: Event


class ModelState(NamedTuple):
    """What decides who answers, each with the number of the event that has set it."""

    aliases: Mapping[str, tuple[int, int]]
    traffic: tuple[events.TrafficSet, int] | None
    shadow: tuple[str, int]


class Explanation(NamedTuple):
    """Why a version has answered, in words, and the numbers of the events that have decided it.

    `before` is the number of the last event that counts; `unsure` says what is not certain.
    """

    words: str
    deciding: tuple[int, ...]
    before: int
    unsure: tuple[str, ...] = ()


def explain(
    told: Sequence[ModelEvent], record: PredictionRecord, content: PredictionContent
) -> Explanation | None:
    """Return why the version of a record has answered, by the events of its model in their order.

    A process that answers follows the log, so it may be a little behind; its clock may be another
    one. None: these events do not say it, and the request named no version.
    """
    asked = millis(record.time)
    states = _states(told)
    times = [millis(one.record.time) for one in told]
    before = [at for at, time in enumerate(times) if time <= asked]
    at = before[-1] if before else -1
    later = [i for i in range(at + 1, len(told)) if times[i] <= asked + SKEW]
    for i in [*range(at, -1, -1)[:1], *later, *range(at, -1, -1)[1:]]:
        found = _chosen(states[i], record, content)
        if found is not None:
            words, deciding, unsure = found
            if i != at:
                unsure = (*unsure, _late(told, i, at, asked))
            return Explanation(words, deciding, told[i].record.sequence, unsure)
    if at < 0 or not is_named(record):
        return None
    named = sorted(a for a, (version, _) in states[at].aliases.items() if version == record.version)
    words = f"the request named it, by its number{''.join(f' or as {name}' for name in named)}"
    deciding = tuple(states[at].aliases[name][1] for name in named)
    return Explanation(words, deciding, told[at].record.sequence)


def is_named(record: PredictionRecord) -> bool:
    """Return whether the request named a version, by its number or an alias."""
    return "{version}" in record.route


def _late(told: Sequence[ModelEvent], used: int, at: int, asked: int) -> str:
    """Describe that an event decided which was not the newest one by the clocks."""
    number = told[used].record.sequence
    if used > at:
        return f"That event {number} came before the request: by the clocks it is a little later."
    following = told[used + 1].record
    seconds = (asked - millis(following.time)) / 1000
    return (
        f"That it had to answer by event {number} still: event {following.sequence} came "
        f"{seconds:.1f} s before the request. A version answers until the next one is loaded."
    )


def _states(told: Iterable[ModelEvent]) -> list[ModelState]:
    """Return the state after each event."""
    state, found = ModelState({}, None, ("", 0)), []
    for record, event in told:
        number = record.sequence
        match event:
            case events.AliasSet(alias=alias, number=version):
                state = state._replace(aliases={**state.aliases, alias: (version, number)})
            case (
                events.VersionPromoted(number=version, alias=alias)
                | events.VersionRolledBack(number=version, alias=alias)
            ):
                state = state._replace(aliases={**state.aliases, alias: (version, number)})
            case events.TrafficSet():
                state = state._replace(traffic=(event, number) if event.routes else None)
            case events.TrafficRolledBack():
                state = state._replace(traffic=None)
            case events.ShadowSet():
                state = state._replace(shadow=(event.shadow, number))
            case _:
                pass
        found.append(state)
    return found


_Found = tuple[str, tuple[int, ...], tuple[str, ...]]


def _chosen(
    state: ModelState, record: PredictionRecord, content: PredictionContent
) -> _Found | None:
    """Return why a state lets the version of a record answer; None: it does not."""
    aliases = {alias: version for alias, (version, _) in state.aliases.items()}
    by_alias: Callable[[str], tuple[int, ...]] = lambda name: (  # noqa: E731
        (state.aliases[name][1],) if name in state.aliases else ()
    )
    if record.shadow_of:
        name, number = state.shadow
        if not name or version_in(aliases, name) != record.version:
            return None
        return (
            f"it was the shadow ({name}), whose answers reach nobody",
            (number, *by_alias(name)),
            (),
        )
    if state.traffic is None or is_combined(content):
        if aliases.get(CHAMPION) != record.version:
            return None
        return "it was the champion", by_alias(CHAMPION), ()
    return _by_traffic(state.traffic, aliases, by_alias, record, content)


def _by_traffic(
    given: tuple[events.TrafficSet, int],
    aliases: Mapping[str, int],
    by_alias: Callable[[str], tuple[int, ...]],
    record: PredictionRecord,
    content: PredictionContent,
) -> _Found | None:
    """Return why the shares of traffic let a version answer; None: they do not."""
    said, number = given
    mine = [name for name in sorted(said.routes) if version_in(aliases, name) == record.version]
    if not mine:
        return None
    shares = ", ".join(f"{name} {said.routes[name]}%" for name in mine)
    deciding = (number, *(one for name in mine for one in by_alias(name)))
    words = f"it had a share of the traffic ({shares})"
    if said.sticky_header or not said.salt:
        why = "the key is in a header" if said.sticky_header else "the salt cannot be read"
        return words, deciding, (f"That this request fell to that share: {why}.",)
    traffic = Traffic(
        revision=said.revision, routes=said.routes, sticky=said.sticky, salt=said.salt
    )
    key = traffic.key(_first_row(content), {}, record.id)
    if route(traffic, aliases, key) != record.version:
        return None
    return f"{words}, and the key of the request falls to it", deciding, ()


def is_combined(content: PredictionContent) -> bool:
    """Return whether several versions have answered: then traffic has not chosen among them."""
    return any("@" in name.partition(".")[0] for name in content.outputs)


def _first_row(content: PredictionContent) -> dict[str, Any]:
    """Return the first row that was asked."""
    return {name: values[0] for name, values in content.inputs.items() if values}
