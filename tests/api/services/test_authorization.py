"""Who may ask what: every route of the app by everybody who may ask, each with its status."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from autolearn.api.server.app import make_app
from autolearn.api.shared.authorization import EXPERIMENT, RULES, SESSION, Rule
from autolearn.api.state.context import ApiContext, make_context
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.rows.users import StoredToken, StoredUser
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.storage.store import key
from autolearn.runtime.uuid7 import uuid7
from autolearn.schemas.access_tokens import made_of
from autolearn.schemas.codec import to_json
from autolearn.schemas.values import plural
from autolearn.schemas.work_kinds import OF_SESSIONS
from tests.support.people import PASSWORD, People
from tests.support.settings import settings_of

COLUMNS = ("none", "bad", "expired", "other", "reader", "viewer", "colleague", "owner", "sysadmin")


def context(folder: Path, **settings: str) -> ApiContext:
    """The state of a process that was not started."""
    to = ArtifactStore((folder / "artifacts").as_uri())
    return make_context(
        settings_of(**settings), MemoryLog(), MemoryStore(), to, folder, lambda: None
    )


def routes_of(folder: Path) -> list[str]:
    """Every route of the app: its methods and paths."""
    return sorted(
        f"{method} {route.path}"
        for route in iter_route_contexts(make_app(context(folder)).routes)
        for method in route.methods or ()
        if method != "HEAD"
    )


ROUTES = routes_of(Path("/nonexistent"))


def test_every_route_has_a_rule_and_every_rule_a_route():
    assert sorted(RULES) == ROUTES, (
        "add the route to RULES in api/shared/authorization.py, and to ASKED below"
    )
    assert sorted(ASKED) == ROUTES, "say in ASKED how the route is asked"


def test_the_document_says_which_routes_want_a_token(tmp_path: Path):
    document = make_app(context(tmp_path)).openapi()
    wanted = {
        f"{method.upper()} {path}": operation["security"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    free = {route for route, security in wanted.items() if not security}
    assert free == {r for r, rule in RULES.items() if rule is Rule.PUBLIC} - {"GET /openapi.json"}
    assert "security" not in str(make_app(context(tmp_path, auth="none")).openapi())


def test_a_route_without_a_rule_is_for_nobody(tmp_path: Path):
    state = context(tmp_path)
    app = make_app(state)
    token = made_of("0" * 16, "A" * 43)
    state.queries.store.write(
        {
            key("user", "root"): to_json(StoredUser("sysadmin", "", False, "", "")),
            key("token", token.id): to_json(StoredToken("root", "", token.digest, "", None)),
        }
    )

    @app.get("/forgotten")
    async def forgotten() -> str:
        return "secret"

    async def story() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            assert (await http.get("/forgotten")).status_code == 401
            headers = {"Authorization": f"Bearer {token.word}"}
            assert (await http.get("/metrics", headers=headers)).status_code == 200
            answer = await http.get("/forgotten", headers=headers)
        assert answer.status_code == 403
        assert "secret" not in answer.text

    asyncio.run(story())


class World(NamedTuple):
    """What the requests are about: it is the owner's; the reader reads, the colleague works."""

    people: People
    session: str
    experiment: str
    training: str
    evaluation: str
    prediction: str
    study: str
    kept: str
    measured: str
    predicted: str
    command: str
    pipeline_run: str
    """A completed run of the pipeline `secret-pipe`."""


@pytest.fixture(scope="module")
def world(known: People) -> World:
    headers = {"Prefer": "respond-async"}
    opened = known.ask("owner", "POST", "/v1/sessions", headers=headers).json()["id"]
    session, ended = known.session("secret title"), known.session()
    for one in (session, ended):
        known.share(one)
    training, evaluation = known.trained(session)
    kept, measured = known.trained(ended)
    asked, wait = {"dataset": "iris"}, {"Prefer": "wait=60"}
    prediction, predicted = (
        known.ask("owner", "POST", f"{one}/predictions", json=asked, headers=wait).json()["id"]
        for one in (session, ended)
    )
    tuned = {"estimator": "decision-tree", "dataset": "iris", "trials": 1}
    answer = known.ask("owner", "POST", f"{session}/studies", json=tuned, headers=wait)
    study = answer.json()["id"]
    answer = known.ask("owner", "POST", f"{ended}/commit")
    experiment = answer.headers["location"]
    known.model("secret-model", experiment)
    share = uuid.uuid5(uuid.UUID(opened), "session")
    known.share(f"/v1/sessions/{share}")
    first, second = (training, evaluation, prediction, study), (kept, measured, predicted)
    pipeline_run = known.pipeline("secret-pipe")
    return World(known, session, experiment, *first, *second, opened, pipeline_run)


