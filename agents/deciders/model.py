"""The rules of a model: its versions, who answers, and by whose decision.

The first to register a version owns the model. Who may promote registers, promotes, rolls back,
retires, and gives aliases; the owner shares and deletes.
"""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct
from msgspec.structs import asdict, replace

from autolearn.agents.deciders.decider import NO_PARTS, Decider, Parts
from autolearn.agents.deciders.model_cases import answers_of, decide_case
from autolearn.schemas import commands, events
from autolearn.schemas.actors import SERVE, Actor
from autolearn.schemas.bounds import (
    ERASED_REQUESTS,
    HIGHEST_RATE,
    MODEL_ALIASES,
    MODEL_GRANTS,
    MODEL_MEMORY,
    MODEL_VERSIONS,
    MOST_GUARDS,
    MOST_REQUIREMENTS,
    MOST_ROUTES,
)
from autolearn.schemas.messages import Event
from autolearn.schemas.models.erasure import erased_in
from autolearn.schemas.models.promotion import GateEvidence
from autolearn.schemas.models.traffic import ALL, guard_in, version_in
from autolearn.schemas.models.versions import CHAMPION, ModelMay, Recording
from autolearn.schemas.values import RunId, SessionId


class Unmade(Struct, frozen=True, tag="unmade"):
    """There is no such model yet."""


class Version(Struct, frozen=True, omit_defaults=True):
    """A version of a model: where it comes from, and whether it is retired.

    It is stored by its number, and by its experiment and training, which an imported one lacks.
    """

    number: int
    experiment: SessionId
    training: RunId
    retired: bool = False
    task: str = ""
    """Such as classification; "" for one that was registered before tasks were in clear."""


class Made(Struct, frozen=True, tag="made", omit_defaults=True):
    """A model: its owner and grants, the number of its versions, and its aliases.

    An alias has the versions that had it, the newest last. The traffic has a `revision`, and no
    `routes` if the champion answers all requests.
    """

    owner: str
    versions: int = 0
    grants: dict[str, ModelMay] = {}
    rates: dict[str, tuple[int | None, int | None]] = {}
    """The requests and rows a second of the grants that bound them."""
    aliases: dict[str, tuple[int, ...]] = {}
    revision: int = 0
    routes: dict[str, int] = {}
    guards: tuple[str, ...] = ()
    shadow: str = ""
    recording: Recording = "durable"
    cases: tuple[int, ...] = ()
    last_case: int = 0
    days: int = 0
    parts: Parts[Version] = NO_PARTS


class Gone(Struct, frozen=True, tag="deleted", omit_defaults=True):
    """A deleted model, whose name is never reused: a name never means another model."""

    parts: Parts[Version] = NO_PARTS


Model = Unmade | Made | Gone

ModelCommand = (
    commands.RegisterVersion
    | commands.RetireVersion
    | commands.SetAlias
    | commands.Promote
    | commands.RollBack
    | commands.SetTraffic
    | commands.SetShadow
    | commands.SetRecording
    | commands.ErasePredictions
    | commands.RollBackTraffic
    | commands.AddCase
    | commands.RemoveCase
    | commands.ShareModel
    | commands.UnshareModel
    | commands.DeleteModel
)


def _decide(state: Model, command: ModelCommand, actor: Actor) -> Event:
    """Answer a command to a model."""
    match state, command:
        case Gone(), _:
            why = "This model was deleted, and its name is not given again: choose another."
            return events.Refused("model-deleted", why)
        case Unmade(), commands.RegisterVersion():
            return events.VersionRegistered(number=1, **asdict(command))
        case Unmade(), _:
            return events.Refused("model-unknown", "There is no model with this name.")
        case Made(), _ if not _may(state, command, actor):
            return _forbidden(state, command, actor)
        case Made(), commands.RegisterVersion():
            return _register(state, command)
        case Made(), commands.RetireVersion():
            return _retire(state, command)
        case Made(), commands.SetAlias():
            return _alias(state, command)
        case Made(), commands.Promote():
            return _promote(state, command)
        case Made(), commands.RollBack():
            return _roll_back(state, command)
        case Made(), commands.SetTraffic():
            return _set_traffic(state, command)
        case Made(), commands.SetShadow():
            return _set_shadow(state, command)
        case Made(), commands.SetRecording(recording=recording, days=days):
            if (recording, days) == (state.recording, state.days):
                why = f"Answers are recorded {recording} already."
                return events.Refused("recording-unchanged", why)
            return events.RecordingSet(recording, days)
        case Made(), commands.ErasePredictions():
            return _erase(command)
        case Made(), commands.RollBackTraffic():
            return _roll_back_traffic(state, command)
        case Made(), commands.AddCase() | commands.RemoveCase():
            return decide_case(state.cases, state.last_case, command)
        case Made(), commands.ShareModel() | commands.UnshareModel():
            return _share(state, command)
        case Made(), commands.DeleteModel():
            return events.ModelDeleted()
        case _:
            assert_never((state, command))


