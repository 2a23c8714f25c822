"""Routes that change models: register, promote, roll back, retire, share, delete."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import json, pending
from autolearn.api.http.body import read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.problems import Problem, check_id
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.identity.visibility import Level
from autolearn.api.services.models import bodies, resources
from autolearn.api.services.models.cases.promotion import compared_cases
from autolearn.api.services.models.evidence import evidence_for, requirement_in
from autolearn.api.services.models.registration import (
    find_candidate,
    hold,
    registered,
    require_registering,
    source_of,
)
from autolearn.api.services.models.traffic import name_in, traffic_in
from autolearn.api.shared.authorization import require_grantee
from autolearn.api.shared.bodies import ReaderBody
from autolearn.api.shared.models.checks import require_model, version_of
from autolearn.api.shared.predictions.serve_processes import ServeProcesses
from autolearn.api.state.context import ApiContext
from autolearn.schemas import commands
from autolearn.schemas.messages import Command
from autolearn.schemas.models.cases import CaseComparison
from autolearn.schemas.models.promotion import GateEvidence
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.models import DeletedModel, ModelGrant, ModelVersion, RegisteredModel
from autolearn.schemas.rest.page import Page
from autolearn.schemas.stream_kinds import stream

_CHANGED = answers({200: RegisteredModel, 202: CommandState})


def add_change_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router."""
    serve = ServeProcesses(context)

    @routes.post(
        "/{model}/versions",
        status_code=201,
        openapi_extra=accepts(bodies.RegisterBody, command=True),
        responses=answers({201: ModelVersion, 202: CommandState}, "Location"),
    )
    async def register_version(request: Request, model: str, who: Who) -> Response:
        """Register a training of an experiment as the next version; the first makes the model.

        The experiment cannot be deleted while the version is not retired.
        """
        body = await read_body(request, bodies.RegisterBody)
        check_id("model", model)
        asked = CommandRequest.of(request, body.model_dump())
        command: commands.RegisterVersion | None = None
        if context.queries.answer(asked.id) is None:
            asked = asked._replace(via=await require_registering(context, who, model))
            candidate = await find_candidate(context, who, body.training)
            experiment, training, _ = candidate
            now = context.queries.now()
            source = await context.executors.lists.run(lambda: source_of(now, experiment, training))
            await hold(context, candidate, model, asked)
            command = commands.RegisterVersion(
                experiment=experiment, training=training, source=source, note=body.note
            )
        answer = await context.commands.post(stream("model", model), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return registered(context, model, answer, asked)

    @routes.post(
        "/{model}/versions/{version}/retire",
        openapi_extra=accepts(bodies.RetireBody, command=True),
        responses=answers({200: ModelVersion, 202: CommandState}),
    )
    async def retire_version(request: Request, model: str, version: str, who: Who) -> Response:
        """Retire a version that no alias names: it never answers again."""
        body = await read_body(request, bodies.RetireBody)
        via = await require_model(context, who, model, Level.WORK)
        number = version_of(context.queries.latest(), model, version)
        command = commands.RetireVersion(number, body.reason)
        asked = CommandRequest.of(request, body.model_dump())._replace(via=via)
        answer = await context.commands.post(stream("model", model), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        row = context.queries.now().models.version(model, number)
        assert row is not None, "it was just retired"
        return json(resources.model_version(row), headers=asked.prefer.applied())

    @routes.post(
        "/{model}/alias", openapi_extra=accepts(bodies.AliasBody, command=True), responses=_CHANGED
    )
    async def set_alias(request: Request, model: str, who: Who) -> Response:
        """Give a version an alias, or take it away. The champion is made by a promotion."""
        body = await read_body(request, bodies.AliasBody)
        via = await require_model(context, who, model, Level.WORK)
        number = 0
        if body.version is not None:
            number = version_of(context.queries.latest(), model, str(body.version), "#/version")
        command = commands.SetAlias(body.alias, number)
        return await change(request, model, who, command, body.model_dump(), via)

    @routes.post(
        "/{model}/promote",
        openapi_extra=accepts(bodies.PromoteBody, command=True),
        responses=_CHANGED,
    )
    async def promote(request: Request, model: str, who: Who) -> Response:
        """Let a version answer, if it meets what is required. The evidence is in the event."""
        body = await read_body(request, bodies.PromoteBody)
        required = [
            requirement_in(words, f"#/require/{index}") for index, words in enumerate(body.require)
        ]
        via = await require_model(context, who, model, Level.WORK)
        now = context.queries.now()
        number = version_of(now, model, str(body.version), "#/version")
        asked = CommandRequest.of(request, body.model_dump())._replace(via=via)
        evidence: tuple[GateEvidence, ...] = ()
        if required and context.queries.answer(asked.id) is None:
            evidence = await context.executors.lists.run(
                lambda: evidence_for(now, model, number, required)
            )
        before = now.models.aliased(model, body.alias)
        cases = await cases_of(request, model, asked, before, number)
        command = commands.Promote(number, body.alias, evidence, body.reason, cases)
        return await post(model, who, command, asked)

    @routes.post(
        "/{model}/rollback",
        openapi_extra=accepts(bodies.RollBackBody, command=True),
        responses=_CHANGED,
    )
    async def roll_back(request: Request, model: str, who: Who) -> Response:
        """Let the version answer that answered before, among those that are not retired."""
        body = await read_body(request, bodies.RollBackBody)
        via = await require_model(context, who, model, Level.WORK)
        asked = CommandRequest.of(request, body.model_dump())._replace(via=via)
        now = context.queries.now()
        before, number = now.models.aliased(model, body.alias), now.models.before(model, body.alias)
        cases = await cases_of(request, model, asked, before, number)
        return await post(model, who, commands.RollBack(body.alias, body.reason, cases), asked)

    @routes.post(
        "/{model}/traffic",
        openapi_extra=accepts(bodies.TrafficBody, command=True),
        responses=_CHANGED,
    )
    async def set_traffic(request: Request, model: str, who: Who) -> Response:
        """Share requests among versions, until it is ended or a guard's limit is passed."""
        body = await read_body(request, bodies.TrafficBody)
        via = await require_model(context, who, model, Level.WORK)
        command = traffic_in(context.queries.latest(), model, body)
        return await change(request, model, who, command, body.model_dump(), via)

    @routes.post(
        "/{model}/shadow",
        openapi_extra=accepts(bodies.ShadowBody, command=True),
        responses=_CHANGED,
    )
    async def set_shadow(request: Request, model: str, who: Who) -> Response:
        """Let a version see the requests too, which answers nobody; or none."""
        body = await read_body(request, bodies.ShadowBody)
        via = await require_model(context, who, model, Level.WORK)
        name = ""
        if body.version is not None:
            name = name_in(context.queries.latest(), model, str(body.version), "#/version")
        command = commands.SetShadow(name, body.reason)
        return await change(request, model, who, command, body.model_dump(), via)

    @routes.post(
        "/{model}/recording",
        openapi_extra=accepts(bodies.RecordingBody, command=True),
        responses=_CHANGED,
    )
    async def set_recording(request: Request, model: str, who: Who) -> Response:
        """Choose whether an answer waits for its record, and for how long records are kept.

        For how long is for the owner: what is older is shredded at once.
        """
        body = await read_body(request, bodies.RecordingBody)
        level = Level.WORK if body.days is None else Level.OWN
        via = await require_model(context, who, model, level)
        if (body.days or 0) > (most := context.settings.retention.prediction_days):
            detail = f"Records are kept for {most:g} days at most (AUTOLEARN_PREDICTION_DAYS)."
            errors = [{"pointer": "#/days", "detail": detail}]
            raise Problem(422, "too-many-days", "These are too many days", detail, errors=errors)
        row = context.queries.now().models.stored(model)
        assert row is not None, "it is there"
        command = commands.SetRecording(
            body.recording or row.recording, row.days if body.days is None else body.days
        )
        return await change(request, model, who, command, body.model_dump(), via)

    @routes.post(
        "/{model}/share",
        openapi_extra=accepts(bodies.ModelGrantBody, command=True),
        responses=answers({200: Page[ModelGrant], 202: CommandState}),
    )
    async def share_model(request: Request, model: str, who: Who) -> Response:
        """Let a user or the members of group/<name> see a model, ask it, or promote as well."""
        body = await read_body(request, bodies.ModelGrantBody)
        await require_model(context, who, model, Level.OWN)
        await require_grantee(context, who, body.user)
        command = commands.ShareModel(**body.model_dump())
        return await grant(request, model, command, body.model_dump())

    @routes.post(
        "/{model}/unshare",
        openapi_extra=accepts(ReaderBody, command=True),
        responses=answers({200: Page[ModelGrant], 202: CommandState}),
    )
    async def unshare_model(request: Request, model: str, who: Who) -> Response:
        """End the grant of a user or group, at once. Anybody may give up the own one."""
        body = await read_body(request, ReaderBody)
        leaves = bool(who.name) and body.user == who.name
        await require_model(context, who, model, Level.READ if leaves else Level.OWN)
        return await grant(request, model, commands.UnshareModel(body.user), body.model_dump())

    @routes.post(
        "/{model}/delete",
        openapi_extra=accepts(None, command=True),
        responses=answers({200: DeletedModel, 202: CommandState}),
    )
    async def delete_model(request: Request, model: str, who: Who) -> Response:
        """Delete a model for good: its key is shredded, and its name is never reused."""
        asked = CommandRequest.of(request, {})
        if context.queries.answer(asked.id) is None:
            await require_model(context, who, model, Level.OWN)
        check_id("model", model)
        answer = await context.commands.post(stream("model", model), commands.DeleteModel(), asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return json(DeletedModel(model, answer.time), headers=asked.prefer.applied())

    async def cases_of(
        request: Request, model: str, asked: CommandRequest, before: int, number: int
    ) -> CaseComparison | None:
        """Return the answers to the named cases, before and after an alias is given."""
        if number in (0, before) or context.queries.answer(asked.id) is not None:
            return None
        return await compared_cases(context, serve, request, model, before, number)

    async def change(
        request: Request, model: str, who: Principal, command: Command, content: object, via: str
    ) -> Response:
        asked = CommandRequest.of(request, content)._replace(via=via)
        return await post(model, who, command, asked)

    async def post(model: str, who: Principal, command: Command, asked: CommandRequest) -> Response:
        """Post a command, and answer with the model as it is then."""
        answer = await context.commands.post(stream("model", model), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        now = context.queries.now()
        row = now.models.get(model)
        if row is None:  # deleted meanwhile
            raise Problem(410, "model-deleted", "The model is deleted", f"There was {model}.")
        return json(resources.model(row, who, now), headers=asked.prefer.applied())

    async def grant(request: Request, model: str, command: Command, content: object) -> Response:
        asked = CommandRequest.of(request, content)
        answer = await context.commands.post(stream("model", model), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        return json(
            Page(context.queries.now().models.grants(model)), headers=asked.prefer.applied()
        )
