"""Authorization: one rule for every route, in one table.

A route without a rule is forbidden to everybody, and test_authorization.py fails. A rule is looked
up by the route that was found, before anything of the request but its head is read.
"""

from __future__ import annotations

from enum import Enum

from fastapi import Request
from starlette.types import Scope

from autolearn.api.commands.recorded_request import RecordedRequest
from autolearn.api.http.problems import Problem, check_id
from autolearn.api.identity.principal import EVERYBODY, NOBODY, Principal, no_token
from autolearn.api.identity.visibility import Level, access_to, group_level
from autolearn.api.limits.executors import ASKER
from autolearn.api.middleware.concurrency_limit import place_of
from autolearn.api.middleware.sealed_requests import Admit
from autolearn.api.shared.id_prefixes import whole_run, whole_session
from autolearn.api.shared.read_your_writes import until_reached
from autolearn.api.state.context import ApiContext
from autolearn.eventlog.positions import AFTER
from autolearn.schemas.actors import GROUP, VIEWER_REFUSED
from autolearn.schemas.settings import Settings
from autolearn.schemas.values import SessionId, plural
from autolearn.schemas.work_kinds import OF_SESSIONS


class Rule(Enum):
    """A rule of authorization. The path names a session by its id, as `session` or `experiment`."""

    PUBLIC = "anybody, known or not"
    USER = "every user; the route shows each what is theirs"
    ACTIVITY = "who may read the session; sysadmins see its activity only"
    READER = "the owner of the session, and those with whom it is shared"
    WORK = "the owner of the session, and those with whom it is shared to work"
    OWNER = "the owner of the session"
    SYSADMIN = "sysadmins"


_NEEDED = {
    Rule.ACTIVITY: Level.ACTIVITY,
    Rule.READER: Level.READ,
    Rule.WORK: Level.WORK,
    Rule.OWNER: Level.OWN,
}

SESSION, EXPERIMENT = "/v1/sessions/{session}", "/v1/experiments/{experiment}"
_MODEL = "/v1/models/{model}"
_PIPELINE, _PIPELINE_RUN = "/v1/pipelines/{pipeline}", "/v1/pipeline-runs/{pipeline_run}"
_OF_VERSION = "/versions/{version}/predictions"
_ASKED = tuple(f"/v2/models/{{model}}{at}" for at in ("", "/versions/{version}"))
_ANNOTATED = (SESSION, f"{SESSION}/trainings/{{run}}")
_RUNS = tuple(f"{SESSION}/{plural(kind)}" for kind in OF_SESSIONS)
_USES = tuple(f"{EXPERIMENT}/{plural(kind)}" for kind in ("evaluation", "prediction"))

