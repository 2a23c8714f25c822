"""The past over HTTP: as_of, and what changed between two points."""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.conftest import System
from tests.support.api_assertions import position, problem

WAIT = {"Prefer": "wait=60"}
CSV = "height,kind\n" + "".join(f"{number},{'ab'[number % 2]}\n" for number in range(40))


class Story:
    """A session that was committed, with what was shown and where the log was at each step."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.before = position(http)
        self.at = http.post("/v1/sessions", json={"title": "then"}).headers["location"]
        self.id = self.at.rpartition("/")[2]
        self.shown = [self.see()]
        for seed in (1, 2):
            body = {"estimator": "naive-bayes", "dataset": "iris", "seed": seed}
            training = http.post(f"{self.at}/trainings", json=body, headers=WAIT).json()
            assert training["status"] == "completed"
            self.shown.append(self.see())
        self.training = training["id"]
        http.post(f"{self.at}/commit", json={"trainings": [self.training]})
        self.after = position(http)
        self.experiment = http.get(f"/v1/experiments/{self.id}").json()

    def see(self) -> tuple[str, dict[str, Any]]:
        """The position, and the session there."""
        return position(self.http), self.http.get(self.at).json()


@pytest.fixture(scope="module")
def story(http: httpx.Client) -> Story:
    return Story(http)


def as_of(http: httpx.Client, path: str, point: str, **query: Any) -> httpx.Response:
    return http.get(path, params={"as_of": point, **query})


def ids(answer: httpx.Response) -> list[str]:
    return [item["id"] for item in answer.json()["items"]]


def test_a_session_is_shown_as_it_was_at_each_position(system: System, story: Story):
    for client in (system.http, system.other):
        for token, shown in story.shown:
            answer = as_of(client, story.at, token)
            assert answer.json() == shown
            assert answer.headers["AutoLearn-Position"] == token


def test_a_time_means_all_that_came_by_then(http: httpx.Client, story: Story):
    for token, shown in story.shown:
        answer = as_of(http, story.at, shown["updated"])
        assert answer.json() == shown
        told = answer.headers["AutoLearn-Position"]
        assert as_of(http, story.at, told).json() == shown
        assert changed(http, told, token, f"session/{story.id}") == []
        moment = datetime.fromisoformat(shown["updated"])
        before = as_of(http, story.at, (moment - timedelta(milliseconds=1)).isoformat())
        assert before.status_code == 404 or before.json() != shown
        zoned = moment.astimezone(datetime.now(UTC).astimezone().tzinfo).isoformat()
        assert http.get(f"{story.at}?as_of={zoned}").json() == shown, "+ may be left unescaped"


def test_a_position_told_for_a_time_can_be_read_on_from(http: httpx.Client, story: Story):
    _, shown = story.shown[0]
    token = as_of(http, story.at, shown["updated"]).headers["AutoLearn-Position"]
    events = http.get("/v1/events", params={"after": token, "limit": 1000}).json()["items"]
    mine = [event["sequence"] for event in events if event["subject"] == f"session/{story.id}"]
    assert mine == list(range(2, 2 + len(mine)))
    assert mine


def test_runs_are_listed_and_shown_as_they_were(http: httpx.Client, story: Story):
    token, shown = story.shown[1]
    (first,) = as_of(http, f"{story.at}/trainings", token).json()["items"]
    assert as_of(http, f"{story.at}/evaluations", token).json()["items"] == []
    assert [run["id"] for run in shown["runs"]] == [first["id"]]
    assert as_of(http, f"{story.at}/trainings/{first['id']}", token).json() == first
    later = f"{story.at}/trainings/{story.training}"
    problem(as_of(http, later, token), 404, "run-unknown", "had no training")
    assert as_of(http, later, story.shown[2][0]).status_code == 200


def test_what_has_become_an_experiment_was_a_session(http: httpx.Client, story: Story):
    experiment = f"/v1/experiments/{story.id}"
    token = story.shown[2][0]
    assert story.id in ids(as_of(http, "/v1/sessions", token, limit=500))
    assert story.id not in ids(as_of(http, "/v1/experiments", token, limit=500))
    problem(as_of(http, experiment, token), 404, "experiment-unknown", "was open then")
    assert as_of(http, experiment, story.after).json() == story.experiment
    run = f"{experiment}/trainings/{story.training}"
    assert as_of(http, run, story.after).json() == http.get(run).json()
    assert story.id not in ids(as_of(http, "/v1/sessions", story.after, limit=500))
    assert story.id in ids(as_of(http, "/v1/experiments", story.after, limit=500))
    problem(as_of(http, story.at, story.after), 404, "session-committed")


def test_what_was_not_there_yet_is_said(http: httpx.Client, story: Story):
    opened = story.shown[0][1]["created"]
    problem(as_of(http, story.at, story.before), 404, "session-unknown", "at that point", opened)
    at = f"/v1/experiments/{story.id}"
    problem(as_of(http, at, story.before), 404, "experiment-unknown", "at that point", opened)
    nobody = f"/v1/sessions/{uuid.uuid4()}"
    problem(as_of(http, nobody, story.before), 404, "session-unknown", "There is no session")


def test_a_discarded_session_is_still_on_the_log(http: httpx.Client):
    at = http.post("/v1/sessions", json={"title": "gone"}).headers["location"]
    token, shown = position(http), http.get(at).json()
    http.post(f"{at}/discard")
    assert http.get(at).status_code == 410
    assert as_of(http, at, token).json() == shown
    problem(as_of(http, at, position(http)), 410, "session-discarded")


def test_lists_of_then_have_pages_as_those_of_now(system: System):
    opened = [system.http.post("/v1/sessions").json() for _ in range(5)]
    token = position(system.http)
    system.http.post(f"/v1/sessions/{opened[1]['id']}/discard")
    system.http.post("/v1/sessions")
    seen: list[str] = []
    url = str(httpx.URL("/v1/sessions", params={"as_of": token, "limit": 2}))
    while len(seen) < 5:
        page = (system.http, system.other)[len(seen) % 4 // 2].get(url)
        seen += ids(page)
        url = page.links.get("next", {"url": ""})["url"]
        assert page.headers["AutoLearn-Position"] == token
    assert seen[:5] == [session["id"] for session in opened][::-1]
    first = as_of(system.http, "/v1/sessions", token, limit=1).json()["items"]
    summary = {name: opened[-1][name] for name in ("id", "title", "created", "updated")}
    assert first[0].items() >= summary.items()


def test_nothing_is_live_in_the_past(http: httpx.Client):
    at = http.post("/v1/sessions").headers["location"]
    body = {
        "estimator": "random-forest",
        "dataset": "digits",
        "hyperparameters": {"n_estimators": 9999},
    }
    run = http.post(f"{at}/trainings", json=body).json()
    assert http.get(at).json()["running"]
    then = as_of(http, at, position(http)).json()
    assert (then["running"], then["runs"][0]["id"]) == ([], run["id"])
    assert as_of(http, f"{at}/trainings/{run['id']}", position(http)).json()["progress"] is None
    http.post(f"{at}/discard")


def test_the_catalog_of_then(http: httpx.Client):
    name, before = f"old-{uuid.uuid4().hex[:6]}", position(http)
    put = {"params": {"target": "kind"}, "headers": {"Content-Type": "text/csv"}}
    first = http.put(f"/v1/catalog/datasets/{name}", content=CSV, **put).json()
    between = position(http)
    second = http.put(f"/v1/catalog/datasets/{name}", content=CSV + "9,a\n", **put).json()
    assert second.pop("changes")["rows_before"] == first["rows"]  # said once, of no version
    at = f"/v1/catalog/datasets/{name}"
    assert as_of(http, at, between).json() == first
    assert as_of(http, f"{at}/versions", between).json()["items"] == [first]
    assert as_of(http, at, position(http)).json() == second
    problem(as_of(http, at, before), 404, "unknown-dataset", first["registered"])
    problem(
        as_of(http, "/v1/catalog/datasets/nope", before),
        404,
        "unknown-dataset",
        "no dataset 'nope'",
    )
    listed = as_of(http, "/v1/catalog/datasets", before).json()["items"]
    assert name not in {item["name"] for item in listed}
    assert as_of(http, "/v1/catalog/datasets", between, limit=500).json()["items"] == [
        first if item["name"] == name else item
        for item in http.get("/v1/catalog/datasets").json()["items"]
    ]
    for path in ("estimators", "estimators/svm", "metrics", "metrics/f1"):
        assert (
            as_of(http, f"/v1/catalog/{path}", between).json()
            == http.get(f"/v1/catalog/{path}").json()
        )


# What is no point


@pytest.mark.parametrize(
    "path", ["/v1/sessions", "/v1/catalog/estimators", "/v1/catalog/datasets/iris"]
)
def test_what_is_no_point_of_this_log_is_refused(http: httpx.Client, path: str):
    log, places = json.loads(base64.urlsafe_b64decode(position(http) + "=="))
    future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    ahead = [[places[0][0], places[0][1] + 10**6, 1, 1]]
    for given, kind, words in (
        ("nonsense", "bad-position", "not a position"),
        ("2026-13-01T00:00:00Z", "bad-time", "neither a position nor a time"),
        ("2026-01-01T00:00:00", "bad-time", "with a zone"),
        ("2026-01-01", "bad-time", "with a zone"),
        ("1990-01-01T00:00:00Z", "bad-time", "before the first event, which came at 20"),
        ("0001-01-01T00:00:00+14:00", "bad-time", ""),
        (future, "bad-time", "in the future"),
        (token("f" * 16, places), "bad-position", "another log"),
        (token(log, [[99, 0, 0, -1]]), "bad-position", "another log"),
        (token(log, ahead), "bad-position", "in the future"),
    ):
        said = problem(as_of(http, path, given), 422, kind, words)
        assert said["errors"][0]["parameter"] == "as_of"


def token(log: str, places: list[list[int]]) -> str:
    return base64.urlsafe_b64encode(json.dumps([log, places]).encode()).decode().rstrip("=")


# What changed


def changed(
    http: httpx.Client, before: str, after: str = "", stream: str = "", **query: Any
) -> list[dict[str, Any]]:
    asked = {"from": before, "to": after, "stream": stream, **query}
    answer = http.get("/v1/diff", params=asked)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def briefly(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(item["what"], item["change"]) for item in items]


def test_a_diff_says_what_was_added_removed_and_changed(http: httpx.Client, story: Story):
    stream = f"session/{story.id}"
    (opened, first), (trained, _), (again, last) = story.shown
    assert briefly(changed(http, story.before, opened, stream)) == [("session", "added")]
    session, training = changed(http, opened, trained, stream)
    assert (session["change"], training["change"]) == ("changed", "added")
    assert session["before"] == {"updated": first["updated"], "sequence": 1}
    assert session["after"]["sequence"] == 4
    assert training["after"]["status"] == "completed"
    assert briefly(changed(http, again, story.after, stream)) == [
        ("session", "removed"),
        ("experiment", "added"),
        ("end of session", "added"),
        ("training", "removed"),
    ]
    assert changed(http, story.after, "", stream) == []
    by_time = changed(http, first["updated"], last["updated"], stream)
    assert briefly(by_time) == [("session", "changed"), *[("training", "added")] * 2]


def test_a_diff_of_everything_has_each_stream_that_changed(http: httpx.Client):
    before = position(http)
    opened = {f"session/{http.post('/v1/sessions').json()['id']}" for _ in range(4)}
    http.post(f"/v1/sessions/{uuid.uuid4()}/commit")  # refused: an event, and no change
    after = position(http)
    assert {item["stream"] for item in changed(http, before, after)} == opened
    asked = {"from": before, "to": after, "limit": 3}
    first = http.get("/v1/diff", params=asked)
    answer = first.json()
    assert (len(answer["items"]), answer["next"] is None) == (3, False)
    assert (answer["before"], answer["after"]) == (before, after)
    rest = http.get("/v1/diff", params={**asked, "page": answer["next"]}).json()
    assert rest["next"] is None
    assert rest == http.get(first.links["next"]["url"]).json()
    assert {item["stream"] for item in (*answer["items"], *rest["items"])} == opened
    problem(http.get("/v1/diff", params={**asked, "page": "x"}), 422, "malformed-token")
    assert opened <= {item["stream"] for item in changed(http, before)}


def test_a_diff_that_makes_no_sense_is_refused(http: httpx.Client, story: Story):
    def asked(**query: str) -> httpx.Response:
        return http.get("/v1/diff", params=query)

    problem(asked(), 422, "invalid-request", "from")
    swapped = asked(**{"from": story.after, "to": story.before})
    problem(swapped, 422, "wrong-order", "earlier point first")
    problem(asked(**{"from": "x"}), 422, "bad-position")
    said = problem(asked(**{"from": story.before, "to": "1990-01-01T00:00:00Z"}), 422, "bad-time")
    assert said["errors"][0]["parameter"] == "to"
    for stream in ("nope", "session/nope", "person/1"):
        problem(asked(**{"from": story.before, "stream": stream}), 422, "malformed-stream")