def _may(state: Made, command: ModelCommand, actor: Actor) -> bool:
    """Return whether the actor may give a command; anybody may leave."""
    match command:
        case commands.UnshareModel(user=user) if actor.name == user:
            return True
        case (
            commands.ShareModel()
            | commands.UnshareModel()
            | commands.DeleteModel()
            | commands.ErasePredictions()
        ):
            return actor.owns(state.owner)
        case commands.SetRecording(days=days) if days != state.days:  # fewer shreds, for good
            return actor.owns(state.owner)
        case commands.RollBackTraffic():
            return actor.name == SERVE
        case _:
            return actor.owns(state.owner) or "promote" in actor.granted(state.grants)


def _forbidden(state: Made, command: ModelCommand, actor: Actor) -> Event:
    who = actor.name or "Nobody known"
    owner = state.owner or "a sysadmin"
    if isinstance(command, commands.RegisterVersion):
        why = f"{who} may not register versions of this model: it is {owner}'s. Choose another "
        return events.Refused("forbidden", f"{why}name, or ask for a grant to promote.")
    return events.Refused("forbidden", f"{who} may not do that to this model: it is {owner}'s.")


def _erase(command: commands.ErasePredictions) -> Event:
    """Erase rows of requests, some at a time."""
    try:
        found = erased_in(command.requests)
    except ValueError:
        found = {}
    if not 0 < len(found) <= ERASED_REQUESTS:
        why = f"Rows of 1 to {ERASED_REQUESTS:,} requests are erased at a time."
        return events.Refused("erasure-unfit", why)
    return events.PredictionsErased(**asdict(command))


def _of(number: int) -> str:
    return str(number)


def _source(experiment: SessionId, training: RunId) -> str:
    return f"{experiment}/{training}"


def _register(state: Made, command: commands.RegisterVersion) -> Event:
    """Accept the next version, unless the training is one already."""
    there = None
    if command.experiment:
        there = state.parts.get(_source(command.experiment, command.training))
    if there is not None and not _is_retired(state, there.number):
        why = f"This training is version {there.number} already."
        return events.Refused("already-registered", why)
    if state.versions >= MODEL_VERSIONS:
        why = f"It has {state.versions:,} versions, and more are not possible: begin another model."
        return events.Refused("too-many-versions", why)
    return events.VersionRegistered(number=state.versions + 1, **asdict(command))


def _is_retired(state: Made, number: int) -> bool:
    version = state.parts.get(_of(number))
    return version is None or version.retired


def _unfit(state: Made, number: int) -> Event | None:
    """Refuse a version that does not exist, or is retired; else None."""
    version = state.parts.get(_of(number))
    if version is None:
        has = f"versions 1 to {state.versions}" if state.versions > 1 else "version 1 only"
        return events.Refused("version-unknown", f"There is no version {number}: it has {has}.")
    if version.retired:
        why = f"Version {number} is retired, and never answers again: register its training anew."
        return events.Refused("version-retired", why)
    return None


def _holders(state: Made, number: int) -> list[str]:
    """Return the aliases that a version has now."""
    return [alias for alias, had in state.aliases.items() if had and had[-1] == number]


def _retire(state: Made, command: commands.RetireVersion) -> Event:
    """Retire a version that no alias names."""
    if refused := _unfit(state, command.number):
        return refused
    if holders := _holders(state, command.number):
        why = f"Version {command.number} is {' and '.join(holders)}: "
        if CHAMPION in holders:
            why += "promote another version first, or delete the model."
        else:
            why += "take the alias away first."
        return events.Refused("version-in-use", why)
    if str(command.number) in state.routes:
        why = f"Version {command.number} gets traffic: end that first (model traffic NAME --off)."
        return events.Refused("version-in-use", why)
    if str(command.number) == state.shadow:
        why = f"Version {command.number} is the shadow: end that first (model shadow NAME --off)."
        return events.Refused("version-in-use", why)
    return events.VersionRetired(**asdict(command))


