"""The behaviour log on a real broker: whole ways, who may see them, and what is in no record."""

from __future__ import annotations

import os
import re
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest

from autolearn.client.sdk.client import AutoLearn
from autolearn.client.sdk.errors import Problem
from autolearn.schemas.records.audit_hop import Hop
from tests.support import log_checker
from tests.support.api_processes import Api
from tests.support.cli_processes import autolearn
from tests.support.people import BAD, PASSWORD, People, away
from tests.support.waiting import until

pytestmark = pytest.mark.kafka

Hops = list[dict[str, Any]]
WAY = [
    ("request", "api", "POST"),
    ("command", "api", "RequestTraining"),
    ("decision", "decide", "TrainingRequested"),
    ("task", "dispatch", ""),
    ("command", "work", "StartRun"),
    ("decision", "decide", "RunStarted"),
    ("command", "work", "CompleteRun"),
    ("decision", "decide", "RunCompleted"),
]


@pytest.fixture(scope="module")
def world(known: People) -> People:
    return known


def audit(world: People, query: str, to: object = None) -> Hops:
    """What a sysadmin finds, newest first."""
    answer = world.ask("sysadmin", "GET", f"/v1/audit?limit=1000&{query}", to)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    found: Hops = answer.json()["items"]
    return found


def way_of(world: People, trace: str, hops: int, to: object = None) -> Hops:
    """The hops of a trace in their order, once there are so many."""
    until(lambda: len(audit(world, f"trace={trace}", to)) >= hops)
    order = ("request", "command", "decision", "task")
    found = audit(world, f"trace={trace}", to)
    return sorted(found, key=lambda hop: (hop["time"], order.index(hop["kind"])))


def kind_of(hop: dict[str, Any]) -> tuple[str, str, str]:
    name = hop.get("type", "").removeprefix("autolearn.").rpartition(".v")[0]
    return hop["kind"], hop["service"], name or hop.get("method", "")


def traceparent() -> tuple[str, str]:
    trace, span = uuid.uuid4().hex, uuid.uuid4().hex[:16]
    return f"00-{trace}-{span}-01", trace