class Asked(NamedTuple):
    """How a route is asked, and the status for those who may."""

    path: str | Callable[[World], str]
    status: int = 200
    json: object = None
    content: bytes | None = None
    but: dict[str, int] = {}
    """Statuses of some who ask that do not follow from the rule."""


def of_session(rest: str) -> Callable[[World], str]:
    return lambda world: f"{world.session}{rest}"


def run(kind: str, rest: str = "") -> Callable[[World], str]:
    return lambda world: f"{world.session}/{plural(kind)}/{getattr(world, kind)}{rest}"


def kept(rest: str) -> Callable[[World], str]:
    return lambda world: f"{world.experiment}{rest.format(*world)}"


def shared_anew(rest: str) -> Callable[[World], str]:
    def path(world: World) -> str:
        session = world.people.session()
        world.people.share(session)
        return f"{session}{rest}"

    return path


def new_token(world: World) -> str:
    made = world.people.ask("owner", "POST", "/v1/tokens", json={})
    return f"/v1/tokens/{made.json()['id']}/revoke"


def new_group(world: World) -> str:
    name = f"g-{uuid.uuid4().hex[:8]}"
    world.people.ask("owner", "POST", "/v1/groups", json={"name": name})
    world.people.ask("owner", "POST", f"/v1/groups/{name}/add", json={"user": "colleague"})
    return f"/v1/groups/{name}/delete"


def new_model(world: World) -> str:
    name = f"m-{uuid.uuid4().hex[:8]}"
    world.people.model(name, world.experiment)
    return f"/v1/models/{name}/delete"


def new_pipeline(world: World) -> str:
    name = f"p-{uuid.uuid4().hex[:8]}"
    world.people.pipeline(name)
    return f"/v1/pipelines/{name}/remove"


def of_run(rest: str) -> Callable[[World], str]:
    return lambda world: f"/v1/pipeline-runs/{world.pipeline_run}{rest}"


def diff(world: World) -> str:
    position = world.people.ask("owner", "GET", "/v1/position").json()["token"]
    return f"/v1/diff?from={position}"


NOTHING_THERE = {"other": 404, "reader": 404, "viewer": 404, "colleague": 404}
NOT_THEIRS = {"colleague": 403}
"""It is of a run of the owner."""
OF_THE_TEAM = {"other": 404, "reader": 404, "colleague": 403}
USER = "/v1/users/{user}"
MODEL, OWNERS = "/v1/models/{model}", "/v1/models/secret-model"
IRIS_ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
IRIS_TENSORS = {
    "inputs": [
        {"name": name, "datatype": "FP64", "shape": [1], "data": [value]}
        for name, value in IRIS_ROW.items()
    ]
}
CONFIDENTIAL = {"other": 404, "sysadmin": 403}
TO_PROMOTE = {"other": 404, "reader": 403, "sysadmin": 403}
PIPELINE, SECRET = "/v1/pipelines/{pipeline}", "/v1/pipelines/secret-pipe"
OF_RUN = {"other": 404, "sysadmin": 404}
PIPELINE_RUN = "/v1/pipeline-runs/{pipeline_run}"
BATCHES = "/v1/models/{model}/versions/{version}/predictions"
TO_OWN = {**TO_PROMOTE, "colleague": 403}

