"""Whose datasets are, by every route: what is not shared is not there for others."""

from contextlib import closing
from http.client import HTTPConnection

import pytest

from tests.support.api_assertions import problem
from tests.support.api_processes import Api
from tests.support.people import People
from tests.support.waiting import until

CONTENT = b"height,colour,kind\n" + b"1.5,red,a\n2,blue,b\n" * 8


@pytest.fixture(scope="module")
def before(known: People) -> str:
    """The position before the dataset: a shared log may hold any number of other events."""
    return known.ask("owner", "GET", "/v1/position").json()["token"]


@pytest.fixture(scope="module")
def world(known: People, before: str) -> People:
    answer = put(known, "owner", "sales")
    assert answer.status_code == 201, answer.text
    assert (answer.json()["owner"], answer.json()["everybody"]) == ("owner", False)
    return known


def put(world: People, who: str, name: str, content: bytes = CONTENT, **more: object):
    return world.ask(
        who, "PUT", f"/v1/catalog/datasets/{name}?target=kind", content=content, **more
    )


def names(world: People, who: str, query: str = "") -> set[str]:
    items = world.ask(who, "GET", f"/v1/catalog/datasets{query}").json()["items"]
    return {item["name"] for item in items}


def test_it_is_not_there_for_others(world: People):
    assert "sales" in names(world, "owner")
    point = world.ask("owner", "GET", "/v1/position").json()["token"]
    for who in ("other", "sysadmin"):
        assert "sales" not in names(world, who)
        assert "sales" not in names(world, who, f"?as_of={point}")
    assert "iris" in names(world, "other")
    for path in ("sales", "sales/versions", "sales/readers", "sales?as_of=" + point):
        assert world.ask("owner", "GET", f"/v1/catalog/datasets/{path}").status_code == 200
        theirs = problem(
            world.ask("other", "GET", f"/v1/catalog/datasets/{path}"), 404, "unknown-dataset"
        )
        nobodys = world.ask(
            "other", "GET", f"/v1/catalog/datasets/{path.replace('sales', 'nosuch')}"
        )
        assert theirs["known"] == nobodys.json()["known"]
        assert theirs["detail"].replace("sales", "nosuch") == nobodys.json()["detail"]
        problem(world.ask("sysadmin", "GET", f"/v1/catalog/datasets/{path}"), 403, "forbidden")


def test_it_cannot_be_used(world: People):
    session = world.ask("other", "POST", "/v1/sessions", json={}).headers["location"]
    for dataset in ("sales", {"name": "sales", "version": "0" * 64}):
        body = {"estimator": "logistic-regression", "dataset": dataset}
        answer = world.ask("other", "POST", f"{session}/trainings", json=body)
        problem(answer, 422, "unknown-dataset")
    body = {"estimator": "logistic-regression", "dataset": "iris"}
    at = f"{session}/trainings"
    run = world.ask("other", "POST", at, json=body, headers={"Prefer": "wait=60"}).json()
    body = {"training": run["id"], "dataset": "sales"}
    problem(world.ask("other", "POST", f"{session}/evaluations", json=body), 422, "unknown-dataset")


def test_nobody_else_uploads_to_the_name_or_shares_it(world: People):
    for who in ("other", "sysadmin"):
        problem(put(world, who, "sales"), 409, "dataset-taken", "another name")
    for who, code in (("other", 404), ("sysadmin", 403)):
        for what in ("share", "unshare"):
            at = f"/v1/catalog/datasets/sales/{what}"
            assert world.ask(who, "POST", at, json={"user": "other"}).status_code == code
    problem(put(world, "owner", "iris"), 409, "dataset-reserved")
    problem(put(world, "sysadmin", "iris"), 409, "dataset-reserved")


def test_its_events_are_for_those_who_may_use_it(world: People, before: str):
    def types(who: str, **query: str) -> list[dict]:
        params = {"after": before, "limit": "1000", **query}
        items = world.ask(who, "GET", "/v1/events", params=params).json()
        return [item for item in items["items"] if item["subject"] == "dataset/sales"]

    assert types("owner")[0]["data"]["spec"]["name"] == "sales"
    assert types("other") == []
    asked = world.ask("other", "GET", "/v1/events", params={"stream": "dataset/sales"})
    assert asked.status_code == 404, "as a stream that there is not"
    assert types("sysadmin", stream="dataset/sales")[0]["data"] == {}
    start = world.ask("owner", "GET", "/v1/events?limit=1").json()["next"]
    changes = {
        who: world.ask(who, "GET", "/v1/diff", params={"from": start, "limit": 1000}).text
        for who in ("owner", "other", "sysadmin")
    }
    assert "dataset/sales" in changes["owner"]
    assert "dataset/sales" not in changes["other"] + changes["sysadmin"]