RULES: dict[str, Rule] = {
    "GET /v2": Rule.PUBLIC,
    **{f"GET /v2/health/{what}": Rule.PUBLIC for what in ("live", "ready")},
    **{f"GET {at}{what}": Rule.USER for at in _ASKED for what in ("", "/ready")},
    **{f"POST {at}/infer": Rule.USER for at in _ASKED},
    "GET /health/live": Rule.PUBLIC,
    "GET /health/ready": Rule.PUBLIC,
    "GET /openapi.json": Rule.PUBLIC,
    "GET /asyncapi.json": Rule.PUBLIC,
    "GET /.well-known/jwks.json": Rule.PUBLIC,
    "GET /metrics": Rule.USER,
    # Identity
    "POST /v1/login": Rule.PUBLIC,
    "GET /v1/me": Rule.USER,
    "GET /v1/me/quota": Rule.USER,
    "POST /v1/me/password": Rule.USER,
    "GET /v1/tokens": Rule.USER,
    "POST /v1/tokens": Rule.USER,
    "POST /v1/tokens/revoke": Rule.USER,
    "POST /v1/tokens/{token}/revoke": Rule.USER,
    "GET /v1/users": Rule.SYSADMIN,
    "POST /v1/users": Rule.SYSADMIN,
    "GET /v1/users/{user}": Rule.SYSADMIN,
    "GET /v1/users/{user}/tokens": Rule.SYSADMIN,
    "POST /v1/users/{user}/role": Rule.SYSADMIN,
    "POST /v1/users/{user}/password": Rule.SYSADMIN,
    "POST /v1/users/{user}/disable": Rule.SYSADMIN,
    "POST /v1/users/{user}/enable": Rule.SYSADMIN,
    "GET /v1/users/{user}/quota": Rule.SYSADMIN,
    "POST /v1/users/{user}/quota": Rule.SYSADMIN,
    # Groups: their routes check members and owner
    "GET /v1/groups": Rule.USER,
    "POST /v1/groups": Rule.USER,
    "GET /v1/groups/{group}": Rule.USER,
    "POST /v1/groups/{group}/add": Rule.USER,
    "POST /v1/groups/{group}/remove": Rule.USER,
    "POST /v1/groups/{group}/delete": Rule.USER,
    # Models: their routes check owner and grants
    "GET /v1/models": Rule.USER,
    **{
        f"GET {_MODEL}{what}": Rule.USER
        for what in (
            *("", "/versions", "/versions/{version}", "/timeline", "/readers", "/schema", "/rules"),
            "/prediction-log/{request_id}/proof",
            "/examples",
            "/hours",
            *("/prediction-log", "/truths", "/unlabelled"),
            "/versions/{version}/export",
        )
    },
    **{
        f"POST {_MODEL}/{what}": Rule.USER
        for what in (
            *("versions", "versions/{version}/retire", "alias", "promote", "rollback"),
            *("traffic", "shadow", "truths", "erasures"),
            *("share", "unshare", "delete", "recording", "predict", "versions/{version}/predict"),
        )
    },
    f"PUT {_MODEL}/versions": Rule.USER,
    **{f"POST {_MODEL}{what}": Rule.USER for what in ("/predictions", _OF_VERSION)},
    f"POST {_MODEL}{_OF_VERSION}/{{prediction}}/cancel": Rule.USER,
    **{
        f"GET {_MODEL}{_OF_VERSION}{what}": Rule.USER
        for what in ("", "/{prediction}", "/{prediction}/rows")
    },
    # Named cases
    **{f"GET {_MODEL}{what}": Rule.USER for what in ("/cases", "/versions/{version}/cases")},
    **{f"POST {_MODEL}/cases{what}": Rule.USER for what in ("", "/{case}/remove")},
    # Backtests
    f"POST {_MODEL}/backtests": Rule.USER,
    **{f"GET {_MODEL}/backtests{what}": Rule.USER for what in ("", "/{backtest}")},
    # Pipelines: their routes check owner and grants
    "GET /v1/pipelines": Rule.USER,
    "POST /v1/pipelines": Rule.USER,
    "GET /v1/pipeline-schema": Rule.USER,
    **{
        f"GET {_PIPELINE}{what}": Rule.USER
        for what in ("", "/versions", "/versions/{number}", "/readers", "/quota")
    },
    **{
        f"POST {_PIPELINE}/{what}": Rule.USER
        for what in ("share", "unshare", "remove", "runs", "quota")
    },
    "GET /v1/pipeline-runs": Rule.USER,
    f"GET {_PIPELINE_RUN}": Rule.USER,
    f"POST {_PIPELINE_RUN}/cancel": Rule.USER,
    **{f"GET {_PIPELINE_RUN}/steps/{{step}}/files{what}": Rule.USER for what in ("", "/{file}")},
    f"GET {_PIPELINE_RUN}/steps/{{step}}/run": Rule.USER,
    # The log, of which every principal sees the own part
    "GET /v1/commands/{command}": Rule.USER,
    "GET /v1/diff": Rule.USER,
    "GET /v1/events": Rule.USER,
    "GET /v1/position": Rule.USER,
    # The system
    "GET /v1/status": Rule.SYSADMIN,
    "GET /v1/audit": Rule.SYSADMIN,
    "GET /v1/dead-letters": Rule.SYSADMIN,
    "GET /v1/dead-letters/{letter}": Rule.SYSADMIN,
    "POST /v1/dead-letters/{letter}/retry": Rule.SYSADMIN,
    "GET /v1/digests": Rule.SYSADMIN,
    "GET /v1/digests/{view}": Rule.SYSADMIN,
    "GET /v1/rebuild": Rule.SYSADMIN,
    "POST /v1/rebuild": Rule.SYSADMIN,
    # The catalog, which is everybody's but for datasets: their routes check the owner
    "GET /v1/catalog/estimators": Rule.USER,
    "GET /v1/catalog/estimators/{name}": Rule.USER,
    "GET /v1/catalog/metrics": Rule.USER,
    "GET /v1/catalog/metrics/{name}": Rule.USER,
    "GET /v1/catalog/steps": Rule.USER,
    "GET /v1/catalog/steps/{name}": Rule.USER,
    "GET /v1/catalog/datasets": Rule.USER,
    "GET /v1/catalog/datasets/{name}": Rule.USER,
    "GET /v1/catalog/datasets/{name}/versions": Rule.USER,
    "PUT /v1/catalog/datasets/{name}": Rule.USER,
    "GET /v1/catalog/datasets/{name}/readers": Rule.USER,
    "POST /v1/catalog/datasets/{name}/share": Rule.USER,
    "POST /v1/catalog/datasets/{name}/unshare": Rule.USER,
    "POST /v1/catalog/datasets/{name}/describe": Rule.USER,
    "POST /v1/catalog/datasets/{name}/delete": Rule.USER,
    "GET /v1/catalog/datasets/{name}/content": Rule.USER,
    "GET /v1/catalog/datasets/{name}/rows": Rule.USER,
    "GET /v1/catalog/datasets/{name}/column": Rule.USER,
    "GET /v1/catalog/datasets/{name}/unlabelled": Rule.USER,
    "GET /v1/catalog/datasets/{name}/labels": Rule.USER,
    "POST /v1/catalog/datasets/{name}/labels": Rule.USER,
    "GET /v1/catalog/datasets/{name}/expectations": Rule.USER,
    "PUT /v1/catalog/datasets/{name}/expectations": Rule.USER,
    "GET /v1/catalog/datasets/{name}/expectations/proposed": Rule.USER,
    "POST /v1/catalog/datasets/{name}/expectations/check": Rule.USER,
    # Sessions and experiments
    "GET /v1/sessions": Rule.USER,
    "POST /v1/sessions": Rule.USER,
    f"GET {SESSION}": Rule.ACTIVITY,
    f"GET {SESSION}/readers": Rule.READER,
    **{
        f"POST {SESSION}/{what}": Rule.OWNER
        for what in ("commit", "discard", "keep", "rename", "share", "unshare")
    },
    **{f"POST {at}/{what}": Rule.WORK for at in _ANNOTATED for what in ("note", "tag")},
    f"POST {SESSION}/trainings/{{run}}/log": Rule.WORK,
    f"PUT {SESSION}/trainings/{{run}}/attachments": Rule.WORK,
    f"GET {SESSION}/trainings/{{run}}/attachments": Rule.READER,
    f"POST {SESSION}/leave": Rule.READER,
    **{f"GET {runs}": Rule.READER for runs in _RUNS},
    **{f"POST {runs}": Rule.WORK for runs in _RUNS},
    **{f"GET {runs}/{{run}}": Rule.READER for runs in _RUNS},
    **{f"POST {runs}/{{run}}/cancel": Rule.WORK for runs in _RUNS},
    f"GET {SESSION}/trainings/{{run}}/artifact": Rule.READER,
    f"GET {SESSION}/trainings/{{run}}/artifact/{{file}}": Rule.READER,
    "GET /v1/compare": Rule.USER,
    **{f"GET /v1/lineage{what}": Rule.USER for what in ("/{thing}", "/{kind}/{thing}")},
    "GET /v1/experiments": Rule.USER,
    f"GET {EXPERIMENT}": Rule.ACTIVITY,
    f"POST {EXPERIMENT}/delete": Rule.OWNER,
    f"GET {EXPERIMENT}/trainings": Rule.READER,
    f"GET {EXPERIMENT}/trainings/{{run}}": Rule.READER,
    **{f"GET {uses}": Rule.READER for uses in _USES},
    **{f"GET {uses}/{{run}}": Rule.READER for uses in _USES},
    **{f"POST {uses}": Rule.WORK for uses in _USES},
    **{f"POST {uses}/{{run}}/cancel": Rule.WORK for uses in _USES},
    # What was sent, and what was said about it, is for who has sent it, and for the owner
    **{f"PUT {at}/predictions": Rule.WORK for at in (SESSION, EXPERIMENT)},
    **{f"GET {at}/predictions/{{run}}/rows": Rule.WORK for at in (SESSION, EXPERIMENT)},
    f"GET {EXPERIMENT}/trainings/{{run}}/artifact": Rule.READER,
    f"GET {EXPERIMENT}/trainings/{{run}}/artifact/{{file}}": Rule.READER,
}
"""The rule of every route, by its method and path."""