ASKED: dict[str, Asked] = {
    "GET /health/live": Asked("/health/live"),
    "GET /health/ready": Asked("/health/ready"),
    "GET /openapi.json": Asked("/openapi.json"),
    "GET /asyncapi.json": Asked("/asyncapi.json"),
    "GET /.well-known/jwks.json": Asked("/.well-known/jwks.json"),
    "GET /metrics": Asked("/metrics"),
    "POST /v1/login": Asked("/v1/login", 201, {"user": "other", "password": PASSWORD}),
    "GET /v1/me": Asked("/v1/me"),
    "GET /v1/me/quota": Asked("/v1/me/quota"),
    "POST /v1/me/password": Asked(
        "/v1/me/password", 200, {"password": PASSWORD, "present": PASSWORD}
    ),
    "GET /v1/tokens": Asked("/v1/tokens"),
    "POST /v1/tokens": Asked("/v1/tokens", 201, {}),
    "POST /v1/tokens/revoke": Asked("/v1/tokens/revoke"),
    "POST /v1/tokens/{token}/revoke": Asked(new_token, but=NOTHING_THERE),
    "GET /v1/users": Asked("/v1/users"),
    "POST /v1/users": Asked("/v1/users", 201, {"name": "newcomer"}),
    f"GET {USER}": Asked("/v1/users/other"),
    f"GET {USER}/tokens": Asked("/v1/users/other/tokens"),
    f"POST {USER}/role": Asked("/v1/users/lise/role", 404, {"role": "user"}),
    f"POST {USER}/password": Asked("/v1/users/lise/password", 404, {"password": PASSWORD}),
    f"POST {USER}/disable": Asked("/v1/users/lise/disable", 404),
    f"POST {USER}/enable": Asked("/v1/users/other/enable", 409),
    f"GET {USER}/quota": Asked("/v1/users/other/quota"),
    f"POST {USER}/quota": Asked("/v1/users/other/quota", 200, {"name": "sessions", "limit": 500}),
    "GET /v1/groups": Asked("/v1/groups"),
    "POST /v1/groups": Asked("/v1/groups", 422, {"name": "No Name!"}),
    "GET /v1/groups/{group}": Asked("/v1/groups/team", but={"other": 404, "reader": 404}),
    "POST /v1/groups/{group}/add": Asked(
        "/v1/groups/team/add", 409, {"user": "colleague"}, but=OF_THE_TEAM
    ),
    "POST /v1/groups/{group}/remove": Asked(
        "/v1/groups/team/remove", 409, {"user": "lise"}, but=OF_THE_TEAM
    ),
    "POST /v1/groups/{group}/delete": Asked(new_group, but=OF_THE_TEAM),
    "GET /v1/commands/{command}": Asked(
        lambda world: f"/v1/commands/{world.command}", but={"other": 404, "sysadmin": 404}
    ),
    "GET /v1/diff": Asked(diff),
    "GET /v1/events": Asked("/v1/events?limit=3"),
    "GET /v1/position": Asked("/v1/position"),
    "GET /v1/status": Asked("/v1/status"),
    "GET /v1/audit": Asked("/v1/audit?limit=3"),
    "GET /v1/dead-letters": Asked("/v1/dead-letters"),
    "GET /v1/dead-letters/{letter}": Asked("/v1/dead-letters/0-0", 404),
    "POST /v1/dead-letters/{letter}/retry": Asked("/v1/dead-letters/0-0/retry", 404),
    "GET /v1/digests": Asked("/v1/digests"),
    "GET /v1/digests/{view}": Asked("/v1/digests/users"),
    "GET /v1/rebuild": Asked("/v1/rebuild"),
    "POST /v1/rebuild": Asked("/v1/rebuild", 202),
    "GET /v1/catalog/estimators": Asked("/v1/catalog/estimators"),
    "GET /v1/catalog/estimators/{name}": Asked("/v1/catalog/estimators/svm"),
    "GET /v1/catalog/metrics": Asked("/v1/catalog/metrics"),
    "GET /v1/catalog/metrics/{name}": Asked("/v1/catalog/metrics/f1"),
    "GET /v1/catalog/steps": Asked("/v1/catalog/steps"),
    "GET /v1/catalog/steps/{name}": Asked("/v1/catalog/steps/select"),
    "GET /v1/catalog/datasets": Asked("/v1/catalog/datasets"),
    "GET /v1/catalog/datasets/{name}": Asked("/v1/catalog/datasets/iris"),
    "GET /v1/catalog/datasets/{name}/versions": Asked("/v1/catalog/datasets/iris/versions"),
    "PUT /v1/catalog/datasets/{name}": Asked(
        "/v1/catalog/datasets/unreadable?format=csv", 422, content=b"\x00\xff"
    ),
    "GET /v1/catalog/datasets/{name}/readers": Asked("/v1/catalog/datasets/iris/readers"),
    "POST /v1/catalog/datasets/{name}/share": Asked(
        "/v1/catalog/datasets/none/share", 404, {"user": "ada"}
    ),
    "POST /v1/catalog/datasets/{name}/unshare": Asked(
        "/v1/catalog/datasets/none/unshare", 404, {"user": "ada"}
    ),
    "GET /v1/catalog/datasets/{name}/content": Asked("/v1/catalog/datasets/iris/content"),
    "GET /v1/catalog/datasets/{name}/rows": Asked("/v1/catalog/datasets/iris/rows"),
    "GET /v1/catalog/datasets/{name}/column": Asked(
        "/v1/catalog/datasets/iris/column?column=species"
    ),
    "GET /v1/catalog/datasets/{name}/unlabelled": Asked(
        "/v1/catalog/datasets/none/unlabelled", 404
    ),
    "GET /v1/catalog/datasets/{name}/labels": Asked("/v1/catalog/datasets/none/labels", 404),
    "POST /v1/catalog/datasets/{name}/labels": Asked(
        "/v1/catalog/datasets/none/labels", 404, {"labels": [{"row": 0, "value": "a"}]}
    ),
    "POST /v1/catalog/datasets/{name}/describe": Asked("/v1/catalog/datasets/none/describe", 404),
    "POST /v1/catalog/datasets/{name}/delete": Asked("/v1/catalog/datasets/none/delete", 404),
    **{
        f"GET /v1/catalog/datasets/{{name}}/expectations{what}": Asked(
            f"/v1/catalog/datasets/iris/expectations{what}"
        )
        for what in ("", "/proposed")
    },
    "PUT /v1/catalog/datasets/{name}/expectations": Asked(
        "/v1/catalog/datasets/none/expectations", 404, {"hard": []}
    ),
    "POST /v1/catalog/datasets/{name}/expectations/check": Asked(
        "/v1/catalog/datasets/none/expectations/check", 404
    ),
    "GET /v1/pipelines": Asked("/v1/pipelines"),
    "POST /v1/pipelines": Asked("/v1/pipelines", 422, {"text": "pipeline: No Name!"}),
    "GET /v1/pipeline-schema": Asked("/v1/pipeline-schema"),
    **{
        f"GET {PIPELINE}{what}": Asked(f"{SECRET}{what.format(number=1)}", but=CONFIDENTIAL)
        for what in ("", "/versions", "/versions/{number}", "/readers")
    },
    f"POST {PIPELINE}/runs": Asked(f"{SECRET}/runs", 422, {"version": 9}, but=TO_PROMOTE),
    f"POST {PIPELINE}/share": Asked(
        f"{SECRET}/share", 409, {"user": "reader", "may": "read"}, but=TO_OWN
    ),
    f"POST {PIPELINE}/unshare": Asked(f"{SECRET}/unshare", 409, {"user": "lise"}, but=TO_OWN),
    f"POST {PIPELINE}/remove": Asked(new_pipeline, but=TO_OWN),
    f"GET {PIPELINE}/quota": Asked(f"{SECRET}/quota", but={"other": 404}),
    f"POST {PIPELINE}/quota": Asked(
        f"{SECRET}/quota",
        409,
        {"name": "sessions", "limit": None},
        but=OF_THE_TEAM | {"reader": 403},
    ),
    "GET /v1/pipeline-runs": Asked("/v1/pipeline-runs"),
    **{
        f"GET {PIPELINE_RUN}{what}": Asked(of_run(what.format(step="select")), but=OF_RUN)
        for what in ("", "/steps/{step}/files", "/steps/{step}/run")
    },
    f"GET {PIPELINE_RUN}/steps/{{step}}/files/{{file}}": Asked(
        of_run("/steps/select/files/table.parquet"), but=OF_RUN
    ),
    f"POST {PIPELINE_RUN}/cancel": Asked(
        of_run("/cancel"), 409, but=OF_RUN | {"reader": 403, "colleague": 403}
    ),
    "GET /v1/sessions": Asked("/v1/sessions"),
    "POST /v1/sessions": Asked("/v1/sessions", 201, {}),
    "GET /v1/sessions/{session}": Asked(of_session("")),
    "GET /v1/sessions/{session}/readers": Asked(of_session("/readers")),
    "POST /v1/sessions/{session}/commit": Asked(
        lambda world: f"{world.session}/commit", 422, {"trainings": []}
    ),
    "POST /v1/sessions/{session}/discard": Asked(
        lambda world: world.experiment.replace("experiments", "sessions") + "/discard", 409
    ),
    "POST /v1/sessions/{session}/rename": Asked(of_session("/rename"), 200, {"title": "secret"}),
    **{
        f"POST /v1/sessions/{{session}}{path}/{what}": Asked(at(f"/{what}"), 200, body)
        for path, at in (("", of_session), ("/trainings/{run}", partial(run, "training")))
        for what, body in (("note", {"note": "secret"}), ("tag", {"tags": ["secret"]}))
    },
    "PUT /v1/sessions/{session}/trainings/{run}/attachments": Asked(
        run("training", "/attachments?name=a.txt"), 201, content=b"secret"
    ),
    "GET /v1/sessions/{session}/trainings/{run}/attachments": Asked(
        run("training", "/attachments?name=none"), 404, but=NOTHING_THERE
    ),
    "POST /v1/sessions/{session}/trainings/{run}/log": Asked(
        run("training", "/log"), 200, {"metrics": {"cost": 1}}
    ),
    "POST /v1/sessions/{session}/keep": Asked(of_session("/keep"), 409),
    "POST /v1/sessions/{session}/share": Asked(of_session("/share"), 409, {"user": "reader"}),
    "POST /v1/sessions/{session}/unshare": Asked(of_session("/unshare"), 409, {"user": "lise"}),
    "POST /v1/sessions/{session}/leave": Asked(
        shared_anew("/leave"), 200, but={"owner": 409, "colleague": 409}
    ),
    **{
        f"GET /v1/sessions/{{session}}/{plural(kind)}": Asked(of_session(f"/{plural(kind)}"))
        for kind in OF_SESSIONS
    },
    "POST /v1/sessions/{session}/trainings": Asked(
        of_session("/trainings"), 422, {"estimator": "none", "dataset": "iris"}
    ),
    "POST /v1/sessions/{session}/evaluations": Asked(
        of_session("/evaluations"), 422, {"training": str(uuid.UUID(int=7))}
    ),
    "POST /v1/sessions/{session}/predictions": Asked(
        of_session("/predictions"), 422, {"training": str(uuid.UUID(int=7)), "dataset": "iris"}
    ),
    "POST /v1/sessions/{session}/studies": Asked(
        of_session("/studies"), 422, {"estimator": "none", "dataset": "iris"}
    ),
    **{
        f"GET /v1/sessions/{{session}}/{plural(kind)}/{{run}}": Asked(run(kind))
        for kind in OF_SESSIONS
    },
    **{
        f"POST /v1/sessions/{{session}}/{plural(kind)}/{{run}}/cancel": Asked(
            run(kind, "/cancel"), 409, but=NOT_THEIRS
        )
        for kind in OF_SESSIONS
    },
    "GET /v1/sessions/{session}/predictions/{run}/rows": Asked(
        run("prediction", "/rows"), but=NOT_THEIRS
    ),
    "GET /v1/sessions/{session}/trainings/{run}/artifact": Asked(run("training", "/artifact")),
    "GET /v1/sessions/{session}/trainings/{run}/artifact/{file}": Asked(
        run("training", "/artifact/model.skops")
    ),
    **{
        f"POST {EXPERIMENT}/{kind}s": Asked(
            kept(f"/{kind}s"), 422, {"training": str(uuid.UUID(int=7)), "dataset": "iris"}
        )
        for kind in ("evaluation", "prediction")
    },
    f"POST {EXPERIMENT}/evaluations/{{run}}/cancel": Asked(
        lambda w: f"{w.experiment}/evaluations/{w.measured}/cancel", 409, but=NOT_THEIRS
    ),
    f"POST {EXPERIMENT}/predictions/{{run}}/cancel": Asked(
        lambda w: f"{w.experiment}/predictions/{w.predicted}/cancel", 409, but=NOT_THEIRS
    ),
    "GET /v1/compare": Asked(
        lambda world: f"/v1/compare?of={world.training}", but={"other": 404, "sysadmin": 404}
    ),
    "GET /v1/lineage/{thing}": Asked(
        lambda world: f"/v1/lineage/{world.training}", but={"other": 404, "sysadmin": 404}
    ),
    "GET /v1/lineage/{kind}/{thing}": Asked("/v1/lineage/dataset/iris"),
    f"GET {EXPERIMENT}/predictions/{{run}}/rows": Asked(
        lambda w: f"{w.experiment}/predictions/{w.predicted}/rows", but=NOT_THEIRS
    ),
    **{
        f"PUT {at}/predictions": Asked(path, 422, content=b"\x00\xff")
        for at, path in ((SESSION, of_session("/predictions")), (EXPERIMENT, kept("/predictions")))
    },
    "GET /v1/experiments": Asked("/v1/experiments"),
    "GET /v1/experiments/{experiment}": Asked(lambda world: world.experiment),
    "GET /v1/models": Asked("/v1/models"),
    **{
        f"GET {MODEL}{rest}": Asked(f"{OWNERS}{rest.format(version=1)}", but=CONFIDENTIAL)
        for rest in ("", "/versions", "/versions/{version}", "/timeline", "/readers")
    },
    "GET /v2": Asked("/v2"),
    **{f"GET /v2/health/{what}": Asked(f"/v2/health/{what}") for what in ("live", "ready")},
    **{
        f"GET /v2/models/{{model}}{at}{what}": Asked(
            f"/v2{OWNERS[3:]}{at.format(version=1)}{what}", but=TO_PROMOTE
        )
        for at in ("", "/versions/{version}")
        for what in ("", "/ready")
    },
    **{
        f"POST /v2/models/{{model}}{at}/infer": Asked(
            f"/v2{OWNERS[3:]}{at.format(version=1)}/infer", 200, IRIS_TENSORS, but=TO_PROMOTE
        )
        for at in ("", "/versions/{version}")
    },
    f"GET {MODEL}/prediction-log": Asked(f"{OWNERS}/prediction-log", but=TO_PROMOTE),
    f"GET {MODEL}/prediction-log/{{request_id}}/proof": Asked(
        f"{OWNERS}/prediction-log/{uuid7(1)}/proof", 404, but=TO_PROMOTE
    ),
    f"GET {MODEL}/hours": Asked(f"{OWNERS}/hours", but={**TO_PROMOTE, "viewer": 403}),
    **{
        f"GET {MODEL}/{what}": Asked(f"{OWNERS}/{what}", but={**TO_PROMOTE, "viewer": 403})
        for what in ("truths", "unlabelled")
    },
    f"POST {MODEL}/truths": Asked(
        f"{OWNERS}/truths", 422, {"truths": [{"request": "?", "right": True}]}, but=TO_PROMOTE
    ),
    f"GET {MODEL}/versions/{{version}}/export": Asked(
        f"{OWNERS}/versions/1/export?as=python", but=CONFIDENTIAL
    ),
    **{
        f"GET {MODEL}/{what}": Asked(f"{OWNERS}/{what}", but=TO_PROMOTE)
        for what in ("schema", "examples", "rules")
    },
    **{
        f"POST {MODEL}{at}/predict": Asked(
            f"{OWNERS}{at.format(version=1)}/predict", 200, IRIS_ROW, but=TO_PROMOTE
        )
        for at in ("", "/versions/{version}")
    },
    **{
        f"POST {MODEL}{at}/predictions": Asked(
            f"{OWNERS}{at.format(version=1)}/predictions", 422, {"dataset": "?"}, but=TO_PROMOTE
        )
        for at in ("", "/versions/{version}")
    },
    f"GET {BATCHES}": Asked(f"{OWNERS}/versions/1/predictions", but=TO_PROMOTE),
    **{
        f"{method} {BATCHES}/{{prediction}}{rest}": Asked(
            f"{OWNERS}/versions/1/predictions/{uuid.UUID(int=0)}{rest}", 404, but=TO_PROMOTE
        )
        for method, rest in (("GET", ""), ("GET", "/rows"), ("POST", "/cancel"))
    },
    **{
        f"GET {MODEL}{at}/cases": Asked(f"{OWNERS}{at.format(version=1)}/cases", but=TO_PROMOTE)
        for at in ("", "/versions/{version}")
    },
    f"POST {MODEL}/cases": Asked(
        f"{OWNERS}/cases", 422, {"row": {"long": "❀" * 20_000}}, but=TO_PROMOTE
    ),
    f"POST {MODEL}/cases/{{case}}/remove": Asked(
        f"{OWNERS}/cases/none/remove", 404, {}, but=TO_PROMOTE
    ),
    f"POST {MODEL}/backtests": Asked(
        f"{OWNERS}/backtests", 422, {"version": 1, "since": "?"}, but=TO_PROMOTE
    ),
    f"GET {MODEL}/backtests": Asked(f"{OWNERS}/backtests", but={**TO_PROMOTE, "viewer": 403}),
    f"GET {MODEL}/backtests/{{backtest}}": Asked(
        f"{OWNERS}/backtests/{uuid.UUID(int=0)}", 404, but={**TO_PROMOTE, "viewer": 403}
    ),
    f"PUT {MODEL}/versions": Asked(
        f"{OWNERS}/versions",
        422,
        content=b"no zip file",
        but={"reader": 403, "other": 409, "sysadmin": 409},
    ),
    f"POST {MODEL}/versions": Asked(
        f"{OWNERS}/versions", 409, lambda world: {"training": world.kept}, but={"reader": 403}
    ),
    **{
        f"POST {MODEL}/{rest}": Asked(
            f"{OWNERS}/{rest.format(version=1)}", 409, body, but=TO_PROMOTE
        )
        for rest, body in {
            "versions/{version}/retire": {},
            "alias": {"alias": "champion", "version": 1},
            "promote": {"version": 1},
            "rollback": {},
            "traffic": {"routes": None},
            "shadow": {"version": None},
            "recording": {"recording": "durable"},
        }.items()
    },
    **{
        f"POST {MODEL}/{rest}": Asked(f"{OWNERS}/{rest}", 409, body, but=TO_OWN)
        for rest, body in {
            "share": {"user": "reader", "may": "read"},
            "unshare": {"user": "lise"},
        }.items()
    },
    f"POST {MODEL}/erasures": Asked(f"{OWNERS}/erasures", 200, {"key": {"name": 17}}, but=TO_OWN),
    f"POST {MODEL}/delete": Asked(new_model, but=TO_OWN),
    # An open session is no experiment, and stays for the others.
    "POST /v1/experiments/{experiment}/delete": Asked(
        lambda world: world.session.replace("sessions", "experiments") + "/delete", 409
    ),
    **{
        f"GET /v1/experiments/{{experiment}}{rest}": Asked(path)
        for rest, path in {
            "/trainings": lambda w: f"{w.experiment}/trainings",
            "/evaluations": lambda w: f"{w.experiment}/evaluations",
            "/trainings/{run}": lambda w: f"{w.experiment}/trainings/{w.kept}",
            "/evaluations/{run}": lambda w: f"{w.experiment}/evaluations/{w.measured}",
            "/predictions": lambda w: f"{w.experiment}/predictions",
            "/predictions/{run}": lambda w: f"{w.experiment}/predictions/{w.predicted}",
            "/trainings/{run}/artifact": lambda w: f"{w.experiment}/trainings/{w.kept}/artifact",
            "/trainings/{run}/artifact/{file}": lambda w: (
                f"{w.experiment}/trainings/{w.kept}/artifact/model.skops"
            ),
        }.items()
    },
}
"""How every route is asked. The statuses of all others follow from its rule."""

