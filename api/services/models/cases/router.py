"""Routes of the named cases of a model."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field, StrictInt
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import encoder, json, pending
from autolearn.api.http.body import Body, read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Level
from autolearn.api.services.models.bodies import Column
from autolearn.api.shared.models.checks import require_model
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas import commands
from autolearn.schemas.bounds import CASE_BYTES, LONGEST_NAME, MODEL_CASES, MOST_TYPES, cut
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.serving.cases import ModelCase
from autolearn.schemas.stream_kinds import stream

_Number = Annotated[StrictInt, Field(ge=-(2**53), le=2**53)]
_Real = Annotated[float, Field(allow_inf_nan=False)]
_Text = Annotated[str, Field(max_length=CASE_BYTES)]


class CaseBody(Body):
    """A row whose answers are compared at each promotion, by the name of a case."""

    row: Annotated[
        dict[Column, _Text | bool | _Number | _Real | None],
        Field(min_length=1, max_length=MOST_TYPES),
    ] = Field(description="The values by column; null is a gap.")
    name: Annotated[str, Field(max_length=100, pattern=r"^$|\D")] = Field(
        default="", description="By default case-1, case-2 …; it is not a number."
    )
    expect: Annotated[str, Field(max_length=LONGEST_NAME)] | bool | _Number | _Real | None = Field(
        default=None, description="The label or number that is right."
    )


def add_case_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router."""

    @routes.get("/{model}/cases", responses=answers({200: Page[ModelCase]}))
    async def list_cases(model: str, who: Who) -> Response:
        """List the named cases: rows whose answers are compared at each promotion."""
        await require_model(context, who, model, Level.PREDICT)
        return json(Page([*context.queries.now().models.cases(model)]))

    @routes.post(
        "/{model}/cases",
        status_code=201,
        openapi_extra=accepts(CaseBody, command=True),
        responses=answers({201: ModelCase, 202: CommandState}),
    )
    async def add_case(request: Request, model: str, who: Who) -> Response:
        """Add a named case, at most 100. It need not fit the versions that there are."""
        body = await read_body(request, CaseBody)
        via = await require_model(context, who, model, Level.WORK)
        asked = CommandRequest.of(request, body.model_dump())._replace(via=via)
        if context.queries.answer(asked.id) is None:
            _check(context.queries.now(), model, body)
        command = commands.AddCase(body.row, body.name, _answer(body.expect))
        answer = await context.commands.post(stream("model", model), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        added = context.queries.now().models.cases(model, answer.sequence)
        found = next(added, None)
        if found is None:  # it was removed meanwhile
            raise _unknown(model, body.name, [])
        return json(found, 201, asked.prefer.applied())

    @routes.post(
        "/{model}/cases/{case}/remove",
        openapi_extra=accepts(None, command=True),
        responses=answers({200: Page[ModelCase], 202: CommandState}),
    )
    async def remove_case(request: Request, model: str, case: str, who: Who) -> Response:
        """Remove a case, by its name or number; the cases that are left are returned."""
        via = await require_model(context, who, model, Level.WORK)
        asked = CommandRequest.of(request, {})._replace(via=via)
        command: commands.RemoveCase | None = None
        if context.queries.answer(asked.id) is None:
            there = [*context.queries.now().models.cases(model)]
            named = (one for one in there if case in (one.name, str(one.number)))
            found = next(named, None)
            if found is None:
                raise _unknown(model, case, there)
            command = commands.RemoveCase(found.number)
        answer = await context.commands.post(stream("model", model), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        left = Page([*context.queries.now().models.cases(model)])
        return json(left, headers=asked.prefer.applied())


def _check(snapshot: Snapshot, model: str, body: CaseBody) -> None:
    """Raise a problem if a case has the name of another one, or too large a row."""
    if body.name and any(body.name == one.name for one in snapshot.models.cases(model)):
        detail = f"{model} has a case {cut(body.name)!r} already: remove it, or choose another name"
        errors = [{"pointer": "#/name", "detail": detail}]
        raise Problem(409, "case-exists", "There is such a case", f"{detail}.", errors=errors)
    if (size := len(encoder.encode(body.row))) > CASE_BYTES:
        detail = f"The row has {size:,} bytes in JSON, and at most {CASE_BYTES:,} are kept"
        errors = [{"pointer": "#/row", "detail": detail}]
        raise Problem(422, "invalid-body", "The row is too large", f"{detail}.", errors=errors)


def _answer(given: str | bool | float | None) -> str | float | None:
    """Return the right answer as versions give it: true and false are text."""
    if isinstance(given, bool):
        return str(given).lower()
    return float(given) if isinstance(given, int) else given


def _unknown(model: str, given: str, there: list[ModelCase]) -> Problem:
    known = ", ".join(cut(one.name) for one in there[:MODEL_CASES]) or "none"
    detail = f"{model} has no case {cut(given)!r}; it has {known}."
    return Problem(404, "case-unknown", "There is no such case", detail)
