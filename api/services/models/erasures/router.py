"""Service `models`: the erasure of a person's rows from the prediction log."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest, Prefer
from autolearn.api.commands.responses import json
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.pagination import from_token, to_token
from autolearn.api.http.problems import unavailable, unreadable
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level
from autolearn.api.services.models.bodies import ErasureBody
from autolearn.api.services.models.erasures.erase import (
    erased_rows,
    find_rows,
    replace_records,
    replace_truths,
)
from autolearn.api.shared.models.checks import require_model
from autolearn.api.state.context import ApiContext
from autolearn.runtime.timestamps import now
from autolearn.schemas.commands import ErasePredictions
from autolearn.schemas.errors import LogError
from autolearn.schemas.models.erasure import erased_text
from autolearn.schemas.rest.predictions import ErasedPredictions
from autolearn.schemas.stream_kinds import stream
from autolearn.security.data_key import Unreadable

_Offset = Annotated[int, Meta(ge=0, le=2**53)]
_WAIT = 30.0


class _Place(Struct, array_like=True, frozen=True):
    """What is left to look at, first of predictions, then of truths, of so many records in all."""

    total: _Offset
    predictions: dict[int, tuple[_Offset, _Offset]]
    truths: dict[int, tuple[_Offset, _Offset]]


def add_erasure_route(routes: APIRouter, context: ApiContext) -> None:
    """Add the route."""

    @routes.post(
        "/{model}/erasures",
        openapi_extra=accepts(ErasureBody),
        responses=answers({200: ErasedPredictions}),
    )
    async def erase_predictions(request: Request, model: str, who: Who) -> Response:
        """Erase the rows of a person from the prediction log, with their answers and truths.

        A call looks at some records. While the answer has `next`, call again with it as `page`.
        """
        body = await read_body(request, ErasureBody)
        await require_model(context, who, model, Level.OWN)
        context.reader.require_brokers()
        run = context.executors.log.run
        topics = context.topics
        if body.page:
            place = from_token(body.page, _Place, "page")
        else:
            found = await run(
                lambda: [_spans(context, t.name) for t in (topics.predictions, topics.truths)]
            )
            total = sum(end - at for spans in found for at, end in spans.values())
            place = _Place(total, *found)
        requests = rows = 0
        if place.predictions:
            of, looked = await run(
                partial(find_rows, context, model, body.columns, place.predictions)
            )
            if of:
                erased = erased_text(await run(partial(erased_rows, context, of)))
                asked = CommandRequest.of(request, [])
                asked = asked._replace(id=str(uuid.uuid4()), keyed=False, prefer=Prefer(_WAIT))
                command = ErasePredictions(erased, body.reason)
                answer = await context.commands.post(stream("model", model), command, asked)
                if isinstance(answer, Accepted):
                    raise unavailable("The erasure was not decided in time. Try again.")
                try:
                    await run(partial(replace_records, context, of, asked.id, now(), who.name))
                except LogError as error:
                    raise unavailable(
                        f"{error.detail} The rows are hidden, and not yet replaced on the log: "
                        "erase them again."
                    ) from None
                except Unreadable:
                    raise unreadable() from None
            requests, rows = len(of), sum(one.new for one in of.values())
        else:
            looked = await run(partial(replace_truths, context, model, place.truths))
        left = sum(
            end - at for part in (place.predictions, place.truths) for at, end in part.values()
        )
        more = to_token(place) if place.predictions or place.truths else None
        done = 1.0 if not more else 1 - left / max(1, place.total)
        return json(ErasedPredictions(model, requests, rows, looked, round(done, 4), more))


def _spans(context: ApiContext, topic: str) -> dict[int, tuple[int, int]]:
    """Return all that is on a topic (blocks). Raises LogError."""
    begins, ends = context.log.begins(topic), context.log.ends(topic)
    return {p: (at, ends[p]) for p, at in begins.items() if at < ends[p]}
