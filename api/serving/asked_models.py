"""Who asks which version of a model: authenticated, allowed, and found once, until that changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from starlette.types import Scope

from autolearn.api.identity.principal import EVERYBODY, Principal
from autolearn.api.identity.visibility import Level, model_grant
from autolearn.api.limits.executors import ASKER
from autolearn.api.serving.loaded_models import Loaded, LoadedModels, number_of
from autolearn.api.shared.authorization import authenticated
from autolearn.api.shared.models.checks import require_model
from autolearn.api.shared.read_your_writes import until_reached
from autolearn.api.state.context import ApiContext
from autolearn.eventlog.positions import AFTER
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.models.traffic import Guard, Traffic, guard_in, version_in
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.rest.models import ModelGrant

_KINDS = ("user", "group", "model")
"""Streams whose events may change who may ask what, or which version answers."""
_MOST = 10_000
"""Questions that are remembered."""
_AFTER = AFTER.lower().encode()


class Live(NamedTuple):
    """How the requests to a model are shared: its aliases, traffic and guards, and its shadow.

    `shadow` is the number of a version, 0 for none.
    """

    aliases: Mapping[str, int]
    traffic: Traffic | None
    guards: tuple[Guard, ...]
    shadow: int


class AskedModel(NamedTuple):
    """A principal, and the version that answers the principal.

    `durable` is whether an answer waits for its record. `live` is how the requests to the model are
    shared, None if a version was named; `grant` has the rates of the principal.
    """

    who: Principal
    model: str
    number: int
    loaded: Loaded
    durable: bool = True
    live: Live | None = None
    grant: ModelGrant | None = None


class AskedModels:
    """Finds the version that a request asks. What was found is kept until an event may change it.

    Everything here runs on the event loop.
    """

    def __init__(self, context: ApiContext, loaded: LoadedModels) -> None:
        self.context, self.loaded = context, loaded
        self.found: dict[tuple[bytes, str, str], AskedModel] = {}
        self.changes = 0
        loaded.changed = self._forget
        context.reader.taken.append(self._taken)
        self.open = context.settings.identity.auth == "none"

    def _taken(self, records: Iterable[EventRecord]) -> None:
        if any(record.subject.partition("/")[0] in _KINDS for record in records):
            self._forget()

    def _forget(self) -> None:
        self.found.clear()
        self.changes += 1

    async def principal(self, scope: Scope) -> Principal:
        """Return the principal of a request.

        Raises:
            Problem: it is nobody (401); the registry has not come so far as the request says (503);
            or there are too many requests a second (429).
        """
        authorization, after = _headers(scope)
        if self.open:
            who = EVERYBODY
        else:
            who = await authenticated(self.context, authorization.decode("latin-1"))
        return await self._admitted(scope, who, after)

    async def find(self, scope: Scope, model: str, version: str) -> AskedModel:
        """Return the version that a request asks; "": the champion.

        Raises:
            Problem: as `principal`; or the model or version is unknown, not allowed, retired, or
            cannot be loaded.
        """
        authorization, after = _headers(scope)
        at = (authorization, model, version)
        known = self.found.get(at)
        if known is not None and not after and not _is_over(known.who):
            await self._admitted(scope, known.who, after)
            known.loaded.asked = self.loaded.clock()
            return known
        changes = self.changes
        who = await self.principal(scope)
        await require_model(self.context, who, model, Level.PREDICT)
        now = self.context.queries.now()
        number = number_of(now, model, version)
        if number is None:
            number, loaded = await self.loaded.champion(now, model)
        else:
            loaded = await self.loaded.get(now, model, number)
        live = _live_of(now, model) if version in ("", CHAMPION) else None
        grant = model_grant(who, now, model)
        row = now.models.stored(model)
        durable = row is None or row.recording == "durable"
        asked = AskedModel(who, model, number, loaded, durable, live, grant)
        if changes == self.changes and not self.loaded.loading:
            if len(self.found) >= _MOST:
                self.found.clear()
            self.found[at] = asked
        return asked

    async def version(self, asked: AskedModel, number: int) -> AskedModel:
        """Return another version of the same model, for the same request.

        Raises:
            Problem: it cannot be loaded.
        """
        loaded = self.loaded.loaded.get((asked.model, number))
        if loaded is None:
            loaded = await self.loaded.get(self.context.queries.now(), asked.model, number)
        loaded.asked = self.loaded.clock()
        return asked._replace(number=number, loaded=loaded)

    async def _admitted(self, scope: Scope, who: Principal, after: str) -> Principal:
        scope["state"]["principal"] = who
        ASKER.set(who.name)
        if not who.sysadmin:
            self.context.paces.take(who.name, self.context.settings.quotas, self.context.queries)
        scope["state"]["place"].admit(who.name)
        if after:
            await until_reached(self.context.reader, after)
        return who


def _live_of(snapshot: Snapshot, name: str) -> Live | None:
    """Return how the requests to a model are shared; None: the champion has them all."""
    model = snapshot.models.get(name)
    if model is None or (model.traffic is None and not model.shadow):
        return None
    traffic = model.traffic
    guards = tuple(map(guard_in, traffic.guards)) if traffic is not None else ()
    shadow = version_in(model.aliases, model.shadow) if model.shadow else 0
    return Live(dict(model.aliases), traffic, guards, shadow)


def _headers(scope: Scope) -> tuple[bytes, str]:
    """Return Authorization, and the position that the request requires."""
    authorization, after = b"", ""
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = value
        elif name == _AFTER:
            after = value.decode("latin-1")
    return authorization, after


def _is_over(who: Principal) -> bool:
    return who.expires is not None and who.expires <= time.time()


async def sweep(loaded: LoadedModels, seconds: float) -> None:
    """Unload idle models, again and again."""
    while True:
        await asyncio.sleep(seconds)
        loaded.bound()