def _alias(state: Made, command: commands.SetAlias) -> Event:
    """Give an alias, or take it away."""
    alias, had = command.alias, state.aliases.get(command.alias, ())
    if alias == CHAMPION:
        why = "The champion is made by a promotion (model promote), which has a gate and a memory."
        return events.Refused("alias-by-promotion", why)
    if not command.number:
        if not had:
            return events.Refused("alias-unknown", f"No version has the alias {alias}.")
        if alias in _named(state):
            what = "traffic" if alias in state.routes else "shadow"
            why = f"The {what} names {alias}: end that first (model {what} NAME --off)."
            return events.Refused("alias-in-use", why)
        return events.AliasSet(alias, 0)
    if refused := _unfit(state, command.number) or _too_many_aliases(state, alias):
        return refused
    if had and had[-1] == command.number:
        why = f"Version {command.number} has the alias {alias} already."
        return events.Refused("alias-unchanged", why)
    if refused := _other_task(_with(state, alias, command.number)):
        return refused
    return events.AliasSet(alias, command.number)


def _too_many_aliases(state: Made, alias: str) -> Event | None:
    if alias in state.aliases or len(state.aliases) < MODEL_ALIASES:
        return None
    why = f"It has {len(state.aliases)} aliases, and more are not possible: take one away first."
    return events.Refused("too-many-aliases", why)


def _promote(state: Made, command: commands.Promote) -> Event:
    """Promote a version, if the evidence shows what was required."""
    alias, had = command.alias, state.aliases.get(command.alias, ())
    if refused := _unfit(state, command.number) or _too_many_aliases(state, alias):
        return refused
    before = had[-1] if had else 0
    if before == command.number:
        why = f"Version {command.number} is {alias} already."
        return events.Refused("alias-unchanged", why)
    if len(command.evidence) > MOST_REQUIREMENTS:
        why = f"A promotion has at most {MOST_REQUIREMENTS} requirements."
        return events.Refused("too-many-requirements", why)
    for one in command.evidence:
        if refused := _unproved(state, command.number, one):
            return refused
    if refused := _other_task(_with(state, alias, command.number)):
        return refused
    promoted = events.VersionPromoted(before=before, **asdict(command))
    return replace(promoted, cases=answers_of(command.cases, before, command.number))


def _unproved(state: Made, version: int, one: GateEvidence) -> Event | None:
    """Refuse evidence that is of other versions or other rows, or shows too little; else None."""
    required, candidate, other = one.requirement, one.candidate, one.other
    had = state.aliases.get(required.alias, ()) if required.alias else ()
    compared = had[-1] if had else 0
    if candidate.version != version or (other.version if other else 0) != compared:
        why = f"The evidence for `{required}` is not of version {version}"
        why += f" and version {compared}, which is {required.alias}" if compared else ""
        return events.Refused("evidence-of-others", f"{why}: try again.")
    if required.alias and other is None:
        why = f"No version is {required.alias}: `{required}` cannot be required."
        return events.Refused("alias-unknown", why)
    if other is not None and not candidate.is_on_rows_of(other):
        why = f"`{required}` compares other rows: evaluate both versions on the same rows."
        return events.Refused("other-rows", why)
    if not required.holds(candidate.value, other.value if other else 0.0):
        return events.Refused("gate-closed", f"`{required}` does not hold: {one}.")
    return None


def _roll_back(state: Made, command: commands.RollBack) -> Event:
    """Give an alias back to its last holder before, among versions that are not retired."""
    alias, had = command.alias, state.aliases.get(command.alias, ())
    if not had:
        return events.Refused("alias-unknown", f"No version is {alias}.")
    for number in reversed(had[:-1]):
        if number != had[-1] and not _is_retired(state, number):
            if refused := _other_task(_with(state, alias, number)):
                return refused
            cases = answers_of(command.cases, had[-1], number)
            return events.VersionRolledBack(number, alias, had[-1], command.reason, cases)
    why = f"No version that is not retired was {alias} before version {had[-1]}."
    return events.Refused("nothing-before", why)


