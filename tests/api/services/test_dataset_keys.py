"""Datasets are encrypted with keys of their own, and are gone when these are shredded."""

import json
from pathlib import Path

import pytest

from tests.support.api_assertions import problem
from tests.support.people import People
from tests.support.waiting import until

SECRET = "canary4711"
CONTENT = f"height,{SECRET},kind\n".encode() + b"1.5,red,a\n2,blue,b\n" * 8
WAIT = {"Prefer": "wait=60"}


@pytest.fixture(scope="module")
def world(known: People) -> People:
    return known


def put(world: People, name: str, content: bytes = CONTENT):
    answer = world.ask("owner", "PUT", f"/v1/catalog/datasets/{name}?target=kind", content=content)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def trained(world: People, name: str) -> tuple[str, dict]:
    at = world.ask("owner", "POST", "/v1/sessions", json={}).headers["location"]
    body = {"estimator": "logistic-regression", "dataset": name}
    run = world.ask("owner", "POST", f"{at}/trainings", json=body, headers=WAIT).json()
    return at, run


def on_the_log(world: People) -> bytes:
    found = []
    for topic in (world.topics.commands, world.topics.events, world.topics.audit):
        begins = world.log.begins(topic.name)
        reader = world.log.reader(topic.name, begins)
        ends = world.log.ends(topic.name)
        left = sum(ends.values()) - sum(begins.values())
        while left > 0:
            for message in reader.read(1000, 5.0):
                found.append(message.content)
                left -= 1
        reader.close()
    return b"\n".join(found)


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_neither_the_log_nor_the_disk_has_it_in_clear(world: People):
    shown = put(world, "secret")
    assert [column["name"] for column in shown["columns"]][1] == SECRET
    at, run = trained(world, "secret")
    assert run["status"] == "completed", run
    body = {"training": run["id"]}
    measured = world.ask("owner", "POST", f"{at}/evaluations", json=body, headers=WAIT).json()
    assert measured["status"] == "completed", measured
    log = on_the_log(world)
    assert b"DatasetRegistered" in log
    assert SECRET.encode() not in log
    assert shown["version"].encode() not in log, "a file could be guessed by its hash"
    home = files(world.folder / "home")
    assert not [path for path, content in home.items() if SECRET.encode() in content]
    sent = world.ask("owner", "GET", "/v1/catalog/datasets/secret/content")
    assert sent.content == CONTENT
    problem(
        world.ask("other", "GET", "/v1/catalog/datasets/secret/content"), 404, "unknown-dataset"
    )


def test_the_same_file_of_two_users_is_not_the_same_in_the_store(world: People):
    one = put(world, "mine", CONTENT + b"9,red,a\n")
    answer = world.ask(
        "other", "PUT", "/v1/catalog/datasets/theirs", content=CONTENT + b"9,red,a\n"
    )
    two = answer.json()
    assert one["version"] == two["version"]
    assert one["stored"] != two["stored"]
    again = put(world, "mine", CONTENT + b"9,red,a\n")
    assert again == one


def test_a_dataset_that_is_needed_is_deleted_only_by_force(world: People):
    put(world, "needed", CONTENT + b"8,red,a\n")
    at, run = trained(world, "needed")
    assert run["status"] == "completed", run
    kept = world.ask("owner", "POST", f"{at}/commit", json={}).json()
    where = "/v1/catalog/datasets/needed/delete"
    refused = problem(world.ask("owner", "POST", where, json={}), 409, "dataset-needed", kept["id"])
    assert refused["experiments"] == [kept["id"]]
    problem(world.ask("other", "POST", where, json={"force": True}), 404, "unknown-dataset")
    problem(world.ask("sysadmin", "POST", where, json={"force": True}), 403, "forbidden")
    stored = world.ask("owner", "GET", "/v1/catalog/datasets/needed").json()["stored"]
    blob = world.folder / "home" / "artifacts" / "datasets" / stored[:2] / stored
    assert blob.is_file()
    answer = world.ask("owner", "POST", where, json={"force": True})
    assert answer.status_code == 200, answer.text
    problem(
        world.ask("owner", "GET", "/v1/catalog/datasets/needed"),
        410,
        "dataset-deleted",
        "by owner at",
    )
    problem(
        world.ask("owner", "GET", "/v1/catalog/datasets/needed/content"), 410, "dataset-deleted"
    )
    put_again = world.ask("owner", "PUT", "/v1/catalog/datasets/needed", content=CONTENT)
    problem(put_again, 410, "dataset-deleted", "not given again")
    other = world.ask("other", "PUT", "/v1/catalog/datasets/needed", content=CONTENT)
    problem(other, 409, "dataset-taken")
    assert world.ask("owner", "GET", f"/v1/experiments/{kept['id']}").status_code == 200

    def shredded() -> bool:
        events = world.ask("owner", "GET", "/v1/events?stream=dataset/needed").json()["items"]
        return events[0].get("withheld") == "shredded"

    until(shredded, 30)
    until(lambda: not blob.exists(), 30)
    assert SECRET not in json.dumps(
        world.ask("owner", "GET", "/v1/events?stream=dataset/needed").json()
    )
