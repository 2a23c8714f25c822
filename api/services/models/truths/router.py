"""Service `models`: what a model should have answered, and how right it was."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Annotated
from weakref import WeakValueDictionary

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.problems import unavailable, unreadable
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level
from autolearn.api.services.models.bodies import TruthsBody
from autolearn.api.services.models.truths.answered_rows import joined, unlabelled
from autolearn.api.services.models.truths.checks import checked, too_far_apart
from autolearn.api.services.models.truths.log_scan import TooFarApart
from autolearn.api.services.models.truths.records import append
from autolearn.api.shared.as_of import since_of
from autolearn.api.shared.models.checks import require_model
from autolearn.api.state.context import ApiContext
from autolearn.schemas.errors import LogError
from autolearn.schemas.rest.truths import AddedTruths, ModelTruths, Unlabelled
from autolearn.security.data_key import Unreadable

_DAYS = 30
"""Days that are looked at by default."""
_Since = Annotated[str, Query(max_length=100, description="RFC 3339; default: 30 days ago.")]
_Limit = Annotated[int, Query(ge=1, le=500)]


def add_truth_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes of truths. They are for those who may promote."""
    turns = WeakValueDictionary[str, asyncio.Lock]()

    @routes.post(
        "/{model}/truths", openapi_extra=accepts(TruthsBody), responses=answers({200: AddedTruths})
    )
    async def add_truths(request: Request, model: str, who: Who) -> Response:
        """Say what rows that were asked are in truth: all of them, or none if one does not fit.

        The same truth again is harmless; another one is refused unless it may `replace` the first.
        """
        body = await read_body(request, TruthsBody)
        await require_model(context, who, model, Level.WORK)
        context.reader.require_brokers()
        since = _milliseconds(body.since)

        def added() -> Response:
            found = checked(context, model, body, since)
            try:
                append(context, model, who.name, found.new, replace=body.replace)
            except LogError as error:
                raise unavailable(
                    f"{error.detail} Some may be recorded: try again, the same truth twice is "
                    "harmless."
                ) from None
            except Unreadable:
                raise unreadable() from None
            said = AddedTruths(model, len(found.new), found.replaced, found.same)
            return json(said)

        async with turns.setdefault(model, asyncio.Lock()):
            return await context.executors.log.run(added)

    @routes.get("/{model}/truths", responses=answers({200: ModelTruths}))
    async def list_truths(
        model: str,
        who: Who,
        since: _Since = "",
        version: Annotated[int, Query(ge=0, le=10**9)] = 0,
        limit: _Limit = 50,
    ) -> Response:
        """Compare answers with their truths: metrics by version, and the newest answers."""
        await require_model(context, who, model, Level.WORK)
        context.reader.require_brokers()
        begin = _milliseconds(since)
        found = partial(joined, context, model, begin, version, limit)
        return json(await context.executors.log.run(found))

    @routes.get("/{model}/unlabelled", responses=answers({200: Unlabelled}))
    async def list_unlabelled(
        model: str, who: Who, since: _Since = "", limit: _Limit = 20
    ) -> Response:
        """List rows that were answered and have no truth yet, the least certain first."""
        await require_model(context, who, model, Level.WORK)
        context.reader.require_brokers()
        begin = _milliseconds(since)
        try:
            found = await context.executors.log.run(
                partial(unlabelled, context, model, begin, limit)
            )
        except TooFarApart:
            raise too_far_apart() from None
        return json(found)


def _milliseconds(since: str) -> int:
    """Return a time in milliseconds since 1970; by default that 30 days ago. Raises Problem."""
    return since_of(since) if since else time.time_ns() // 10**6 - _DAYS * 86_400_000
