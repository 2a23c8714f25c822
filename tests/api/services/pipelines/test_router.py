"""Pipelines over HTTP: from a dataset to the best model, and again from the cache."""

import httpx
import pytest

from tests.support.waiting import until

WAIT = {"Prefer": "wait=60"}
FILE = """
pipeline: {name}
parameters:
  depth: {{type: integer, default: 3}}
  share: {{type: number, default: 0.25}}
steps:
  - source: {{dataset: iris}}
  - select: {{where: "petal_length > 1"}}
  - split: {{test: "${{share}}"}}
  - train:
      target: species
      candidates:
        - {{estimator: decision-tree, hyperparameters: {{max_depth: "${{depth}}"}}}}
        - dummy
  - evaluate: {{metrics: [f1]}}
  - compare: {{by: f1}}
"""
STEPS = ["source", "select", "split", "train", "evaluate", "compare"]


def applied(http: httpx.Client, name: str, text: str = FILE) -> str:
    answer = http.post("/v1/pipelines", json={"text": text.format(name=name)})
    assert answer.status_code == 201, answer.text
    return f"/v1/pipelines/{name}"


def run(http: httpx.Client, at: str, **body: object) -> dict:
    answer = http.post(f"{at}/runs", json=body, headers=WAIT)
    assert answer.status_code == 201, answer.text
    ended = answer.json()
    assert ended["status"] == "completed", ended
    assert [step["name"] for step in ended["steps"]] == STEPS
    return ended


def by_status(ended: dict) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for step in ended["steps"]:
        found.setdefault(step["status"], []).append(step["name"])
    return found


@pytest.fixture(scope="module")
def first(http: httpx.Client) -> tuple[str, dict]:
    """A pipeline, and its first run."""
    at = applied(http, "irises")
    return at, run(http, at)


def test_a_run_does_all_steps_and_chooses_the_best(http: httpx.Client, first: tuple[str, dict]):
    _, ended = first
    assert by_status(ended) == {"completed": STEPS}
    steps = {step["name"]: step for step in ended["steps"]}
    gave = steps["compare"]["gave"]
    best = gave["best"]
    assert gave["scores"][best]["f1"] == max(one["f1"] for one in gave["scores"].values())
    kept = http.get(f"/v1/experiments/{ended['trained_in']}/trainings/{best}").json()
    assert (kept["estimator"], kept["hyperparameters"]["max_depth"]) == ("decision-tree", 3)
    table = http.get(f"{steps['select']['links']['files']}/table.parquet")
    assert table.content[:4] == b"PAR1"
    for step, kind in (("compare", "step-without-files"), ("compre", "unknown-step")):
        absent = http.get(f"/v1/pipeline-runs/{ended['id']}/steps/{step}/files")
        assert absent.json()["type"].endswith(kind), absent.text


def test_another_run_takes_all_from_the_cache(http: httpx.Client, first: tuple[str, dict]):
    at, before = first
    plan = http.post(f"{at}/runs?dry_run=true", json={}).json()
    assert {step["plan"] for step in plan["steps"]} == {"cached"}
    again = run(http, at)
    assert by_status(again) == {"cached": STEPS}
    assert {step["made_by"] for step in again["steps"]} == {before["id"]}
    assert again["steps"][-1]["gave"] == before["steps"][-1]["gave"]


def test_what_depends_on_a_changed_parameter_runs_again(
    http: httpx.Client, first: tuple[str, dict]
):
    at, _ = first
    changed = run(http, at, parameters={"depth": 2})
    assert by_status(changed) == {"cached": STEPS[:3], "completed": STEPS[3:]}


def test_a_cancelled_run_ends_its_steps_and_the_other_process_knows(
    system, first: tuple[str, dict]
):
    """The session of its trainings is left without a run that goes on."""
    at, _ = first
    asked = system.http.post(f"{at}/runs", json={"no_cache": True}).json()
    where = f"/v1/pipeline-runs/{asked['id']}"
    over = system.other.post(f"{where}/cancel")
    assert over.status_code == 200, over.text
    assert over.json()["status"] == "cancelled"
    assert {step["status"] for step in over.json()["steps"]} <= {"completed", "cancelled"}
    again = system.http.post(f"{where}/cancel")
    assert again.status_code == 409, again.text


