"""Commands against an API that is played: what they ask, and what they print of the answers."""

import hashlib
import json
import re
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.json import encode

from autolearn.client.cli.connection import Connection
from autolearn.client.cli.recorded_trainings import recorded_of
from autolearn.client.sdk.client import AutoLearn
from autolearn.schemas.rest.history import Change, Diff
from tests.client.sdk.test_client import TRAINING
from tests.support.cli_processes import Cli, Played

E1 = str(uuid.UUID(int=1))
EXPERIMENT = {
    "id": E1,
    "title": "",
    "created": "2026-01-01T00:00:00.000Z",
    "committed": "2026-01-01T00:00:00.000Z",
    "actor": "",
    "sequence": 1,
    "training_data": [],
    "evaluation_data": [],
    "links": {},
    "counts": {"trainings": {"completed": 1}, "evaluations": {}},
}
SESSION = EXPERIMENT | {"updated": "", "running": []}
ADA = {"name": "ada", "role": "user", "disabled": False, "has_password": True, "created": "",
       "updated": ""}  # fmt: skip


def pages(**lists: list[Any]) -> Played:
    """Commit a session, and list its runs."""

    def played(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" or request.url.path == f"/v1/experiments/{E1}":
            return httpx.Response(200, json=EXPERIMENT)
        if request.url.path == f"/v1/sessions/{E1}":
            return httpx.Response(200, json=SESSION)
        found = lists.get(request.url.path.rpartition("/")[2])
        if found is None:
            return httpx.Response(500, json={"title": "no", "detail": "The disk is gone."})
        return httpx.Response(200, json={"items": found, "next": None})

    return played


def test_a_commit_prints_the_experiment(cli: Cli):
    played = pages(trainings=[TRAINING], evaluations=[])
    said = cli(played, "session", "commit", "--session", E1, "-o", "json")
    assert said.code == 0, said.err
    printed = json.loads(said.out)
    assert printed["id"] == E1
    assert [run["id"] for run in printed["trainings"]] == ["t1"]


def test_a_commit_whose_runs_cannot_be_told_is_still_one(cli: Cli):
    said = cli(pages(trainings=[TRAINING]), "session", "commit", "--session", E1, "-o", "json")
    assert said.code == 5
    assert said.err.startswith(f"Committed as experiment {E1}, whose runs are not shown\n")
    assert "The disk is gone." in said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("password", "all of your tokens but the one in use are revoked"),
        ("admin user password ada", "all tokens of ada are revoked"),
        ("admin user disable ada", "all tokens of ada are revoked"),
        ("admin user enable ada", "former tokens stay revoked"),
    ],
)
def test_whose_tokens_are_revoked_is_said(cli: Cli, words: str, told: str):
    def played(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/me/password":
            return httpx.Response(200, json={"id": E1, "state": "accepted"})
        return httpx.Response(200, json=ADA)

    said = cli(played, *words.split(), typed="one password\nanother password\n")
    assert (said.code, told in said.out) == (0, True), said


def test_only_the_data_of_the_training_that_is_checked_is_fetched(tmp_path: Path):
    """Of all evaluations of an experiment, those of one training count."""
    data = {name: {"name": name, "version": hashlib.sha256(name.encode()).hexdigest(),
                   "stored": "0" * 64} for name in ("iris", "mine", "other")}  # fmt: skip
    artifact = {"digest": "0" * 64, "files": {}, "bytes": 0}
    trainings = [TRAINING | {"id": n, "dataset": data["iris"], "artifact": artifact} for n in "ab"]
    evaluations = [
        TRAINING | {"id": f"e{training}", "training": training, "dataset": data[name],
                    "artifact": "0" * 64, "metrics": ["f1"], "held_out": False,
                    "status": "completed"}
        for training, name in (("a", "mine"), ("b", "other"))
    ]  # fmt: skip
    lists = {
        "/v1/sessions": [],
        "/v1/experiments": [EXPERIMENT | {"trainings": ["a", "b"]}],
        f"/v1/experiments/{E1}/trainings": trainings,
        f"/v1/experiments/{E1}/evaluations": evaluations,
    }
    fetched = []

    def played(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/content"):
            fetched.append(path.split("/")[4])
            return httpx.Response(200, content=fetched[-1].encode())
        if path in lists:
            return httpx.Response(200, json={"items": lists[path], "next": None})
        return httpx.Response(200, json=EXPERIMENT)

    transport = httpx.MockTransport(played)
    with AutoLearn("http://api", transport=transport, seal=False) as client:
        to = Connection(client, None, "")
        (one,) = recorded_of(to, "a", tmp_path)
    assert sorted(fetched) == ["iris", "mine"]
    assert sorted(Path(path).read_text() for path in one.data.values()) == ["iris", "mine"]


def test_a_dataset_is_deleted_once_somebody_says_yes(cli: Cli):
    asked = []

    def played(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={"name": "mine", "deleted": ""})

    refused = cli(played, "dataset", "delete", "mine", typed="n\n")
    assert (refused.code != 0, asked) == (True, [])
    assert "Delete dataset mine, all versions, for good?" in refused.err
    said = cli(played, "dataset", "delete", "mine", typed="y\n")
    assert said.out.strip() == "Deleted dataset mine"
    assert cli(played, "dataset", "delete", "mine", "--yes").code == 0
    assert asked == ["/v1/catalog/datasets/mine/delete"] * 2


def test_a_diff_shows_no_more_streams_than_it_may(cli: Cli):
    """Pages end with a stream, or within one, which is shown to its end."""
    streams = {"": ("A", "B"), "1": ("B",), "2": ("C",)}

    def played(request: httpx.Request) -> httpx.Response:
        page = request.url.params.get("page", "")
        items = [
            Change(f"dataset/{name}", "dataset", page, "added", None, {}) for name in streams[page]
        ]
        following = {"": "1", "1": "2"}.get(page)
        return httpx.Response(200, content=encode(Diff("b", "a", items, following)))

    said = cli(played, "diff", "x", "--limit", 2)
    assert re.findall("dataset/.", said.out) == ["dataset/A", "dataset/B", "dataset/B"]
    assert "More streams than these 2" in said.err
    assert len(re.findall("dataset/.", cli(played, "diff", "x", "--limit", 3).out)) == 4
    streams["2"] = ()
    assert "More" not in cli(played, "diff", "x", "--limit", 3).err
    streams["1"] = ("C",)
    assert re.findall("dataset/.", cli(played, "diff", "x", "--limit", 2).out) == [
        "dataset/A",
        "dataset/B",
    ]


CHURN: dict[str, Any] = {
    "name": "churn", "owner": "ada", "created": "", "updated": "", "versions": 2, "retired": 0,
    "champion": 1, "aliases": {"champion": 1, "challenger": 2}, "may": "own", "links": {},
}  # fmt: skip
LATENCY, ERRORS = "p99 <= 50 ms over 1000", "errors <= 1% over 200"


def registry(asked: list[Any]) -> Played:
    """Answer a change of traffic or shadow by the model as it is then."""

    def played(request: httpx.Request) -> httpx.Response:
        shown = dict(CHURN)
        if request.method == "POST":
            body = json.loads(request.content)
            asked.append((request.url.path, body))
            shown["shadow"] = body.get("version") or ""
            if body.get("routes"):
                about = {key: value for key, value in body.items() if key != "salt"}
                shown["traffic"] = about | {"revision": 1, "salt": "churn", "actor": "ada"}
                shown["traffic"]["since"] = "2026-01-01T00:00:00.000Z"
        return httpx.Response(200, json=shown)

    return played


def test_traffic_is_shared_shown_and_ended(cli: Cli):
    asked: list[Any] = []
    words = ("champion=90", "challenger=10", "--sticky", "customer", "--guard", ERRORS)
    said = cli(registry(asked), "model", "traffic", "churn", *words, "--guard", LATENCY)
    assert said.code == 0, said.err
    routes = {"champion": 90, "challenger": 10}
    body = {"routes": routes, "sticky": "customer", "guards": [ERRORS, LATENCY]}
    assert asked == [("/v1/models/churn/traffic", body | {"sticky_header": "", "reason": ""})]
    for line in (r"champion +1 +90%", r"challenger +2 +10%", "sticky +column customer", LATENCY):
        assert re.search(line, said.out), said.out
    assert cli(registry(asked), "model", "traffic", "churn", "--off").code == 0
    assert "routes" not in asked[-1][1], "none: the champion answers all"
    said = cli(registry(asked), "model", "shadow", "churn", "challenger")
    assert re.search(r"challenger +2 +shadow", said.out), said.out
    assert asked[-1][1]["version"] == "challenger"
    asked.clear()
    assert re.search(r"champion +1 +100%", cli(registry(asked), "model", "traffic", "churn").out)
    assert not asked, "it is only shown"


@pytest.mark.parametrize(
    "words", ["champion", "champion=x", "=5", "a=1 a=2", "champion=100 --off", "--sticky customer"]
)
def test_traffic_that_is_no_traffic_is_not_sent(cli: Cli, words: str):
    said = cli(registry(asked := []), "model", "traffic", "churn", *words.split())
    assert (said.code, asked) == (2, [])
    assert "champion" in said.err or "--off" in said.err


def test_a_history_says_which_guard_has_ended_the_traffic(cli: Cli):
    change = {"number": 5, "kind": "traffic-rolled-back", "alias": "", "version": 2, "before": 0,
              "since": "2026-01-01T00:00:00.000Z", "until": None, "actor": "agent serve",
              "breach": {"version": 2, "guard": LATENCY, "bad": 11, "requests": 240}}  # fmt: skip

    def played(request: httpx.Request) -> httpx.Response:
        listed = {"items": [change], "next": None}
        return httpx.Response(200, json=listed if "timeline" in request.url.path else CHURN)

    said = cli(played, "model", "history", "churn")
    told = re.sub(r"\s+", " ", said.out)
    assert "champion 100%" in told, said.out
    for words in ("version 2", "11 of", "240 requests", "longer than 50 ms"):
        assert words in told, said.out


ROW = {"request": E1, "row": 1, "time": "2026-01-01T00:00:00.000Z", "version": 2,
       "predicted": "no", "inputs": {"age": 41}, "certainty": 0.51}  # fmt: skip


def test_labels_are_asked_for_until_the_end_and_a_refused_one_again(cli: Cli):
    sent = list[dict[str, Any]]()

    def played(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/unlabelled"):
            items = [ROW | {"row": row} for row in range(4)]
            found = {"model": "churn", "since": ROW["time"], "whole": True, "rows": 9}
            return httpx.Response(200, json=found | {"labels": ["no", "yes"], "items": items})
        if request.method == "POST":
            sent.append(json.loads(request.content)["truths"][0])
            if sent[-1].get("value") == "maybe":
                return httpx.Response(422, json={"title": "no", "detail": "No such label."})
            return httpx.Response(200, json={"model": "churn", "added": 1})
        return httpx.Response(200, json=CHURN)

    said = cli(played, "label", "churn", typed="right\n\nmaybe\nyes\nq\n")
    assert said.code == 0, said
    assert [(one["row"], one.get("right"), one.get("value")) for one in sent] == [
        (0, True, None),
        (2, None, "maybe"),
        (2, None, "yes"),
    ]
    assert "No such label." in said.err
    assert "no (0.5100)" in said.out
    assert said.out.endswith("2 truths recorded.\n")


def test_a_name_of_no_model_is_that_of_a_dataset_to_label(cli: Cli):
    sent = list[dict[str, Any]]()
    dataset = {"name": "churn", "version": "9" * 64, "format": "csv", "bytes": 1, "rows": 9,
               "columns": [], "schema_hash": "", "owner": "ada", "registered": "",
               "everybody": False, "links": {}}  # fmt: skip

    def played(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/models/churn":
            return httpx.Response(404, json={"title": "no", "detail": "No such model."})
        if request.url.path.endswith("/unlabelled"):
            about = {"dataset": "churn", "version": "9" * 64, "target": "paid", "rows": 3}
            rows = [{"row": n, "values": {"age": 40 + n}, "predicted": "no"} for n in (4, 6, 7)]
            more = {"labelled": 0, "items": rows, "model": "m", "classes": ["no", "yes"]}
            return httpx.Response(200, json=about | more)
        if request.method == "POST":
            sent.append(json.loads(request.content))
            if sent[-1]["labels"][0]["value"] == "maybe":
                return httpx.Response(422, json={"title": "no", "detail": "No such label."})
            about = {"dataset": "churn", "version": "", "target": "paid", "added": 1}
            return httpx.Response(200, json=about)
        return httpx.Response(200, json=dataset)

    said = cli(played, "label", "churn", "--by", "m", typed="right\n\nmaybe\nyes\n")
    assert said.code == 0, said
    assert [one["labels"] for one in sent] == [
        [{"row": 4, "value": "no"}],
        [{"row": 7, "value": "maybe"}],
        [{"row": 7, "value": "yes"}],
    ]
    assert {(one["target"], *one["classes"]) for one in sent} == {("paid", "no", "yes")}
    assert "No such label." in said.err
    assert "2 labels recorded, 1 row without one." in said.out


def test_options_of_datasets_are_refused_for_a_model(cli: Cli):
    said = cli(lambda _: httpx.Response(200, json=CHURN), "label", "churn", "--target", "paid")
    assert said.code == 2
    assert "dataset/churn" in said.err


@pytest.mark.parametrize(
    ("content", "words", "told"),
    [
        ("", "", "There is no truth"),
        ("request,label\na,b\n", "", "Row 0 has no column truth"),
        ("request,truth\na\n", "", "Line 2 of"),
        ("request,truth\na,\n", "", "Row 0 has no value of truth"),
        ("request,row,truth\na,x,b\n", "", "'x' is no number of a row"),
        ("truth,truth\na,b\n", "", "a name twice"),
        ("customer,truth\n1,b\n", "--key client", "Row 0 has no column client"),
        ("\xff", "", "cannot be read as CSV"),
        (None, "", "cannot be read as CSV"),
    ],
)
def test_a_file_without_truths_is_refused_before_anything_is_sent(
    cli: Cli, tmp_path: Path, content: str | None, words: str, told: str
):
    file = tmp_path / "truths.csv"
    if content is not None:
        file.write_text(content, encoding="latin-1")

    def played(request: httpx.Request) -> httpx.Response:
        assert request.method == "GET", "nothing is sent"
        return httpx.Response(200, json=CHURN)

    said = cli(played, "truth", "add", "churn", str(file), *words.split())
    assert (said.code, told in " ".join(said.err.split())) == (2, True), said