_VIEWERS = {
    *("POST /v1/me/password", "POST /v1/tokens", "POST /v1/tokens/revoke"),
    *(
        "POST /v1/tokens/{token}/revoke",
        "POST /v1/groups/{group}/remove",
        f"POST {SESSION}/leave",
        f"POST {_MODEL}/unshare",
        f"POST {_PIPELINE}/unshare",
        f"POST {_MODEL}/predict",
        *(f"POST {at}/infer" for at in _ASKED),
        f"POST {_MODEL}/versions/{{version}}/predict",
    ),
}
"""What a viewer may do: with the own password and tokens, and leave. All else is to see."""


def public_routes(settings: Settings) -> list[str] | None:
    """Return the routes that need no token, by method and path; None if none does."""
    if settings.identity.auth == "none":
        return None
    return [route for route, rule in RULES.items() if rule is Rule.PUBLIC]


def _route_of(request: Request) -> str:
    return f"{request.method} {request.scope['route'].path}"


async def authorise(request: Request) -> None:
    """Authenticate a request, and apply the rule of its route (a dependency of all routes).

    Raises:
        Problem: it is not authenticated (401); it is not allowed (403); or the session does not
        exist, as far as the principal may know (404); or as `until_reached`.
    """
    context: ApiContext = request.app.state.context
    await _check(context, request)
    ASKER.set(request.state.principal.name)
    if request.state.principal is not NOBODY and (after := request.headers.get(AFTER)):
        await until_reached(context.reader, after)
    arriving: RecordedRequest | None = getattr(request.state, "arriving", None)
    if arriving is not None and request.state.principal is not NOBODY:
        context.audit.arrive(arriving)


