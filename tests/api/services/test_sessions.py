"""Open, see, list, commit and discard sessions."""

import hashlib
import uuid

import httpx
from msgspec.structs import replace

from autolearn.client.sdk.client import AutoLearn
from autolearn.eventlog.positions import Position
from tests.api.conftest import System
from tests.support.api_assertions import problem

WAIT = {"Prefer": "wait=60"}


def test_a_session_is_there_for_whoever_opened_it(http: httpx.Client):
    answer = http.post("/v1/sessions", json={"title": "mine"})
    assert answer.status_code == 201
    seen = http.get(answer.headers["location"])
    assert seen.json() == answer.json()
    assert seen.json()["title"] == "mine"
    assert seen.json()["created"].endswith("Z")
    kinds = ("trainings", "evaluations", "predictions", "studies")
    assert seen.json()["counts"] == {kind: {} for kind in kinds}


def test_another_process_has_it_at_once(system: System):
    for _ in range(10):
        at = system.http.post("/v1/sessions").headers["location"]
        assert system.other.get(at).status_code == 200


def test_a_list_of_another_process_has_what_the_answer_to_a_change_has_reached(system: System):
    for _ in range(20):
        opened = system.http.post("/v1/sessions")
        after = {"AutoLearn-After": opened.headers["AutoLearn-Reached"]}
        listed = system.other.get("/v1/sessions?limit=1", headers=after).json()["items"]
        assert [item["id"] for item in listed] == [opened.json()["id"]]


def test_a_position_that_is_none_or_in_the_future_is_refused(system: System):
    reached = system.http.post("/v1/sessions").headers["AutoLearn-Reached"]
    position = Position.parse(reached)
    ahead = tuple(replace(place, next=place.next + 1000) for place in position.places)
    future = replace(position, places=ahead).token()
    foreign = replace(position, log="0" * 16).token()
    for token, words in (("x", "not a position"), (future, "future"), (foreign, "another log")):
        answer = system.other.get("/v1/sessions", headers={"AutoLearn-After": token})
        problem(answer, 422, "bad-position", words)


