"""The routes that annotate sessions, experiments and their trainings: notes, tags, figures."""

from __future__ import annotations

from typing import NamedTuple

from fastapi import APIRouter, Depends, Request
from msgspec.structs import asdict
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import json, pending
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.problems import Problem, check_id
from autolearn.api.shared import bodies
from autolearn.api.state.context import ApiContext
from autolearn.schemas.bounds import MOST_LOGGED, MOST_TAGS
from autolearn.schemas.commands import AnnotateSession
from autolearn.schemas.rest.annotations import Annotated
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import NO_RUN, RunId, SessionId


class _Thing(NamedTuple):
    """What is annotated: a session or experiment, or its training `run`."""

    session: SessionId
    run: RunId


async def _session(session: SessionId) -> _Thing:
    check_id("session", session)
    return _Thing(session, NO_RUN)


async def _training(session: SessionId, run: RunId) -> _Thing:
    check_id("session", session)
    check_id("session", run, "training")
    return _Thing(session, run)


_TRAINING = "/{session}/trainings/{run}"
_ANNOTATED = {"/{session}": Depends(_session), _TRAINING: Depends(_training)}
"""The paths of what can be annotated."""


def add_annotation_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes, of sessions and of trainings; those of experiments are the same."""
    for at in _ANNOTATED:
        _add_note_route(routes, context, at)
        _add_tag_route(routes, context, at)
    _add_log_route(routes, context)


def _add_note_route(routes: APIRouter, context: ApiContext, at: str) -> None:
    @routes.post(
        f"{at}/note",
        openapi_extra=accepts(bodies.NoteBody, command=True),
        responses=answers({200: Annotated, 202: CommandState}),
    )
    async def add_note(request: Request, thing: _Thing = _ANNOTATED[at]) -> Response:
        """Add a note to a session, experiment or training."""
        body = await read_body(request, bodies.NoteBody)
        return await _annotate(
            context, request, thing.session, AnnotateSession(thing.run, body.note), body
        )


def _add_tag_route(routes: APIRouter, context: ApiContext, at: str) -> None:
    @routes.post(
        f"{at}/tag",
        openapi_extra=accepts(bodies.TagBody, command=True),
        responses=answers({200: Annotated, 202: CommandState}),
    )
    async def change_tags(request: Request, thing: _Thing = _ANNOTATED[at]) -> Response:
        """Add tags to a session, experiment or training, and remove others."""
        body = await read_body(request, bodies.TagBody)
        tags, untag = (tuple(dict.fromkeys(found)) for found in (body.tags, body.remove))
        if both := set(tags) & set(untag):
            raise _unfit("remove", f"{min(both)} cannot be added and removed at once.")
        if not tags and not untag:
            raise _unfit("tags", "name a tag to add, or one in remove to take away.")
        now = context.queries.now().annotations
        has = (await context.executors.lists.run(lambda: now.of(*thing))).tags
        if len({*has, *tags} - set(untag)) > MOST_TAGS:
            raise _unfit("tags", f"it has {len(has)} tags, and may not have more than {MOST_TAGS}.")
        command = AnnotateSession(thing.run, tags=tags, untag=untag)
        return await _annotate(context, request, thing.session, command, body)


def _add_log_route(routes: APIRouter, context: ApiContext) -> None:
    @routes.post(
        f"{_TRAINING}/log",
        openapi_extra=accepts(bodies.LogBody, command=True),
        responses=answers({200: Annotated, 202: CommandState}),
    )
    async def log_metrics(request: Request, thing: _Thing = _ANNOTATED[_TRAINING]) -> Response:
        """Log figures with a training that you have computed yourself."""
        body = await read_body(request, bodies.LogBody)
        now = context.queries.now().annotations
        has = (await context.executors.lists.run(lambda: now.of(*thing))).logged
        if len({*has, *body.metrics}) > MOST_LOGGED:
            raise _unfit("metrics", f"it has {len(has)} figures; at most {MOST_LOGGED} are taken.")
        command = AnnotateSession(thing.run, metrics=body.metrics)
        return await _annotate(context, request, thing.session, command, body)


def _unfit(name: str, detail: str) -> Problem:
    errors = [{"pointer": f"#/{name}", "detail": detail}]
    return Problem(
        422, "invalid-body", "The body does not fit", f"#/{name}: {detail}", errors=errors
    )


async def _annotate(
    context: ApiContext,
    request: Request,
    session: SessionId,
    command: AnnotateSession,
    body: bodies.NoteBody | bodies.TagBody | bodies.LogBody,
) -> Response:
    """Have an annotation accepted, and answer with all of them."""
    asked = CommandRequest.of(request, body.model_dump())
    answer = await context.commands.post(stream("session", session), command, asked)
    if isinstance(answer, Accepted):
        return pending(answer, asked)
    now = context.queries.now().annotations
    said = await context.executors.lists.run(lambda: now.of(session, command.run))
    found = Annotated(id=command.run or session, **asdict(said))
    return json(found, headers=asked.prefer.applied())