YES = None
OF_VIEWERS = {
    "POST /v1/me/password": 200,
    "POST /v1/tokens": 201,
    "POST /v1/tokens/revoke": 200,
    "POST /v1/tokens/{token}/revoke": 404,
    "POST /v1/groups/{group}/remove": 403,
    "POST /v1/sessions/{session}/leave": 409,
    "POST /v1/models/{model}/unshare": 403,
    "POST /v1/pipelines/{pipeline}/unshare": 403,
    "POST /v1/models/{model}/predict": 200,
    "POST /v2/models/{model}/infer": 200,
    "POST /v2/models/{model}/versions/{version}/infer": 200,
    "POST /v1/models/{model}/versions/{version}/predict": 200,
}
"""What a viewer may change, and the status here, where it is about others or a group."""
USERS = ("other", "reader", "viewer", "colleague", "owner")
BY_RULE: dict[Rule, dict[str, int | None]] = {
    Rule.PUBLIC: dict.fromkeys(COLUMNS, YES),
    Rule.USER: dict.fromkeys(USERS, YES) | {"sysadmin": YES},
    Rule.ACTIVITY: dict.fromkeys(USERS, YES) | {"other": 404, "sysadmin": YES},
    Rule.READER: dict.fromkeys(USERS, YES) | {"other": 404, "sysadmin": 403},
    Rule.WORK: {"other": 404, "reader": 403, "viewer": 403, "colleague": YES, "owner": YES}
    | {"sysadmin": 403},
    Rule.OWNER: {"other": 404, "reader": 403, "viewer": 403, "colleague": 403, "owner": YES}
    | {"sysadmin": 403},
    Rule.SYSADMIN: dict.fromkeys(USERS, 403) | {"sysadmin": YES},
}
"""What a rule means for each who asks; without a word, 401."""