async def _check(context: ApiContext, request: Request) -> None:
    """Authenticate a request, and raise the problem if the rule does not allow it."""
    if context.settings.identity.auth == "none":
        request.state.principal = EVERYBODY
        _enter(context, request.scope, EVERYBODY)
        await _complete_session(context, EVERYBODY, request)
        await _complete_run(context, request)
        return
    rule = RULES.get(_route_of(request))
    if rule is Rule.PUBLIC:
        request.state.principal = NOBODY
        return
    word = request.headers.get("authorization", "")
    who = request.state.principal = await authenticated(context, word)
    _enter(context, request.scope, who)
    if rule is None or (rule is Rule.SYSADMIN and not who.sysadmin):
        raise forbidden("That is for sysadmins.")
    if who.viewer and request.method not in ("GET", "HEAD") and _route_of(request) not in _VIEWERS:
        raise forbidden(VIEWER_REFUSED)
    if rule in _NEEDED:
        ASKER.set(who.name)  # who looks up the start of an id
        await _complete_session(context, who, request)
        await _check_session(context, who, request, _NEEDED[rule])
        await _complete_run(context, request)


async def _complete_session(context: ApiContext, who: Principal, request: Request) -> None:
    """Replace the start of a session's or experiment's id in the path by the whole id."""
    for called in request.path_params.keys() & {"session", "experiment"}:
        given = request.path_params[called]
        request.path_params[called] = await whole_session(context, who, given, called)