def test_a_step_that_fails_ends_the_run_and_says_which(http: httpx.Client):
    text = (
        "pipeline: {name}\nsteps:\n  - source: {{dataset: iris}}\n  - select: {{columns: [leaf]}}\n"
    )
    at = applied(http, "leaves", text)
    ended = http.post(f"{at}/runs", json={}, headers=WAIT).json()
    assert (ended["status"], ended["reason"]) == ("failed", "input"), ended
    assert ended["detail"].startswith("step select: ")
    assert "leaf" in ended["detail"]


def test_a_run_that_takes_too_long_fails_and_no_step_of_it_has(http: httpx.Client):
    at = applied(http, "late")
    ended = http.post(f"{at}/runs", json={"time_limit": 0.1}, headers=WAIT).json()
    assert (ended["status"], ended["reason"]) == ("failed", "time"), ended
    assert {step["status"] for step in ended["steps"]} <= {"completed", "cancelled"}
    assert ended["steps"][-1]["why"] == "the run ended before it"


def test_drivers_are_not_listed_as_workers(http: httpx.Client):
    workers = http.get("/v1/status").json()["workers"]
    assert workers, "the agents have one"
    assert all(one["slots"] for one in workers), workers


def test_a_pipeline_has_so_many_open_runs_as_its_quota_allows(
    http: httpx.Client, first: tuple[str, dict]
):
    at, _ = first

    def used() -> dict[str, tuple[int, int]]:
        items = http.get(f"{at}/quota").json()["items"]
        return {one["name"]: (one["used"], one["limit"]) for one in items}

    assert used()["runs-open"] == (0, 20)
    assert used()["result-bytes"][0] > 0, "the table of the step select"
    assert http.post(f"{at}/quota", json={"name": "runs-open", "limit": 0}).status_code == 200
    refused = http.post(f"{at}/runs", json={})
    assert refused.status_code == 409, refused.text
    problem = refused.json()
    assert problem["type"] == "urn:autolearn:problem:quota-exceeded"
    assert (problem["quota"], problem["used"], problem["limit"]) == ("runs-open", 0, 0)
    assert "autolearn pipeline quota irises --set runs-open=N" in problem["detail"]
    assert http.post(f"{at}/runs?dry_run=true", json={}).status_code == 200, "a plan takes nothing"
    assert http.post(f"{at}/quota", json={"name": "runs-open", "limit": None}).status_code == 200
    run(http, at)


def test_an_old_run_is_forgotten_and_shown_as_of_before(http: httpx.Client):
    text = (
        "pipeline: {name}\nkeep: last 1\nsteps:\n"
        '  - source: {{dataset: iris}}\n  - select: {{where: "petal_length > 1"}}\n'
    )
    at = applied(http, "short", text)

    def ran() -> str:
        answer = http.post(f"{at}/runs", json={"no_cache": True}, headers=WAIT)
        assert answer.json()["status"] == "completed", answer.text
        return answer.json()["id"]

    def runs(**query: str) -> list[str]:
        answer = http.get("/v1/pipeline-runs", params={"pipeline": "short", **query})
        return [one["id"] for one in answer.json()["items"]]

    first = ran()
    then = http.get("/v1/position").json()["token"]
    second = ran()
    until(lambda: runs() == [second])
    assert runs(as_of=then) == [first]
    assert http.get(f"/v1/pipeline-runs/{first}").status_code == 404
    shown = http.get(f"/v1/pipeline-runs/{first[:13]}", params={"as_of": then})
    assert shown.status_code == 200, shown.text
    assert [step["status"] for step in shown.json()["steps"]] == ["completed"] * 2
    later = http.get(f"/v1/pipeline-runs/{second}", params={"as_of": then})
    assert later.status_code == 404, "it came later"