def _set_traffic(state: Made, command: commands.SetTraffic) -> Event:
    """Share the requests among versions, or let the champion answer all again."""
    if not command.routes:
        if not state.routes:
            why = "There is no traffic to end: the champion answers all requests."
            return events.Refused("traffic-unchanged", why)
        return events.TrafficSet(revision=state.revision + 1, reason=command.reason)
    shares = command.routes.values()
    if len(shares) > MOST_ROUTES or min(shares) < 1 or sum(shares) != ALL:
        why = f"Traffic goes to 1 to {MOST_ROUTES} versions or aliases, in whole percentages from "
        why += f"1 that sum to {ALL}; these sum to {sum(shares)}."
        return events.Refused("traffic-unfit", why)
    if command.sticky and command.sticky_header:
        why = "The sticky key is in a column or in a header, not in both."
        return events.Refused("traffic-unfit", why)
    for name in command.routes:
        if refused := _unfit_name(state, name):
            return refused
    if refused := _unfit_guards(command.guards):
        return refused
    if refused := _other_task(replace(state, routes=command.routes)):
        return refused
    return events.TrafficSet(revision=state.revision + 1, **asdict(command))


def _set_shadow(state: Made, command: commands.SetShadow) -> Event:
    """Let a version see the requests too, or none."""
    name = command.shadow
    if name == state.shadow:
        why = f"{name} is the shadow already." if name else "There is no shadow to end."
        return events.Refused("shadow-unchanged", why)
    if name:
        if refused := _unfit_name(state, name):
            return refused
        now = _holding(state)
        if version_in(now, name) == now[CHAMPION]:
            why = f"{name} is the champion, which answers already: a shadow is another version."
            return events.Refused("shadow-answers", why)
        if refused := _other_task(replace(state, shadow=name)):
            return refused
    return events.ShadowSet(name, command.reason)


def _roll_back_traffic(state: Made, command: commands.RollBackTraffic) -> Event:
    """End the traffic, if it is still the one that was measured, and a guard's limit is passed."""
    now = _holding(state)
    measured = {version_in(now, name) for name in state.routes} - {now.get(CHAMPION)}
    guards = state.guards if command.revision == state.revision else ()
    if command.guard not in guards or command.number not in measured:
        why = "The traffic, or the version that an alias names, was changed since it was measured."
        return events.Refused("traffic-changed", why)
    guard = guard_in(command.guard)
    if not guard.allowed < command.bad <= command.requests <= guard.over:
        return events.Refused("guard-holds", f"{guard.words(command.bad, command.requests)}.")
    return events.TrafficRolledBack(**asdict(command))


def _holding(state: Made) -> dict[str, int]:
    """Return the version that each alias has now."""
    return {alias: had[-1] for alias, had in state.aliases.items() if had}


def _named(state: Made) -> set[str]:
    """Return the versions and aliases that the traffic and the shadow name."""
    return {*state.routes, *filter(None, (state.shadow,))}


def _unfit_name(state: Made, name: str) -> Event | None:
    """Refuse a version or alias that cannot get traffic; else None."""
    now = _holding(state)
    if CHAMPION not in now:
        why = "No version was promoted: the champion answers when traffic ends (model promote)."
        return events.Refused("no-champion", why)
    number = version_in(now, name)
    if not number:
        return events.Refused("alias-unknown", f"There is no version or alias {name}.")
    return _unfit(state, number)


def _unfit_guards(guards: tuple[str, ...]) -> Event | None:
    """Refuse guards that cannot be read, or are too many; else None."""
    if len(guards) > MOST_GUARDS:
        why = f"Traffic has at most {MOST_GUARDS} guards, and these are {len(guards)}."
        return events.Refused("guard-unfit", why)
    for words in guards:
        try:
            fit = str(guard_in(words)) == words
        except ValueError as error:
            return events.Refused("guard-unfit", f"{error}.")
        if not fit:
            return events.Refused("guard-unfit", f"{words!r} is written {guard_in(words)!s}.")
    return None


def _other_task(state: Made) -> Event | None:
    """Refuse a model in which champion, traffic and shadow are of different tasks; else None."""
    now, named = _holding(state), _named(state)
    tasks = {}
    for name in sorted({CHAMPION, *named} if named else ()):
        version = state.parts.get(_of(version_in(now, name)))
        if version is not None and version.task:
            tasks[version.task] = name
    if len(tasks) > 1:
        words = " and ".join(f"{name} does {task}" for task, name in tasks.items())
        why = f"Versions of one task share traffic and shadow; {words}."
        return events.Refused("other-task", why)
    return None