def test_a_training_is_one_trace_from_the_request_to_the_result(world: People):
    given, trace = traceparent()
    session = world.session()
    body = {"estimator": "logistic-regression", "dataset": "iris"}
    headers = {"Prefer": "wait=60", "traceparent": given}
    answer = world.ask("owner", "POST", f"{session}/trainings", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    version, came, span, _ = answer.headers["traceparent"].split("-")
    assert (version, came) == ("00", trace)
    assert span != given.split("-")[2]

    found = way_of(world, trace, len(WAY))
    assert sorted(map(kind_of, found)) == sorted(WAY)
    placed = {kind_of(hop): hop for hop in found}
    request = placed[WAY[0]]
    assert (request["status"], request["outcome"], request["actor"]) == (201, "ok", "owner")
    assert (request["span"], request["parent"]) == (span, given.split("-")[2])
    assert request["route"] == "/v1/sessions/{session}/trainings"
    assert request["ids"] == {"session": session.rpartition("/")[2]}
    assert request["duration"] > 0
    for before, after in pairwise(WAY):
        hop = placed[after]
        assert hop["instance"], hop
        assert hop["stream"] == session.removeprefix("/v1/").replace("sessions", "session")
        assert hop["time"] >= placed[before]["time"], (before, after)
    spans = {hop["span"]: hop for hop in found}
    assert kind_of(spans[placed[WAY[1]]["parent"]]) == WAY[0]
    assert kind_of(spans[placed[WAY[2]]["parent"]]) == WAY[1]
    assert kind_of(spans[placed[WAY[3]]["parent"]]) == WAY[2]
    assert kind_of(spans[placed[WAY[4]]["parent"]]) == WAY[3]
    assert kind_of(spans[placed[WAY[7]]["parent"]]) == WAY[6]
    assert {placed[WAY[at]]["run"] for at in range(2, 8)} == {answer.json()["id"]}
    assert placed[WAY[1]]["command"] == request["command"] == placed[WAY[2]]["command"]
    assert placed[WAY[3]]["worker"] in placed[WAY[4]]["instance"]

    def same_elsewhere() -> bool:
        return audit(world, f"trace={trace}", world.elsewhere) == audit(world, f"trace={trace}")

    until(same_elsewhere)


@pytest.mark.parametrize(
    "given", ["", "00-abc-def-01", f"00-{'0' * 32}-{'1' * 16}-01", f"ff-{'1' * 32}-{'1' * 16}-01"]
)
def test_a_malformed_traceparent_is_passed_over(given: str, world: People):
    answer = world.ask("owner", "GET", "/v1/catalog/estimators", headers={"traceparent": given})
    assert answer.status_code == 200
    made = answer.headers["traceparent"]
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", made)
    assert made.split("-")[1] not in given
    (hop,) = way_of(world, made.split("-")[1], 1)
    assert "parent" not in hop


def test_two_traceparents_are_none(world: People):
    headers = [
        ("Authorization", f"Bearer {world.tokens['owner']}"),
        ("traceparent", traceparent()[0]),
        ("traceparent", traceparent()[0]),
    ]
    answer = world.nobody.get("/v1/catalog/estimators", headers=headers)
    assert answer.headers["traceparent"].split("-")[1] not in str(headers)


def test_who_was_not_let_in_is_in_it(world: People):
    session = world.session("mine")
    asked = {
        ("none", "GET", session, None): (401, "no-token", "denied", ""),
        ("bad", "GET", session, None): (401, "bad-token", "denied", ""),
        ("other", "GET", session, None): (404, "session-unknown", "refused", "other"),
        ("owner", "GET", "/v1/users", None): (403, "forbidden", "denied", "owner"),
        ("owner", "POST", "/v1/users", "{}"): (403, "forbidden", "denied", "owner"),
        ("other", "POST", f"{session}/discard", None): (404, "session-unknown", "refused", "other"),
        ("none", "GET", "/v1/nothing", None): (404, "no-such-route", "refused", ""),
        ("none", "DELETE", "/v1/sessions", None): (405, "method-not-allowed", "refused", ""),
    }
    for (who, method, path, content), expected in asked.items():
        answer = world.ask(who, method, path, content=content)
        assert answer.status_code == expected[0], answer.text
        (hop,) = way_of(world, answer.headers["traceparent"].split("-")[1], 1)
        told = hop["status"], hop["problem"], hop["outcome"], hop.get("actor", "")
        assert told == expected
        assert hop["client"] == "127.0.0.1"


def test_what_is_sealed_is_in_it_as_what_is_plain(world: People):
    with (
        AutoLearn(world.first.url, token=world.tokens["owner"], seal=True) as client,
        pytest.raises(Problem, match="There is no session"),
    ):
        client.session(id=str(uuid.UUID(int=3))).commit()

    def found() -> Hops:
        hops = audit(world, f"actor=owner&stream=session/{uuid.UUID(int=3)}")
        return [hop for hop in hops if hop["kind"] == "request" and hop.get("status")]

    until(lambda: bool(found()))
    (hop,) = found()
    assert (hop["status"], hop["problem"], hop["outcome"]) == (404, "session-unknown", "refused")


def test_a_failed_login_names_a_user_that_there_is_and_no_other_word(world: People):
    for user, stream in (("owner", "user/owner"), ("i-typed-my-password", "")):
        login = {"user": user, "password": "wrong horse battery"}
        answer = world.nobody.post("/v1/login", json=login, headers=away(2))
        assert answer.status_code == 401
        (hop,) = way_of(world, answer.headers["traceparent"].split("-")[1], 1)
        assert (hop["problem"], hop.get("stream", "")) == ("bad-login", stream)
        assert "actor" not in hop
    answer = world.nobody.post("/v1/login", json={"user": "owner", "password": PASSWORD})
    hops = way_of(world, answer.headers["traceparent"].split("-")[1], 3)
    assert {hop["actor"] for hop in hops} == {"owner"}
    assert [kind_of(hop)[2] for hop in hops] == ["POST", "IssueToken", "TokenIssued"]


def test_the_filters_and_the_pages(world: People):
    begin = world.ask("owner", "POST", "/v1/sessions").headers["traceparent"].split("-")[1]
    first = way_of(world, begin, 3)[0]
    for _ in range(5):
        world.ask("other", "GET", "/v1/catalog/estimators")
    world.ask("other", "GET", "/v1/status")
    since = f"from={first['time']}"
    until(lambda: len(audit(world, f"{since}&actor=other")) == 6)
    assert {hop["status"] for hop in audit(world, f"{since}&actor=other&outcome=ok")} == {200}
    (denied,) = audit(world, f"{since}&actor=other&outcome=denied")
    assert denied["route"] == "/v1/status"
    assert {hop["kind"] for hop in audit(world, f"{since}&service=decide")} == {"decision"}
    of_stream = audit(world, f"stream={first['stream']}")
    assert [hop["kind"] for hop in of_stream][:1] == ["decision"]
    assert {hop["kind"] for hop in of_stream} == {"request", "command", "decision"}
    assert audit(world, f"to={first['time']}")[0]["time"] <= first["time"]
    whole = audit(world, f"{since}&actor=other")
    paged: Hops = []
    path = f"/v1/audit?{since}&actor=other&limit=4"
    while path:
        answer = world.ask("sysadmin", "GET", path)
        assert len(answer.json()["items"]) <= 4
        paged += answer.json()["items"]
        path = answer.links.get("next", {}).get("url", "")
    assert paged == whole


def test_memory_has_the_newest_of_this_process_at_once_and_of_others_soon(world: People):
    answer = world.ask("owner", "POST", "/v1/sessions")
    trace = answer.headers["traceparent"].split("-")[1]
    (here,) = [h for h in audit(world, f"source=memory&trace={trace}") if h["kind"] == "request"]
    assert here["status"] == 201
    until(lambda: len(audit(world, f"source=memory&trace={trace}")) == 3)
    until(lambda: len(audit(world, f"source=memory&trace={trace}", world.elsewhere)) == 3)
    (there,) = [
        h
        for h in audit(world, f"source=memory&trace={trace}", world.elsewhere)
        if h["kind"] == "request"
    ]
    assert there == here


def test_it_can_be_followed_and_chosen_from(world: People):
    client = AutoLearn(world.first.url, token=world.tokens["sysadmin"])
    with client:
        entries = client.follow_audit(actor="reader", outcome="denied")
        heard: list[dict[str, Any]] = []
        listening = threading.Thread(target=lambda: heard.append(next(entries).event))
        listening.start()

        def asked() -> bool:
            world.ask("reader", "GET", "/v1/users")
            world.ask("reader", "GET", "/v1/users", world.elsewhere)
            listening.join(0.2)
            return bool(heard)

        until(asked)
        entries.close()  # type: ignore[attr-defined]
    assert (heard[0]["actor"], heard[0]["problem"]) == ("reader", "forbidden")


def test_the_command_line_shows_the_way(world: People):
    answer = world.ask("owner", "POST", "/v1/sessions")
    trace = answer.headers["traceparent"].split("-")[1]
    way_of(world, trace, 3)
    given = {"home": world.folder / "desk", "url": world.first.url}
    said = autolearn("audit", "--trace", trace, token=world.tokens["sysadmin"], **given)
    assert said.code == 0, said.err
    lines = said.out.splitlines()[2:]
    for line, words in zip(
        lines, ("POST /v1/sessions 201", "OpenSession", "SessionOpened"), strict=True
    ):
        assert words in line
    said = autolearn(
        "audit", "--actor", "owner", "--from", "10m", token=world.tokens["sysadmin"], **given
    )
    assert trace in said.out
    said = autolearn("audit", token=world.tokens["owner"], **given)
    assert said.code not in (0, 5)
    assert "sysadmins" in said.err


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Nothing is decided until the end of the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_what_a_killed_api_process_was_asked_is_there_and_so_is_what_came_of_it(world: People):
    given, trace = traceparent()
    doomed = Api(world.folder, world.environment, instance="doomed")
    try:
        with doomed.client() as http, paused(world.agents.popen.pid):
            before = commands(world)
            asking = threading.Thread(target=lambda: ask_in_vain(world, http, given))
            asking.start()
            until(lambda: len(audit(world, f"trace={trace}")) == 1)
            until(lambda: commands(world) > before)
            doomed.popen.kill()
            asking.join()
        hops = way_of(world, trace, 3)
        assert [hop["outcome"] for hop in hops] == ["unanswered", "sent", "ok"]
        assert "status" not in hops[0]
        assert hops[0]["actor"] == "owner"
        assert kind_of(hops[2]) == ("decision", "decide", "SessionOpened")
    finally:
        doomed.stop()
    with Api(world.folder, world.environment, instance="doomed") as again, again.client() as http:
        kept = way_of(world, trace, 3, http)
    assert kept == hops


def commands(world: People) -> int:
    """How many commands are on the log."""
    return sum(world.log.ends(world.topics.commands.name).values())


def ask_in_vain(world: People, http: Any, given: str) -> None:
    """Ask somebody who is killed meanwhile."""
    with pytest.raises(Exception, match=r"disconnected|reset|refused"):
        world.ask("owner", "POST", "/v1/sessions", http, headers={"traceparent": given})


CANARIES = {
    name: f"canary{name}{uuid.uuid4().hex}"
    for name in ("password", "title", "cell", "column", "query", "path", "token", "agent", "model")
}


def test_no_secret_is_in_any_record(world: People, kafka: str):
    name = f"c{uuid.uuid4().hex[:8]}"
    body = {"name": name, "password": CANARIES["password"]}
    assert world.ask("sysadmin", "POST", "/v1/users", json=body).status_code == 201
    login = {"user": name, "password": CANARIES["password"], "name": CANARIES["token"]}
    word = world.nobody.post("/v1/login", json=login).json()["token"]
    secret = word.split("_", 2)[2]  # which may have such a character itself
    bearer = {"Authorization": f"Bearer {word}", "User-Agent": CANARIES["agent"]}
    ask = world.nobody.request
    session = ask("POST", "/v1/sessions", json={"title": CANARIES["title"]}, headers=bearer)
    at = session.headers["location"]
    train = {
        "estimator": "logistic-regression",
        "dataset": "iris",
        "hyperparameters": {"C": 0.123454321},
    }
    wait = bearer | {"Prefer": "wait=60"}
    assert ask("POST", f"{at}/trainings", json=train, headers=wait).status_code == 201
    unknown = train | {"estimator": CANARIES["model"]}
    assert ask("POST", f"{at}/trainings", json=unknown, headers=bearer).is_client_error
    rows = "".join(f"{CANARIES['cell']},{n},{n % 2}\n" for n in range(20))
    table = f"{CANARIES['column']},x,y\n{rows}"
    assert ask(
        "PUT", f"/v1/catalog/datasets/{name}?target=y", content=table, headers=bearer
    ).is_success
    ask("GET", f"/v1/events?stream={CANARIES['query']}", headers=bearer)
    ask("GET", f"/{CANARIES['path']}", headers=bearer)
    ask("GET", f"/v1/sessions/{CANARIES['path']}", headers=bearer)
    ask("POST", f"/v1/tokens/{word[:-2]}/revoke", headers=bearer)  # not copied to its end
    ask("POST", f"/v1/tokens/{word}/revoke", headers=bearer)
    ask("POST", "/v1/login", json={"user": CANARIES["password"], "password": "x"}, headers=away(2))
    ask(CANARIES["path"][:20], "/v1/sessions", headers=bearer)
    last = ask("GET", "/v1/me", headers=bearer).headers["traceparent"].split("-")[1]
    way_of(world, last, 1)

    records = log_checker.read_topic(kafka, world.topics.audit.name)
    told = b"\n".join(r.value or b"" for partition in records.values() for r in partition)
    assert last.encode() in told
    shown = "".join(map(str, audit(world, f"actor={name}") + audit(world, "source=memory")))
    for canary in (*CANARIES.values(), secret[:-2], "0.123454321", BAD.rpartition("_")[2]):
        assert canary.encode() not in told, canary
        assert canary not in shown, canary


def test_the_names_of_the_fields_are_all_that_is_told(world: People):
    """A field that is added to Hop is looked at here: may a sysadmin see it?"""
    assert set(Hop.__struct_fields__) == {
        *("id", "kind", "time", "service", "outcome", "instance", "trace", "span", "parent"),
        *("actor", "stream", "command", "type", "run", "attempt", "worker", "method", "route"),
        *("ids", "client", "status", "problem", "duration", "repeats"),
    }


@pytest.mark.parametrize(
    "query", ["from=yesterday", "to=2026", "trace=1", "outcome=good", "source=x", "page=x"]
)
def test_a_malformed_question_is_refused(query: str, world: People):
    answer = world.ask("sysadmin", "GET", f"/v1/audit?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == query.partition("=")[0]
