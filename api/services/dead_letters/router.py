"""Dead letters: the records of `commands` that were no commands; show and retry them."""

from __future__ import annotations

import base64
import re
from functools import partial
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autolearn.api.commands.command_headers import call_of, prefer_of
from autolearn.api.commands.responses import json
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.pagination import from_token, next_link, to_token
from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import Who
from autolearn.api.services.dead_letters.retry import retry
from autolearn.api.shared import bodies
from autolearn.api.state.context import ApiContext
from autolearn.api.state.dead_letters import FoundDeadLetter, command_id
from autolearn.projections.rows.command_answers import Answer
from autolearn.schemas.rest.dead_letters import DeadLetterDetail, DeadLetterSummary, Retry
from autolearn.schemas.rest.page import Page

_ID = re.compile(r"(\d{1,9})-(\d{1,18})")
Limit = Annotated[int, Query(ge=1, le=100)]
Reason = Annotated[
    str, Query(max_length=200, description="Only letters whose reason has these words.")
]


def router(context: ApiContext) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1/dead-letters", tags=["process"])

    @routes.get("", responses=answers({200: Page[DeadLetterSummary]}, "Link"))
    async def list_dead_letters(
        request: Request, limit: Limit = 20, page: str = "", reason: Reason = ""
    ) -> Response:
        """List the dead letters, newest first. With `reason` a page may be short, or empty."""
        before = from_token(page, int, "page") if page else None
        page_of = partial(context.dead_letters.page, before, limit, reason)
        found, next_ = await context.executors.operators.run(page_of)
        items = [_summary(context, one) for one in found]
        token = None if next_ is None else to_token(next_)
        return json(Page(items, token), headers=next_link(request.url, token))

    @routes.get("/{letter}", responses=answers({200: DeadLetterDetail}))
    async def see_dead_letter(letter: str) -> Response:
        """Show a dead letter: its reason, its headers and its value."""
        return json(_content(context, await _find(context, letter)))

    @routes.post(
        "/{letter}/retry",
        openapi_extra=accepts(bodies.RetryBody, command=True),
        responses=answers({200: Retry, 202: Retry}),
    )
    async def retry_dead_letter(request: Request, letter: str, who: Who) -> Response:
        """Retry the command of a dead letter, or a corrected one in its place.

        The actor of a corrected one is its sender, and it must not be about a session of another
        user. It is done once, however often it is requested, with any Idempotency-Key or none.
        """
        body = await read_body(request, bodies.RetryBody)
        value = None if body.value is None else msgspec.json.encode(body.value)
        prefer = prefer_of(request)
        found = await _find(context, letter)
        done = await retry(context, found, value, who, prefer, call_of(request))
        at, answer = f"/v1/dead-letters/{found.id}", done.answer
        said = Retry(
            found.id,
            done.command,
            "pending" if answer is None else _state_of(answer),
            None if answer is None else answer.stream,
            None if answer is None else answer.type,
            {"dead-letter": at},
        )
        location = {"Location": at} if answer is None else {}
        return json(said, 202 if answer is None else 200, {**location, **prefer.applied()})

    return routes


async def _find(context: ApiContext, letter: str) -> FoundDeadLetter:
    """Return a dead letter by its id.

    Raises:
        Problem: there is none, or the id is malformed.
    """
    given = _ID.fullmatch(letter)
    if given is not None:
        get = partial(context.dead_letters.get, int(given[1]), int(given[2]))
        found = await context.executors.operators.run(get)
        if found is not None:
            return found
    raise Problem(
        404,
        "unknown-dead-letter",
        "There is no such dead letter",
        f"There is no dead letter {letter[:120]!r}: their ids are <partition>-<offset>, see "
        "/v1/dead-letters.",
    )


def _state_of(answer: Answer | None) -> str:
    if answer is None:
        return "open"
    return "refused" if answer.reason else "accepted"


def _summary(context: ApiContext, found: FoundDeadLetter) -> DeadLetterSummary:
    """Return a letter as a list shows it."""
    letter, command = found.letter, command_id(found)
    answer = context.queries.answer(command)
    at = f"/v1/dead-letters/{found.id}"
    return DeadLetterSummary(
        id=found.id,
        time=found.when,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        reason=letter.reason,
        size=len(letter.value or b"") if letter.size is None else letter.size,
        cut=letter.cut,
        state=_state_of(answer),
        command=command,
        answer=None if answer is None else answer.type,
        links={"self": at, "retry": f"{at}/retry"},
    )


def _content(context: ApiContext, found: FoundDeadLetter) -> DeadLetterDetail:
    """Return a letter with its value."""
    letter = found.letter
    text, encoded = _text_of(letter.value)
    return DeadLetterDetail(
        **msgspec.structs.asdict(_summary(context, found)),
        key=None if letter.key is None else _word(letter.key),
        headers=[(name, _word(value)) for name, value in letter.headers],
        text=text,
        base64=encoded,
    )


def _text_of(value: bytes | None) -> tuple[str | None, str | None]:
    """Return bytes as text, or as base64 where they are no UTF-8; (None, None) for None."""
    if value is None:
        return None, None
    try:
        return value.decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(value).decode()


def _word(value: bytes) -> str:
    """Return a short value as text."""
    text, encoded = _text_of(value)
    return f"base64:{encoded}" if text is None else text