def _share(state: Made, command: commands.ShareModel | commands.UnshareModel) -> Event:
    """Change the grants."""
    user, grants = command.user, state.grants
    none = (None, None)
    if isinstance(command, commands.UnshareModel):
        if user not in grants:
            return events.Refused("not-shared", f"This model is not shared with {user}.")
        return events.ModelUnshared(user)
    rates = (command.requests_per_second, command.rows_per_second)
    if any(rate is not None and not 1 <= rate <= HIGHEST_RATE for rate in rates):
        why = f"A grant allows 1 to {HIGHEST_RATE:,} requests and rows a second."
        return events.Refused("rate-unfit", why)
    if grants.get(user) == command.may and state.rates.get(user, none) == rates:
        return events.Refused("already-shared", f"{user} may {command.may} already.")
    if user not in grants and len(grants) >= MODEL_GRANTS:
        why = f"It is shared with {len(grants)} users and groups, and never with more than "
        return events.Refused("too-many-readers", f"{why}{MODEL_GRANTS}: unshare it first.")
    return events.ModelShared(**asdict(command))


def _evolve(state: Model, event: Event, actor: str) -> Model:
    """Return the model after an event."""
    match state, event:
        case Unmade() | Made(), events.VersionRegistered():
            made = state if isinstance(state, Made) else Made(actor)
            task = event.source.task
            version = Version(event.number, event.experiment, event.training, task=task)
            kept = {_of(event.number): version}
            if event.experiment:
                kept[_source(event.experiment, event.training)] = version
            parts = made.parts.put(kept)
            return replace(made, versions=event.number, parts=parts)
        case Made(parts=parts), events.VersionRetired(number=number):
            there = parts.get(_of(number))
            assert there is not None, "what is retired was registered"
            return replace(state, parts=parts.put({_of(number): replace(there, retired=True)}))
        case Made(aliases=aliases), events.AliasSet(alias=alias, number=0):
            return replace(state, aliases={a: had for a, had in aliases.items() if a != alias})
        case Made(), (events.AliasSet() | events.VersionPromoted()):
            return _with(state, event.alias, event.number)
        case Made(), events.VersionRolledBack(alias=alias, number=number):
            had = state.aliases.get(alias, ())
            while had and had[-1] != number:
                had = had[:-1]
            return replace(state, aliases={**state.aliases, alias: had})
        case Made(), events.TrafficSet(revision=revision, routes=routes, guards=guards):
            return replace(state, revision=revision, routes=routes, guards=guards)
        case Made(), events.TrafficRolledBack():
            return replace(state, routes={}, guards=())
        case Made(), events.ShadowSet(shadow=shadow):
            return replace(state, shadow=shadow)
        case Made(cases=cases), events.CaseAdded(number=number):
            return replace(state, cases=(*cases, number), last_case=number)
        case Made(cases=cases), events.CaseRemoved(number=number):
            return replace(state, cases=tuple(one for one in cases if one != number))
        case Made(), events.RecordingSet(recording=recording, days=days):
            return replace(state, recording=recording, days=days)
        case Made(grants=grants), events.ModelShared(user=user, may=may):
            rates = {name: rate for name, rate in state.rates.items() if name != user}
            if (event.requests_per_second, event.rows_per_second) != (None, None):
                rates[user] = (event.requests_per_second, event.rows_per_second)
            return replace(state, grants={**grants, user: may}, rates=rates)
        case Made(grants=grants), events.ModelUnshared(user=user):
            rates = {name: rate for name, rate in state.rates.items() if name != user}
            left = {name: may for name, may in grants.items() if name != user}
            return replace(state, grants=left, rates=rates)
        case Made(), events.ModelDeleted():
            return Gone(parts=_forgotten(state))
        case _:
            return state


def _forgotten(state: Made) -> Parts[Version]:
    """Return the parts of a deleted model: without any version."""
    gone: dict[str, Version | None] = {}
    for number in range(1, state.versions + 1):
        version = state.parts.get(_of(number))
        if version is not None:
            source = _source(version.experiment, version.training)
            gone |= {_of(number): None, source: None}
    return state.parts.put(gone)


def _with(state: Made, alias: str, number: int) -> Made:
    """Return the model after a version was given an alias."""
    had = (*state.aliases.get(alias, ()), number)[-MODEL_MEMORY:]
    return replace(state, aliases={**state.aliases, alias: had})


model: Decider[Model, ModelCommand] = Decider(
    initial=Unmade(),
    decide=_decide,
    evolve=_evolve,
    kind=Model,
    commands=commands.COMMANDS_OF["model"],
    part=Version,
)
