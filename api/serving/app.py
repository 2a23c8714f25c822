"""The app of the process type `serve`: few routes, found without a framework, for speed.

A request is authenticated by its head; then its body is read, within the bounds of its user.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import version as version_of_package
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import structlog
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from autolearn.api.commands.recorded_request import RecordedRequest
from autolearn.api.http import openapi
from autolearn.api.http.problems import Problem, incomplete, respond, unreadable
from autolearn.api.middleware.body_limit import LimitBodies, RefuseEncoded
from autolearn.api.middleware.concurrency_limit import Reading, RequestSlot
from autolearn.api.middleware.head_requests import AnswerHead
from autolearn.api.middleware.origins import CheckOrigin
from autolearn.api.middleware.sealed_requests import Seal, header_in
from autolearn.api.services.models.inference import router as passed_on
from autolearn.api.serving import inference_protocol
from autolearn.api.serving.asked_models import AskedModel, AskedModels, sweep
from autolearn.api.serving.cases import case_answers
from autolearn.api.serving.combination import Combination, as_recorded, combination_in, combined
from autolearn.api.serving.loaded_models import LoadedModels
from autolearn.api.serving.micro_batches import MicroBatches
from autolearn.api.serving.prediction_log import PredictionLog
from autolearn.api.serving.query import fields_in, purpose_in
from autolearn.api.serving.rows import answer, columns_of, inference, records_in
from autolearn.api.serving.traffic_router import TrafficRouter
from autolearn.api.shared.authorization import admit, public_routes
from autolearn.api.state.context import ApiContext
from autolearn.runtime.uuid7 import uuid7
from autolearn.schemas.bounds import cut
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.events import ModelDeleted
from autolearn.schemas.messages import type_of
from autolearn.schemas.records.prediction import PRODUCTION, Purpose
from autolearn.schemas.rest.models import InferencePart, ModelExamples
from autolearn.schemas.rest.serving.cases import CaseRun
from autolearn.schemas.rest.serving.inference_protocol import (
    ModelReady,
    ServerLive,
    ServerMetadata,
    ServerReady,
)
from autolearn.security.data_key import Unreadable

if TYPE_CHECKING:  # scikit-learn is imported with the first model
    from autolearn.ml.prediction.online import Answered, OnlineModel

log = structlog.stdlib.get_logger("autolearn.serve")

_DELETED = type_of(ModelDeleted)
_SHORT = 4096
"""Bytes of a body that is answered at once: some rows, in less than a millisecond."""
_SWEEP = 60.0
_LENGTH = b"inference-header-content-length"
_JSON = "application/json"
_encoder = msgspec.json.Encoder()


class _Route(NamedTuple):
    """The template of a route, and what answers it."""

    path: str
    answer: Callable[[_Request], Awaitable[_Reply]]


class _Given(NamedTuple):
    """The rows of a request by column, how their answers are written, and why they are asked."""

    columns: Mapping[str, Sequence[Any]]
    rows: int
    reply: Callable[[Answered, AskedModel, str], _Reply]
    purpose: Purpose = PRODUCTION


class _Reply(NamedTuple):
    """A status, a body, its media type, and further headers."""

    body: bytes
    status: int = 200
    media: str = _JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class _Request(NamedTuple):
    """A request that was routed: the parts of its path that are names."""

    scope: Scope
    receive: Receive
    model: str = ""
    version: str = ""

    def header(self, wanted: bytes) -> str:
        return header_in(self.scope, wanted).decode("latin-1")


def make_app(context: ApiContext) -> ASGIApp:
    """Return the app of a process that serves models."""
    settings = context.settings
    app: ASGIApp = ServeApp(context)
    app = Seal(app, context.wire_keys, settings, admit(context))
    app = RefuseEncoded(app)
    limits = settings.limits
    app = LimitBodies(app, limit=limits.max_body, upload_limit=limits.max_upload)
    if settings.identity.auth == "none":
        app = CheckOrigin(app, settings.api)
    return AnswerHead(_Slots(app, context))


class _Slots:
    """Gives each request its slot, and records it in the behaviour log when it is answered."""

    def __init__(self, app: ASGIApp, context: ApiContext) -> None:
        self.app, self.context = app, context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context, state = self.context, scope.setdefault("state", {})
        call = RecordedRequest(scope, context.audit.instance)
        state["call"], state["status"] = call, 0
        place = state["place"] = RequestSlot(context.waiting, scope, "change")
        reading = Reading(place, receive, sealed=False, upload=False)

        async def noted(message: Any) -> None:
            if message["type"] == "http.response.start":
                state["status"] = message["status"]
            await send(message)

        try:
            await self.app(scope, reading, noted)
        finally:
            place.leave()
            if context.audit.on and not state.get("recorded"):
                context.audit.ended(call, state["status"], state.get("problem", ""))


class ServeApp:
    """Answers the requests of a process that serves models."""

    def __init__(self, context: ApiContext) -> None:
        self.context = context
        self.loaded = LoadedModels(context.artifacts, context.vault, context.executors.inference)
        context.reader.taken += [self.loaded.taken, self.taken]
        self.asked = AskedModels(context, self.loaded)
        self.batches = MicroBatches(context.executors.inference)
        self.predictions = PredictionLog(
            context.log,
            context.audit.log,
            context.topics.predictions.name,
            context.vault,
            context.settings.limits.append_timeout,
            context.measures.meter,
        )
        self.traffic = TrafficRouter(context, self.asked, self.predictions)
        self.described: FastAPI | None = None
        self.named = {
            "live": _Route("/v2/health/live", self.live),
            "ready": _Route("/v2/health/ready", self.ready),
            "server": _Route("/v2", self.server),
            "metadata": _Route("/v2/models/{model}", self.metadata),
            "model-ready": _Route("/v2/models/{model}/ready", self.model_ready),
            "infer": _Route("/v2/models/{model}/infer", self.infer),
            "predict": _Route("/v1/models/{model}/predict", self.predict),
            "schema": _Route("/v1/models/{model}/schema", self.schema),
            "document": _Route("/openapi.json", self.document),
            "cases": _Route("/v1/models/{model}/cases", self.cases),
            "examples": _Route("/v1/models/{model}/examples", self.examples),
            "rules": _Route("/v1/models/{model}/rules", self.rules),
        }
        self.of_version = {
            name: _Route(one.path.replace("{model}", "{model}/versions/{version}"), one.answer)
            for name, one in self.named.items()
        }
        """The same routes, of a version that is named: the record of an answer says so."""

    def taken(self, records: Iterable[EventRecord]) -> None:
        """Forget the keys of deleted models."""
        for record in records:
            if record.type == _DELETED:
                self.predictions.forget(record.subject.partition("/")[2])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or the life of the process."""
        if scope["type"] == "lifespan":
            await self.live_and_die(receive, send)
            return
        path = scope["path"]
        try:
            route, model, version = self.routed(scope["method"], path)
            scope["route"] = route
            scope["path_params"] = {"model": model, "version": version} if model else {}
            if not path.startswith(("/v2/health/", "/health/", "/openapi.json")):
                self.context.reader.require_ready()
            reply = await route.answer(_Request(scope, receive, model, version))
        except Problem as problem:
            await respond(problem, path)(scope, receive, send)
            return
        except ClientDisconnect:
            await respond(incomplete(), path)(scope, receive, send)
            return
        except Unreadable:
            await respond(unreadable(), path)(scope, receive, send)
            return
        except Exception:
            log.exception("fault", path=path)
            words = "This is a fault of AutoLearn: its log has the details."
            await respond(Problem(500, "fault", "AutoLearn failed", words), path)(
                scope, receive, send
            )
            return
        headers = [
            (b"content-type", reply.media.encode()),
            (b"content-length", str(len(reply.body)).encode()),
            *reply.headers,
        ]
        if (age := self.context.staleness.headers()) and not path.startswith("/health/"):
            headers += [(name.lower().encode(), value.encode()) for name, value in age.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def live_and_die(self, receive: Receive, send: Send) -> None:
        """Start and stop with the server (ASGI lifespan)."""
        await receive()
        async with self.context.lifetime:
            self.context.reader.start()
            sweeping = asyncio.create_task(sweep(self.loaded, _SWEEP))
            await send({"type": "lifespan.startup.complete"})
            await receive()
            sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await sweeping
            self.predictions.flush()
        await send({"type": "lifespan.shutdown.complete"})

    def routed(self, method: str, path: str) -> tuple[_Route, str, str]:
        """Return the route of a path, the model's name, and the version's if there is one.

        Raises:
            Problem: there is none (404), or not by this method (405).
        """
        parts = path.split("/")[1:]
        model = version = ""
        name, wanted = "", "GET"
        match parts:
            case ["v1", "models", model, *rest] if model:
                match rest:
                    case ["predict"]:
                        name, wanted = "predict", "POST"
                    case ["versions", version, "predict"] if version:
                        name, wanted = "predict", "POST"
                    case ["versions", version, "cases"] if version:
                        name = "cases"
                    case ["schema" | "examples" | "rules" as name]:
                        pass
            case ["v2", "models", model, *rest] if model:
                if len(rest) >= 2 and rest[0] == "versions" and rest[1]:
                    version, rest = rest[1], rest[2:]
                name = {(): "metadata", ("ready",): "model-ready", ("infer",): "infer"}.get(
                    tuple(rest), ""
                )
                wanted = "POST" if name == "infer" else "GET"
            case ["v2"] | ["v2", ""]:
                name = "server"
            case ["openapi.json"]:
                name = "document"
            case ["v2", "health", "live"] | ["health", "live"]:
                name = "live"
            case ["v2", "health", "ready"] | ["health", "ready"]:
                name = "ready"
        if not name:
            raise Problem(
                404,
                "no-such-route",
                "There is nothing here",
                f"{cut(path)} is no path of a process `serve`: see /openapi.json.",
            )
        if method != wanted:
            raise Problem(
                405,
                "method-not-allowed",
                "That method is not offered here",
                f"{cut(method)} is not offered on {cut(path)}: {wanted} can be used.",
                headers={"Allow": "GET, HEAD" if wanted == "GET" else wanted},
            )
        return (self.of_version if version else self.named)[name], model, version

    # The process

    async def live(self, _: _Request) -> _Reply:
        """Report that the process runs; or that it has failed, and must be restarted."""
        failure = self.context.reader.failure
        if failure is not None:
            return _json(ServerLive(False, failure), 503)
        return _json(ServerLive(True))

    async def ready(self, _: _Request) -> _Reply:
        """Report whether the registry is known, and how old what is known of it may be."""
        reader = self.context.reader
        if not reader.ready:
            return _json(ServerReady(False, reader.why_not_ready()), 503)
        age = self.context.staleness.seconds()
        return _json(
            ServerReady(
                True,
                registry_age_seconds=0.0 if age is None else round(age, 1),
                models_loaded=len(self.loaded.loaded),
                models_loaded_bytes=sum(one.bytes for one in self.loaded.loaded.values()),
            )
        )

    async def server(self, _: _Request) -> _Reply:
        """Describe the server."""
        extensions = list(inference_protocol.EXTENSIONS)
        return _json(ServerMetadata("autolearn", version_of_package("autolearn"), extensions))

    async def document(self, _: _Request) -> _Reply:
        """Show the OpenAPI document of the process."""
        if self.described is None:
            self.described = FastAPI(
                title="AutoLearn: models that answer",
                description="The Open Inference Protocol (under /v2), and a friendly form.",
                version=version_of_package("autolearn"),
            )
            self.described.include_router(passed_on(self.context))
        return _json(openapi.describe(self.described, public_routes(self.context.settings)))

    # Models

    async def metadata(self, request: _Request) -> _Reply:
        """Describe a version: its inputs and outputs, and how its plan compares."""
        asked = await self.asked.find(request.scope, request.model, request.version)
        row = self.context.queries.now().models.get(request.model)
        versions = range(1, row.versions + 1) if row is not None else ()
        online = asked.loaded.model
        said = inference_protocol.described(request.model, asked.number, versions, online)
        return _json(said)

    async def model_ready(self, request: _Request) -> _Reply:
        """Report that a version answers; it is loaded if need be."""
        asked = await self.asked.find(request.scope, request.model, request.version)
        return _json(ModelReady(asked.model, ready=True))

    async def schema(self, request: _Request) -> _Reply:
        """Show the JSON Schema of a row of the champion."""
        asked = await self.asked.find(request.scope, request.model, "")
        return _json(asked.loaded.model.schema())

    async def examples(self, request: _Request) -> _Reply:
        """Show rows that can be sent, of mixed values of the champion's training."""
        asked = await self.asked.find(request.scope, request.model, "")
        return _json(ModelExamples(asked.model, asked.number, [*asked.loaded.model.examples]))

    async def cases(self, request: _Request) -> _Reply:
        """Show how a version answers the named cases."""
        asked = await self.asked.find(request.scope, request.model, request.version)
        cases = [*self.context.queries.now().models.cases(asked.model)]
        online = asked.loaded.model
        found = await self.context.executors.inference.run(lambda: case_answers(cases, online))
        return _json(CaseRun(model=asked.model, version=asked.number, answers=found))

    async def rules(self, request: _Request) -> _Reply:
        """Show the rules of a row of the champion."""
        asked = await self.asked.find(request.scope, request.model, "")
        return _json(asked.loaded.model.rules)

    async def predict(self, request: _Request) -> _Reply:
        """Answer rows in the friendly form."""
        media = request.header(b"content-type").partition(";")[0].strip().lower() or _JSON
        fields = fields_in(request.scope.get("query_string", b""))
        purpose = purpose_in(fields)

        def given(content: bytes, online: OnlineModel) -> _Given:
            records = records_in(content, media, online)
            return _Given(columns_of(records), len(records), _friendly, purpose)

        combination = combination_in(fields)
        if combination is not None:
            return await self.combined(request, given, combination)
        return await self.answered(request, given)

    async def infer(self, request: _Request) -> _Reply:
        """Answer rows by the Open Inference Protocol."""
        length = request.header(_LENGTH)

        def given(content: bytes, online: OnlineModel) -> _Given:
            try:
                asked = inference_protocol.read(content, length, online)
            except inference_protocol.Malformed as error:
                raise Problem(400, "invalid-body", error.title, error.detail) from None
            return _Given(asked.columns, asked.rows, partial(_by_protocol, asked), asked.purpose)

        return await self.answered(request, given)

    async def answered(
        self, request: _Request, given_in: Callable[[bytes, OnlineModel], _Given]
    ) -> _Reply:
        """Answer the rows of a request, by the version that it is for, and record it."""
        asked = await self.asked.find(request.scope, request.model, request.version)
        content = await _body(request.receive)
        call = request.scope["state"]["call"]
        identity = uuid7(call.began)
        given: _Given = await self.run(
            asked, content, partial(given_in, content, asked.loaded.model)
        )
        self.traffic.pace(asked, given.rows)
        if given.purpose != PRODUCTION:
            asked = asked._replace(live=None)  # neither traffic nor shadow
        chosen = await self.traffic.chosen(request.scope, asked, given.columns, identity)
        if chosen is not asked:  # the versions may have other columns
            given = await self.run(chosen, content, partial(given_in, content, chosen.loaded.model))
        with self.traffic.guarded(chosen, asked.number, call):
            answered = await self.said(given, chosen, content)
        reply = given.reply(answered, chosen, identity)
        inputs = _plain(given.columns)
        await self.predictions.record(
            call, chosen, identity, inputs, answered, durable=chosen.durable, purpose=given.purpose
        )
        request.scope["state"]["recorded"] = True
        if asked.live is not None and asked.live.shadow:
            self.traffic.shadow(asked, call, identity, partial(given_in, content))
        return reply

    async def combined(
        self,
        request: _Request,
        given_in: Callable[[bytes, OnlineModel], _Given],
        combination: Combination,
    ) -> _Reply:
        """Answer the rows of a request by several versions or models, in one answer and record."""
        asked = await self.asked.find(request.scope, request.model, request.version)
        parts = {f"{asked.model}@{asked.number}": asked}
        for one in combination.others:
            name, _, version = one.rpartition("@")
            other = await self.asked.find(request.scope, name or request.model, version)
            parts.setdefault(f"{other.model}@{other.number}", other)
        content = await _body(request.receive)
        call = request.scope["state"]["call"]
        identity = uuid7(call.began)
        answers: dict[str, Answered] = {}
        for at, part in parts.items():
            given: _Given = await self.run(
                part, content, partial(given_in, content, part.loaded.model)
            )
            self.traffic.pace(part, given.rows)
            answers[at] = await self.said(given, part, content)
        first = answers[next(iter(parts))]
        said = first._replace(columns=combined(combination.how, [*answers.values()]))
        shown = [
            InferencePart(model=part.model, version=part.number, predictions=answers[at].rows)
            for at, part in parts.items()
        ]
        body = inference(said, asked.model, asked.number, identity, combination.how, shown)
        recorded = first._replace(columns={**said.columns, **as_recorded(answers)})
        inputs = _plain(given.columns)
        await self.predictions.record(
            call, asked, identity, inputs, recorded, durable=asked.durable, purpose=given.purpose
        )
        request.scope["state"]["recorded"] = True
        return _Reply(_encoder.encode(body))

    async def said(self, given: _Given, asked: AskedModel, content: bytes) -> Answered:
        """Answer rows: by a plan alone, or by scikit-learn, together with other requests."""
        if asked.loaded.model.together:
            return await self.batches.answer(given, asked)
        answered: Answered = await self.run(asked, content, partial(answer, given, asked))
        return answered

    async def run(self, asked: AskedModel, content: bytes, computed: Callable[[], Any]) -> Any:
        """Compute an answer: at once if it is short and has a plan, else in a thread."""
        if asked.loaded.model.plan is not None and len(content) <= _SHORT:
            return computed()  # a thread would take longer than the answer
        return await self.context.executors.inference.run(computed)


def _friendly(answered: Answered, asked: AskedModel, identity: str) -> _Reply:
    return _Reply(_encoder.encode(inference(answered, asked.model, asked.number, identity)))


def _by_protocol(
    given: inference_protocol.Asked, answered: Answered, asked: AskedModel, identity: str
) -> _Reply:
    body, size = inference_protocol.written(given, answered, asked.model, asked.number, identity)
    if not size:
        return _Reply(body)
    return _Reply(body, media="application/octet-stream", headers=((_LENGTH, size.encode()),))


def _plain(columns: Mapping[str, Sequence[Any]]) -> Mapping[str, Sequence[Any]]:
    """Return columns as they are recorded: a value that was not sent is None."""
    from autolearn.ml.prediction.row_checks import ABSENT

    return {
        name: [None if one is ABSENT else one for one in values] if ABSENT in values else values
        for name, values in columns.items()
    }


def _json(content: Mapping[str, Any] | Any, status: int = 200) -> _Reply:
    return _Reply(_encoder.encode(content), status)


async def _body(receive: Receive) -> bytes:
    """Return the whole body.

    Raises:
        Problem: it is too large or too slow.
        ClientDisconnect: the client went away before its end.
    """
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body
    parts = [body]
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
    return b"".join(parts)
