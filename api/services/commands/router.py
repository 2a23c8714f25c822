"""The state of a command, for clients after `Prefer: respond-async` or a slow decision."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from autolearn.api.commands.command_headers import derive
from autolearn.api.commands.responses import json
from autolearn.api.http import problems
from autolearn.api.http.openapi import answers
from autolearn.api.http.problems import Problem, check_id
from autolearn.api.identity.principal import Who
from autolearn.api.identity.visibility import Visibility
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.rows.command_answers import Answer
from autolearn.schemas.events import EVENTS
from autolearn.schemas.messages import type_of
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.values import SessionId, plural
from autolearn.schemas.work_kinds import WORK

Place = Annotated[int, Query(ge=0)]


def router(context: ApiContext) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/v1/commands", tags=["process"])

    @routes.get("/{command}", responses=answers({200: CommandState}))
    async def see_command(
        command: str, who: Who, partition: Place | None = None, offset: Place | None = None
    ) -> Response:
        """Show whether a command is pending, accepted or refused, and its resource."""
        check_id("session", command, "command")
        # First the progress of this process, then the answer, which may come in between.
        reached = context.queries.progress()
        answer = context.queries.answer(command)
        if answer is not None and Visibility(who, context.queries).knows(answer.stream):
            return json(_state_of(command, answer, context.queries.latest()))
        if partition in reached and offset is not None and reached[partition].last < offset:
            at = f"/v1/commands/{command}?partition={partition}&offset={offset}"
            return json(CommandState(command, "pending", links={"self": at}))
        raise Problem(
            404,
            "command-unknown",
            "There is no such command",
            f"No command {command} is answered or waits for its answer here. Follow the Location "
            "of a 202 as it is, with its partition and offset.",
        )

    return routes


def _state_of(command: str, answer: Answer, now: Snapshot) -> CommandState:
    if not answer.reason:
        resource = _resource_of(command, answer, now)
        links = {"resource": resource} if resource else {}
        return CommandState(command, "accepted", answer.stream, resource, links=links)
    failed = answer.reason == "command-failed"
    problem = problems.failed(answer) if failed else problems.refusal(answer)
    return CommandState(command, "refused", answer.stream, problem=problem.body())


def _resource_of(command: str, answer: Answer, now: Snapshot) -> str | None:
    """Return the path of the resource of a command of this API."""
    kind, _, name = answer.stream.partition("/")
    for name_of, work in WORK.items():
        if answer.type == type_of(work.requested):
            owner = "experiment" if now.experiments.has(SessionId(name)) else "session"
            return f"/v1/{owner}s/{name}/{plural(name_of)}/{derive(command, 'run')}"
    event = EVENTS[answer.type].__name__ if answer.type in EVENTS else ""
    match kind, event:
        case "session", "SessionCommitted":
            return f"/v1/experiments/{name}"
        case "session", "SessionDiscarded":
            return None
        case "session", _:
            return f"/v1/sessions/{name}"
        case _:
            return f"/v1/catalog/{kind}s/{name}"