def test_a_client_reads_its_own_writes_through_whichever_process(system: System):
    """A balancer gives what changes something to one, and what reads to the other."""

    class Balancer(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            to = system.other if request.method == "GET" else system.http
            request.url = to.base_url.copy_with(raw_path=request.url.raw_path)
            return inner.handle_request(request)

    with (
        httpx.HTTPTransport() as inner,
        AutoLearn("http://localhost", transport=Balancer(), seal=False) as client,
    ):
        for _ in range(20):
            opened = client.sessions.open("mine")
            assert client.sessions.list(limit=1)[0].id == opened.id
            client.session(id=opened.id).discard()
            assert opened.id not in [one.id for one in client.sessions.list(limit=5)]


def test_sessions_are_listed_newest_first_in_pages_that_any_process_gives(system: System):
    opened = [system.http.post("/v1/sessions").json()["id"] for _ in range(5)]
    seen, next_page, clients = [], "/v1/sessions?limit=2", [system.http, system.other]
    while len(seen) < 5:
        page = clients[len(seen) % 2].get(next_page)
        seen += [item["id"] for item in page.json()["items"]]
        next_page = page.links["next"]["url"]
    assert seen[:5] == opened[::-1]


def test_the_last_page_has_no_next(http: httpx.Client):
    http.post("/v1/sessions")
    page = http.get("/v1/sessions?limit=500")
    for _ in range(100):
        if "next" not in page.links:
            break
        page = http.get(page.links["next"]["url"])
    assert page.json()["next"] is None
    assert "link" not in page.headers


def test_a_committed_session_is_an_experiment_and_no_session_any_more(http: httpx.Client):
    at = http.post("/v1/sessions", json={"title": "kept"}).headers["location"]
    body = {"estimator": "naive-bayes", "dataset": "iris", "seed": 7}
    training = http.post(f"{at}/trainings", json=body, headers={"Prefer": "wait=60"}).json()
    body = {"training": training["id"], "metrics": ["precision", "recall"]}
    http.post(f"{at}/evaluations", json=body, headers={"Prefer": "wait=60"})
    answer = http.post(f"{at}/commit")
    assert answer.status_code == 201, answer.text
    experiment = answer.headers["location"]
    kept = http.get(experiment).json()
    assert kept["title"] == "kept"
    assert kept["training_data"] == kept["evaluation_data"] == [training["dataset"]]
    assert [run["kind"] for run in kept["runs"]] == ["training", "evaluation"]
    (trained,) = http.get(kept["links"]["trainings"]).json()["items"]
    assert trained["seed"] == 7
    (measured,) = http.get(kept["links"]["evaluations"]).json()["items"]
    assert set(measured["results"]) == {"precision", "recall", "per-class"}
    gone = problem(http.get(at), 404, "session-committed", experiment)
    assert gone["experiment"] == experiment
    assert at.rpartition("/")[2] not in http.get("/v1/sessions?limit=500").text
    assert http.get("/v1/experiments?limit=1").json()["items"][0]["id"] == kept["id"]
    files = http.get(trained["links"]["artifact"]).json()["files"]
    assert "model.skops" in {file["name"] for file in files}
    problem(http.post(f"{at}/commit"), 409, "session-committed")
    problem(http.post(f"{at}/discard"), 409, "session-committed")
    again = {"estimator": "naive-bayes", "dataset": "iris"}
    problem(http.post(f"{at}/trainings", json=again), 409, "session-committed")
    problem(http.get(f"{at}/trainings"), 404, "session-committed")


def test_a_session_and_its_experiment_have_the_newest_title(http: httpx.Client):
    at = http.post("/v1/sessions", json={"title": "first"}).headers["location"]
    session = at.rpartition("/")[2]
    point = http.get("/v1/position").json()["token"]
    answer = http.post(f"{at}/rename", json={"title": "second"})
    assert (answer.status_code, answer.json()) == (200, {"id": session, "title": "second"})
    assert http.get(at).json()["title"] == "second"
    assert http.get(at, params={"as_of": point}).json()["title"] == "first"
    (change,) = http.get("/v1/diff", params={"from": point, "stream": f"session/{session}"}).json()[
        "items"
    ]
    assert (change["before"]["title"], change["after"]["title"]) == ("first", "second")
    body = {"estimator": "naive-bayes", "dataset": "iris"}
    http.post(f"{at}/trainings", json=body, headers={"Prefer": "wait=60"})
    experiment = http.post(f"{at}/commit").headers["location"]
    assert http.get(experiment).json()["title"] == "second"
    assert http.post(f"{at}/rename", json={"title": "third ❀"}).status_code == 200
    assert http.get("/v1/experiments?limit=1").json()["items"][0]["title"] == "third ❀"
    problem(http.post(f"{at}/rename", json={"title": "x" * 201}), 422, "invalid-body")
    problem(http.post(f"{at}/rename", json={}), 422, "invalid-body", "title")
    assert http.post(f"{experiment}/delete").status_code == 200
    problem(http.post(f"{at}/rename", json={"title": "x"}), 409, "session-deleted")


def test_notes_and_tags_of_a_session_a_training_and_an_experiment(http: httpx.Client):
    at = http.post("/v1/sessions", json={"title": "annotated"}).headers["location"]
    session, body = at.rpartition("/")[2], {"estimator": "naive-bayes", "dataset": "iris"}
    training = http.post(f"{at}/trainings", json=body, headers={"Prefer": "wait=60"}).json()["id"]
    point = http.get("/v1/position").json()["token"]
    said = http.post(f"{at}/note", json={"note": "petals ❀"}).json()
    assert (said["id"], said["notes"][0]["text"]) == (session, "petals ❀")
    assert http.post(f"{at}/tag", json={"tags": ["a", "b b"]}).json()["tags"] == ["a", "b b"]
    assert http.post(f"{at}/tag", json={"remove": ["a"]}).json()["tags"] == ["b b"]
    said = http.post(f"{at}/trainings/{training[:8]}/tag", json={"tags": ["best"]}).json()
    assert (said["id"], said["tags"]) == (training, ["best"])
    assert http.get(f"{at}/trainings/{training}").json()["tags"] == ["best"]
    assert http.get(at).json()["tags"] == ["b b"]
    assert http.get(at, params={"as_of": point}).json()["tags"] == []
    (line,) = http.get("/v1/compare", params={"of": session}).json()["trainings"]
    assert line["tags"] == ["best"]
    experiment = http.post(f"{at}/commit").headers["location"]
    http.post(f"{at}/note", json={"note": "kept"})
    shown = http.get(experiment).json()
    assert [note["text"] for note in shown["notes"]] == ["petals ❀", "kept"]
    assert http.get("/v1/experiments?limit=1").json()["items"][0]["tags"] == ["b b"]
    for wrong in ({}, {"tags": ["a,b"]}, {"tags": ["x" * 51]}, {"tags": ["a"], "remove": ["a"]}):
        problem(http.post(f"{at}/tag", json=wrong), 422, "invalid-body")
    many = {"tags": [f"t{n}" for n in range(50)]}
    problem(http.post(f"{at}/tag", json=many), 422, "invalid-body", "more than 50")
    problem(http.post(f"{at}/note", json={"note": " "}), 422, "invalid-body")
    assert http.post(f"{experiment}/delete").status_code == 200
    problem(http.post(f"{at}/note", json={"note": "x"}), 409, "session-deleted")


def test_a_file_is_attached_to_a_training_and_kept_with_the_experiment(http: httpx.Client):
    at = http.post("/v1/sessions", json={"title": "with files"}).headers["location"]
    body, wait = {"estimator": "naive-bayes", "dataset": "iris"}, {"Prefer": "wait=60"}
    training = http.post(f"{at}/trainings", json=body, headers=wait).json()["id"]
    files = f"{at}/trainings/{training}/attachments"
    content = bytes(range(256)) * 1000
    media = {"Content-Type": "image/png"}
    answer = http.put(files, params={"name": "plot é.png"}, content=content, headers=media)
    assert answer.status_code == 201, answer.text
    attached = answer.json()
    assert (attached["media"], attached["bytes"]) == ("image/png", len(content))
    assert attached["sha256"] == hashlib.sha256(content).hexdigest()
    http.put(files, params={"name": "b"}, content=b"first")
    http.put(files, params={"name": "b"}, content=b"second")
    experiment = http.post(f"{at}/commit").headers["location"]
    shown = http.get(f"{experiment}/trainings/{training}").json()["attachments"]
    assert [one["name"] for one in shown] == ["plot é.png", "b"]
    assert http.get(files, params={"name": "plot é.png"}).content == content
    assert http.get(files, params={"name": "b"}).content == b"second"
    problem(http.get(files, params={"name": "c"}), 404, "unknown-attachment", "plot é.png")
    assert http.put(files, params={"name": "a/c"}, content=b"x").status_code == 422
    assert http.post(f"{experiment}/delete").status_code == 200
    assert http.get(files, params={"name": "b"}).status_code in (404, 410)


def test_experiments_are_found_by_what_they_keep(http: httpx.Client):
    wait, mark = {"Prefer": "wait=60"}, uuid.uuid4().hex[:8]
    kept = []
    for estimator, tag in (("naive-bayes", "a"), ("dummy", "b")):
        at = http.post("/v1/sessions", json={"title": f"Found {mark}"}).headers["location"]
        body = {"estimator": estimator, "dataset": "iris"}
        training = http.post(f"{at}/trainings", json=body, headers=wait).json()
        assert training["cpu_seconds"] > 0
        body = {"training": training["id"], "metrics": ["f1"]}
        http.post(f"{at}/evaluations", json=body, headers=wait)
        run = f"{at}/trainings/{training['id']}"
        logged = http.post(f"{run}/log", json={"metrics": {"cost": 5, "x y": 0.1}}).json()["logged"]
        assert logged == {"cost": 5, "x y": 0.1}
        http.post(f"{run}/note", json={"note": f"Petals of {tag}"})
        http.post(f"{at}/tag", json={"tags": [tag, mark]})
        http.post(f"{at}/commit")
        kept.append((at.rpartition("/")[2], training["id"]))

    def found(**query: str) -> list[tuple[str, ...]]:
        answer = http.get("/v1/experiments", params={"tag": mark, **query})
        assert answer.status_code == 200, answer.text
        items = answer.json()["items"]
        assert all(one["cpu_seconds"] > 0 for one in items)
        return [(one["id"], *one["matches"]) for one in items]

    first, second = kept
    assert found() == found(since="1h", owner="me", dataset="iris") == [second[:1], first[:1]]
    assert found(where="f1 > 0.8") == [first]
    assert found(where="f1 < 0.8 and fit_seconds < 1000 and cpu_seconds > 0") == [second]
    assert found(where='"cost (logged)" >= 5', estimator="dummy") == [second]
    assert found(where="f1 > 0.8", estimator="dummy") == found(where="recall > 0") == []
    assert found(grep=f"FOUND {mark} petals") == [second[:1], first[:1]]
    assert found(grep=f"{mark} nowhere") == []
    assert found(dataset="wine") == found(since="2100-01-01T00:00:00Z") == found(owner="x") == []
    page = http.get("/v1/experiments", params={"tag": [mark, "a"], "limit": 1}).json()
    assert ([one["id"] for one in page["items"]], page["looked"] >= 2) == ([first[0]], True)
    for wrong in ({"where": "f1 >"}, {"where": "nothing > 1"}, {"since": "soon"}):
        assert http.get("/v1/experiments", params=wrong).status_code == 422
    (line,) = http.get("/v1/compare", params={"of": first[0]}).json()["trainings"]
    assert line["scores"]["cost (logged)"]["value"] == 5


def test_an_experiment_is_evaluated_on_new_data_beside_what_it_keeps(http: httpx.Client):
    at = http.post("/v1/sessions", json={"title": "measured later"}).headers["location"]
    body = {"estimator": "naive-bayes", "dataset": "iris"}
    for seed in (0, 1):
        answer = http.post(f"{at}/trainings", json={**body, "seed": seed}, headers=WAIT)
        assert answer.status_code == 201, answer.text
    trainings = [one["id"] for one in http.get(f"{at}/trainings").json()["items"]]
    held_out = {"training": trainings[0], "metrics": ["accuracy"]}
    http.post(f"{at}/evaluations", json=held_out, headers=WAIT)
    experiment = http.post(f"{at}/commit").headers["location"]
    before = http.get(experiment).json()
    rows = http.get("/v1/catalog/datasets/iris/content").content
    http.put("/v1/catalog/datasets/irises-of-june?target=species", content=rows)
    body = {"training": trainings[1][:8], "dataset": "irises-of-june"}
    answer = http.post(f"{experiment}/evaluations", json=body, headers=WAIT)
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert (found["status"], found["held_out"], found["rows"]) == ("completed", False, 150)
    assert found["links"]["owner"] == experiment
    assert http.get(answer.headers["location"]).json() == found
    assert [one["id"] for one in http.get(f"{experiment}/evaluations").json()["items"]][-1] == (
        found["id"]
    )
    after = http.get(experiment).json()
    assert after["counts"] == before["counts"]
    assert after["evaluation_data"] == before["evaluation_data"]
    assert after["since_commit"] == {"evaluations": {"completed": 1}}
    assert found["number"] > after["sequence"]
    refused = problem(
        http.post(f"{experiment}/evaluations", json={}), 422, "training-ambiguous", "2 completed"
    )
    assert [one["detail"].split()[:2] for one in refused["errors"]] == [
        [one[:8], "naive-bayes"] for one in trainings
    ]
    assert "accuracy" in refused["errors"][0]["detail"]
    asked = {"Prefer": "respond-async"}
    pending = http.post(f"{experiment}/evaluations", json=body, headers=asked)
    assert pending.status_code == 202, pending.text
    state = http.get(pending.headers["location"]).json()
    while state["state"] == "pending":
        state = http.get(pending.headers["location"]).json()
    assert state["resource"].startswith(f"{experiment}/evaluations/")


def test_the_only_training_need_not_be_named(http: httpx.Client, session: str):
    problem(http.post(f"{session}/evaluations", json={}), 422, "training-missing", "train first")
    body = {"estimator": "naive-bayes", "dataset": "iris"}
    training = http.post(f"{session}/trainings", json=body, headers=WAIT).json()["id"]
    found = http.post(f"{session}/evaluations", json={"metrics": ["f1"]}, headers=WAIT).json()
    assert (found["training"], found["status"]) == (training, "completed")


def test_nothing_is_left_of_a_discarded_session(http: httpx.Client, session: str):
    run = http.post(f"{session}/trainings", json={"estimator": "svm", "dataset": "digits"}).json()
    answer = http.post(f"{session}/discard")
    assert answer.status_code == 200
    assert answer.json()["cancelled"] in ([run["id"]], [])
    problem(http.get(session), 410, "session-discarded")
    problem(http.get(f"{session}/trainings/{run['id']}"), 410, "session-discarded")


def test_a_session_without_a_model_cannot_be_committed(http: httpx.Client, session: str):
    problem(http.post(f"{session}/commit"), 409, "nothing-to-commit")
    assert http.get(session).status_code == 200


def test_an_open_session_is_no_experiment(http: httpx.Client, session: str):
    at = session.replace("sessions", "experiments")
    problem(http.get(at), 404, "experiment-unknown", "not committed")