async def _complete_run(context: ApiContext, request: Request) -> None:
    ids = request.path_params
    if "run" in ids:
        session = ids.get("session") or ids["experiment"]
        path = request.scope["route"].path
        (kind,) = (kind for kind in OF_SESSIONS if f"/{plural(kind)}/" in path)
        ids["run"] = await whole_run(context, session, kind, ids["run"])


def _enter(context: ApiContext, scope: Scope, who: Principal) -> None:
    """Count an authenticated request for its user: it is a stranger's no longer.

    Raises:
        Problem: there are too many, of all or of this user (429).
    """
    place = place_of(scope)
    if place is not None and place.user is None:
        if not who.sysadmin:
            context.paces.take(who.name, context.settings.quotas, context.queries)
        place.admit(who.name)


def admit(context: ApiContext) -> Admit:
    """Return the function that authenticates a sealed request before its body is read."""

    async def let_in(scope: Scope, authorization: str) -> None:
        context.reader.require_ready()
        who = EVERYBODY
        if context.settings.identity.auth != "none":
            who = await authenticated(context, authorization)
        _enter(context, scope, who)

    return let_in


async def authenticated(context: ApiContext, authorization: str) -> Principal:
    """Return the principal of an Authorization header.

    Raises:
        Problem: there is no valid token in it (401).
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise no_token()
    return await context.authenticate(context.queries.latest(), token.strip())


_TOO_LITTLE = {
    Level.WORK: "It is shared with you to read: its owner can share it to work as well "
    "(session share --may work).",
    Level.OWN: "It is the owner's.",
}


async def _check_session(
    context: ApiContext, who: Principal, request: Request, needed: Level
) -> None:
    """Raise a problem unless the principal has the required level on the session.

    Answers 404, not 403, so that the existence of other users' sessions is not disclosed.
    """
    kind = "session" if "session" in request.path_params else "experiment"
    session = request.path_params[kind]
    level, via = access_to(who, context.queries.latest(), session)
    if level < needed or (via and request.method != "GET"):
        # It may have been opened or shared just now, or the membership have ended, through another
        # process.
        await context.reader.fresh()
        level, via = access_to(who, context.queries.latest(), session)
    request.state.via = via
    if level is Level.NOTHING:
        raise _missing_session(kind, session)
    if level < needed:
        raise forbidden(_TOO_LITTLE[needed] if level >= Level.READ else "It is confidential.")


def _missing_session(kind: str, session: SessionId) -> Problem:
    """Return the problem of a session or experiment that does not exist for the principal."""
    return Problem(
        404,
        f"{kind}-unknown",
        f"There is no such {kind}",
        f"There is no {kind} {session}: GET /v1/{kind}s lists those that are yours.",
    )


def forbidden(why: str) -> Problem:
    """Return the problem of a forbidden request."""
    detail = f"{why} `autolearn whoami` says who you are here."
    return Problem(403, "forbidden", "You may not do that", detail)


async def require_group(context: ApiContext, who: Principal, name: str, needed: Level) -> None:
    """Raise a problem unless a principal has the required level on a group.

    Answers 404, not 403, so that the existence of other users' groups is not disclosed.
    """
    check_id("group", name)
    level = group_level(who, context.queries.latest(), name)
    if level < needed:  # it may have been created or changed just now, through another process
        await context.reader.fresh()
        level = group_level(who, context.queries.latest(), name)
    if level is Level.NOTHING:
        detail = f"You are in no group {name}: `autolearn group list` shows yours."
        raise Problem(404, "group-unknown", "There is no such group", detail)
    if level < needed:
        raise forbidden("It is for the owner of the group, and for sysadmins.")


async def require_grantee(context: ApiContext, who: Principal, given: str) -> None:
    """Raise a problem unless things can be shared with a user or group/<name>.

    A group must exist, and be one's own or known to one: otherwise whoever creates it later would
    have the grant. The answer does not disclose whether a user exists.
    """
    if given.startswith(GROUP):
        await require_group(context, who, given.removeprefix(GROUP), Level.READ)
    elif context.settings.identity.auth == "tokens":
        check_id("user", given)