def status_for(who: str, route: str) -> int:
    """The status of a route for one who asks."""
    asked, rule = ASKED[route], RULES[route]
    if who == "viewer" and not route.startswith("GET ") and rule is not Rule.PUBLIC:
        return OF_VIEWERS.get(route, 403)
    by_rule = BY_RULE[rule].get(who, 401)
    return asked.but.get(who, asked.status if by_rule is YES else by_rule)


@pytest.mark.kafka
@pytest.mark.parametrize("route", ROUTES)
def test_who_may_ask_what(route: str, world: World):
    """Everybody asks the same, until it has changed: the next one needs another thing."""
    asked, path = ASKED[route], ""
    body = asked.json(world) if callable(asked.json) else asked.json
    given = {"json": body} if body is not None else {"content": asked.content}
    for who in COLUMNS:
        path = path or (asked.path if isinstance(asked.path, str) else asked.path(world))
        answer = world.people.ask(who, route.partition(" ")[0], path, **given)
        assert answer.status_code == status_for(who, route), f"{who}: {answer.text}"
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"].startswith('Bearer realm="autolearn"')
            assert "secret title" not in answer.text
        if answer.is_success:
            path = ""


@pytest.mark.kafka
@pytest.mark.parametrize("route", [r for r in ROUTES if "{session}" in r or "{experiment}" in r])
def test_what_is_anothers_is_answered_as_what_there_is_not(route: str, world: World):
    asked = ASKED[route]
    path = asked.path if isinstance(asked.path, str) else asked.path(world)
    real = path.split("/")[3]
    made_up = path.replace(real, str(uuid.UUID(int=1)))
    given = {"json": asked.json} if asked.json is not None else {}
    method = route.partition(" ")[0]
    theirs, nobodys = (world.people.ask("other", method, at, **given) for at in (path, made_up))
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.text == nobodys.text.replace(str(uuid.UUID(int=1)), real)
    own = {"date": "", "traceparent": ""}
    assert dict(theirs.headers, **own) == dict(nobodys.headers, **own)


@pytest.mark.kafka
def test_the_start_of_an_id_finds_only_what_one_may_know_of(world: World):
    start = world.session.rpartition("/")[2][:18]
    for who, status in (("owner", 200), ("colleague", 200), ("sysadmin", 200), ("other", 404)):
        answer = world.people.ask(who, "GET", f"/v1/sessions/{start}")
        assert answer.status_code == status, answer.text
    assert f"No session of yours begins with {start}" in answer.json()["detail"]
