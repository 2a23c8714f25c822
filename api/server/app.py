"""The app: the served routers, and the layers around all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from types import MappingProxyType

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from autolearn.api.commands.bounded_producer import LogBusy
from autolearn.api.http import openapi
from autolearn.api.http.problems import Problem, incomplete, respond, unavailable, unreadable
from autolearn.api.middleware.audit import RecordRequests
from autolearn.api.middleware.body_limit import LimitBodies, RefuseEncoded
from autolearn.api.middleware.concurrency_limit import LimitWaiting
from autolearn.api.middleware.head_requests import AnswerHead
from autolearn.api.middleware.origins import CheckOrigin
from autolearn.api.middleware.sealed_requests import Seal
from autolearn.api.middleware.staleness import MarkStale
from autolearn.api.pipelines.driver import Driver
from autolearn.api.services.audit import router as audit
from autolearn.api.services.catalog import router as catalog
from autolearn.api.services.commands import router as commands
from autolearn.api.services.comparisons import router as comparisons
from autolearn.api.services.dead_letters import router as dead_letters
from autolearn.api.services.evaluations import router as evaluations
from autolearn.api.services.events import router as events
from autolearn.api.services.experiments import router as experiments
from autolearn.api.services.groups import router as groups
from autolearn.api.services.history import router as diff
from autolearn.api.services.lineage import router as lineage
from autolearn.api.services.models import inference
from autolearn.api.services.models import router as models
from autolearn.api.services.pipelines import router as pipelines
from autolearn.api.services.predictions import router as predictions
from autolearn.api.services.sessions import router as sessions
from autolearn.api.services.system import health, rebuild, status
from autolearn.api.services.system import wire_keys as keys
from autolearn.api.services.trainings import router as trainings
from autolearn.api.services.trainings import study_routes
from autolearn.api.services.users import router as users
from autolearn.api.services.users import tokens
from autolearn.api.shared.authorization import admit, authorise, public_routes
from autolearn.api.shared.read_your_writes import MarkReached
from autolearn.api.state.context import ApiContext
from autolearn.api.state.instruments import CountRequests
from autolearn.api.state.log_reader import LogReader
from autolearn.projections.time_travel.past import PastTooLarge
from autolearn.runtime.disk_usage import is_full
from autolearn.schemas.errors import AutoLearnError, LogError, StoreError
from autolearn.security.data_key import Unreadable

SERVICES: Mapping[str, Callable[[ApiContext], APIRouter]] = MappingProxyType(
    {
        "catalog": catalog.router,
        "sessions": sessions.router,
        "trainings": trainings.router,
        "studies": study_routes.router,
        "evaluations": evaluations.router,
        "predictions": predictions.router,
        "storage": experiments.router,
        "models": models.router,
        "inference": inference.router,
        "comparisons": comparisons.router,
        "pipelines": pipelines.router,
        "lineage": lineage.router,
    }
)
"""The services that a process can serve, with their routers."""


def make_app(context: ApiContext, services: Sequence[str] = tuple(SERVICES)) -> FastAPI:
    """Return the app of a process that serves these services."""
    driver = Driver(context)
    if "pipelines" in services:
        context.reader.taken.append(driver.on_events)
        context.reader.opened.append(driver.start)
        context.lifetime.push_async_callback(driver.stop)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with context.lifetime:
            context.reader.start()
            yield

    app = FastAPI(
        title="AutoLearn",
        description="Event-sourced life cycle of machine-learning models.",
        version=version("autolearn"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(authorise)],
    )
    app.state.context = context
    commons = (
        *(health, keys, tokens, users, groups, status, audit),
        *(commands, dead_letters, diff, events, rebuild),
    )
    for common in (module.router for module in commons):
        app.include_router(common(context))
    for service in services:
        app.include_router(SERVICES[service](context))
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(ClientDisconnect, _on_cut_body)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(LogError, _on_log_error)
    app.add_exception_handler(LogBusy, _on_log_busy)
    app.add_exception_handler(StoreError, _on_store_error(context.reader))
    app.add_exception_handler(OSError, on_system_error)
    app.add_exception_handler(Unreadable, _on_unreadable)
    app.add_exception_handler(PastTooLarge, _on_past_too_large)
    app.add_exception_handler(Exception, _on_fault)
    settings = context.settings
    app.add_middleware(AnswerHead)
    app.add_middleware(MarkStale, staleness=context.staleness)
    app.add_middleware(MarkReached, reader=context.reader)
    app.add_middleware(_RequireReady, reader=context.reader)
    app.add_middleware(Seal, keys=context.wire_keys, settings=settings, admit=admit(context))
    app.add_middleware(RefuseEncoded)
    app.add_middleware(
        LimitBodies, limit=settings.limits.max_body, upload_limit=settings.limits.max_upload
    )
    app.add_middleware(LimitWaiting, waiting=context.waiting)
    if settings.identity.auth == "none":
        app.add_middleware(CheckOrigin, api=settings.api)
    if context.audit.on:
        app.add_middleware(
            RecordRequests,
            audit=context.audit,
            takes_commands=lambda: context.brokers.answer and not context.commands.appends.stalled,
        )
    app.add_middleware(CountRequests, measures=context.measures)
    app.openapi = lambda: openapi.describe(app, public_routes(settings))  # type: ignore[method-assign]
    return app


class _RequireReady:
    """Answers 503 under /v1, the status aside, until the process has caught up with the log."""

    def __init__(self, app: ASGIApp, reader: LogReader) -> None:
        self.app, self.reader = app, reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        path = scope.get("path", "")
        if scope["type"] == "http" and path.startswith("/v1/") and path != "/v1/status":
            try:
                self.reader.require_ready()
            except Problem as problem:
                await respond(problem, scope["path"])(scope, receive, send)
                return
        await self.app(scope, receive, send)


async def _on_http_error(request: Request, error: Exception) -> Response:
    """Answer with a problem: ours, or one for an error of the framework."""
    if isinstance(error, Problem):
        return respond(error, request.url.path)
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        problem = Problem(
            404,
            "no-such-route",
            "There is nothing here",
            f"{request.url.path} is no path of this process: see /openapi.json. A process may "
            "serve some of the services only.",
        )
    elif error.status_code == 405:
        allowed = ", ".join(sorted(_methods_of(request)))
        problem = Problem(
            405,
            "method-not-allowed",
            "That method is not offered here",
            f"{request.method} is not offered on {request.url.path}: {allowed} can be used.",
            headers={"Allow": allowed},
        )
    else:
        problem = Problem(
            error.status_code,
            "http",
            "The request failed",
            str(error.detail),
            headers=error.headers,
        )
    return respond(problem, request.url.path)


def _methods_of(request: Request) -> set[str]:
    found = {
        method
        for method in ("GET", "POST", "PUT")
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }
    return found | {"HEAD"} if "GET" in found else found


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    """Answer with every fault of the query and path, and its place."""
    assert isinstance(error, RequestValidationError)
    faults = [
        {
            "in": str(fault["loc"][0]),
            "parameter": str(fault["loc"][-1]),
            "detail": fault["msg"][:1].lower() + fault["msg"][1:],
        }
        for fault in error.errors()
    ]
    words = "; ".join(f"{fault['parameter']}: {fault['detail']}" for fault in faults)
    problem = Problem(
        422, "invalid-request", "The request does not fit", f"{words}.", errors=faults
    )
    return respond(problem, request.url.path)


async def _on_log_error(request: Request, error: Exception) -> Response:
    detail = error.detail if isinstance(error, AutoLearnError) else str(error)
    return respond(unavailable(f"{detail} Try again."), request.url.path)


async def _on_log_busy(request: Request, error: Exception) -> Response:
    assert isinstance(error, LogBusy)
    return respond(unavailable(error.detail, kind=error.kind), request.url.path)


async def _on_cut_body(request: Request, _: Exception) -> Response:
    """Answer, for the record, that the client went away before the whole body was here."""
    return respond(incomplete(), request.url.path)


async def _on_unreadable(request: Request, _: Exception) -> Response:
    return respond(unreadable(), request.url.path)


async def _on_past_too_large(request: Request, error: Exception) -> Response:
    assert isinstance(error, PastTooLarge)
    words = f"{error.detail} {error.advice}"
    return respond(Problem(422, "past-too-large", error.title, words), request.url.path)


async def on_system_error(request: Request, error: Exception) -> Response:
    """Answer that a disk is full; other errors of the system are faults of ours."""
    assert isinstance(error, OSError)
    if not is_full(error):
        raise error
    problem = Problem(
        507,
        "no-room",
        "The disk is full",
        "There is no room left for that on the disk of this process or of the artifacts. Nothing "
        "of it was kept: try again when a sysadmin has made room, which AUTOLEARN_DISK_RESERVE "
        "keeps free when it is not 0.",
    )
    return respond(problem, request.url.path)


def _on_store_error(
    reader: LogReader,
) -> Callable[[Request, Exception], Coroutine[None, None, Response]]:
    """Return the handler for damaged read models: the process ends, and rebuilds them."""

    async def stop(request: Request, error: Exception) -> Response:
        reader.fail(error)
        words = "The read models of this process are damaged and are rebuilt from the log."
        return respond(unavailable(f"{words} Try again."), request.url.path)

    return stop


async def _on_fault(request: Request, _: Exception) -> Response:
    """Answer that there is a fault of ours; the server logs the traceback."""
    problem = Problem(
        500, "fault", "AutoLearn failed", "This is a fault of AutoLearn: its log has the details."
    )
    return respond(problem, request.url.path)