def test_shared_to_read_then_to_write_then_no_longer(world: People):
    at = "/v1/catalog/datasets/given"
    assert put(world, "owner", "given").status_code == 201
    answer = world.ask("owner", "POST", f"{at}/share", json={"user": "reader"})
    assert [(one["user"], one["may"]) for one in answer.json()["items"]] == [("reader", "read")]
    assert world.ask("reader", "GET", at, to=world.elsewhere).status_code == 200
    problem(put(world, "reader", "given"), 409, "dataset-taken")
    problem(world.ask("reader", "POST", f"{at}/share", json={"user": "other"}), 403, "forbidden")
    session = world.ask("reader", "POST", "/v1/sessions", json={}).headers["location"]
    body = {"estimator": "logistic-regression", "dataset": "given"}
    wait = {"Prefer": "wait=60"}
    run = world.ask("reader", "POST", f"{session}/trainings", json=body, headers=wait).json()
    assert run["status"] == "completed", run
    write = {"user": "reader", "may": "write"}
    assert world.ask("owner", "POST", f"{at}/share", json=write).status_code == 200
    newer = put(world, "reader", "given", CONTENT + b"3,red,a\n")
    assert (newer.status_code, newer.json()["owner"]) == (201, "owner")
    assert (
        world.ask("owner", "POST", f"{at}/unshare", json={"user": "reader"}).json()["items"] == []
    )
    problem(world.ask("reader", "GET", at), 404, "unknown-dataset")
    body = {"training": run["id"]}
    answer = world.ask("reader", "POST", f"{session}/evaluations", json=body)
    problem(answer, 422, "unknown-dataset")


def test_sharing_does_not_tell_who_there_is(world: People):
    answers = [
        world.ask("owner", "POST", "/v1/catalog/datasets/sales/share", json={"user": user})
        for user in ("other2", "nobody-of-this-name")
    ]
    assert [one.status_code for one in answers] == [200, 200]


def test_a_setting_makes_new_ones_everybody_s(world: People):
    setting = {"AUTOLEARN_DATASETS": "everybody"}
    with (
        Api(world.folder, world.environment | setting, instance="everybody") as api,
        api.client() as http,
    ):

        def put_there(who: str, content: bytes = CONTENT):
            return world.ask(
                who, "PUT", "/v1/catalog/datasets/common?target=kind", http, content=content
            )

        assert put_there("owner").json()["everybody"] is True
        until(lambda: "common" in names(world, "other"), "another process knows the dataset")
        assert put_there("other", CONTENT + b"3,red,a\n").status_code == 201
        at = "/v1/catalog/datasets/common/share"
        problem(world.ask("other", "POST", at, json={"user": "reader"}), 403, "forbidden")


def test_a_user_has_so_many_pipelines_and_sees_them_in_a_diff(world: People, before: str):
    world.tokens["plumber"] = world.add("plumber")

    def apply(name: str):
        text = f"pipeline: {name}\nsteps: [source: {{dataset: iris}}]"
        return world.ask("plumber", "POST", "/v1/pipelines", json={"text": text})

    def seen(who: str) -> bool:
        items = world.ask(who, "GET", f"/v1/diff?from={before}").json()["items"]
        return "pipeline/plumbing" in {item["stream"] for item in items}

    assert apply("plumbing").status_code == 201
    body = {"name": "pipelines", "limit": 1}
    assert world.ask("sysadmin", "POST", "/v1/users/plumber/quota", json=body).status_code == 200
    problem(apply("more-plumbing"), 409, "quota-exceeded", "plumber")
    assert apply("plumbing").status_code == 200, "no new one"
    assert (seen("plumber"), seen("other")) == (True, False)
    assert world.ask("plumber", "POST", "/v1/pipelines/plumbing/remove").status_code == 200
    assert apply("more-plumbing").status_code == 201, "a removed one does not count"


def test_a_quota_refuses_what_takes_more_and_before_that_is_received(world: People):
    world.tokens["hoarder"] = world.add("hoarder")
    key = {"Idempotency-Key": "hoarded"}
    first = put(world, "hoarder", "hoard", headers=key)
    assert first.status_code == 201, first.text
    body = {"name": "dataset-bytes", "limit": len(CONTENT)}
    assert world.ask("sysadmin", "POST", "/v1/users/hoarder/quota", json=body).status_code == 200
    again = put(world, "hoarder", "hoard")
    assert (again.status_code, again.json()["version"]) == (200, first.json()["version"])
    assert put(world, "hoarder", "hoard", headers=key).json()["version"] == again.json()["version"]
    more = CONTENT + b"3,red,a\n"
    problem(put(world, "hoarder", "hoard", more), 409, "quota-exceeded", "hoarder")
    # As long as another version, it may be that one: so it is received, and is another.
    problem(put(world, "hoarder", "hoard", CONTENT.swapcase()), 409, "quota-exceeded")
    url = world.nobody.base_url
    with closing(HTTPConnection(url.host, url.port, timeout=20)) as begun:
        begun.putrequest("PUT", "/v1/catalog/datasets/hoard")
        begun.putheader("Authorization", f"Bearer {world.tokens['hoarder']}")
        begun.putheader("Content-Length", str(len(more)))
        begun.endheaders()
        assert begun.getresponse().status == 409, "nothing of the file was sent"
