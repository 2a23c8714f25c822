"""Backtests: what a model was asked, answered by another version, for those who may promote."""

import uuid
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sklearn.datasets import load_iris

from tests.support.api_assertions import problem
from tests.support.people import People

pytestmark = pytest.mark.kafka
WAIT = {"Prefer": "wait=60"}
HOUR = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
FLOWERS = [dict(zip(COLUMNS, row, strict=True)) for row in load_iris().data.tolist()]
VERSIONS = (
    ("logistic-regression", "iris", {}),
    ("dummy", "iris", {"hyperparameters": {"strategy": "most_frequent"}}),
    ("ridge", "diabetes", {}),
    ("naive-bayes", "wine", {}),
)


@pytest.fixture(scope="module")
def model(known: People) -> str:
    """The path of a model of the owner, whose four versions differ; the first one answers."""
    session = known.session("backtests")
    path = f"/v1/models/b-{uuid.uuid4().hex[:8]}"
    trainings = []
    for estimator, dataset, more in VERSIONS:
        made = post(
            known, f"{session}/trainings", {"estimator": estimator, "dataset": dataset, **more}
        )
        assert made.json()["status"] == "completed", made.text
        trainings.append(made.json()["id"])
    assert post(known, f"{session}/commit", {}).status_code == 201
    for training in trainings:
        made = post(known, f"{path}/versions", {"training": training})
        assert made.status_code == 201, made.text
    assert post(known, f"{path}/promote", {"version": 1}).status_code == 200
    post(known, f"{path}/share", {"user": "other", "may": "predict"})
    return path


def post(known: People, path: str, body: object, who: str = "owner") -> httpx.Response:
    return known.ask(who, "POST", path, json=body, headers=WAIT)


def test_another_version_is_asked_what_was_asked_and_compared(known: People, model: str):
    early = post(known, f"{model}/backtests", {"version": 2, "since": HOUR})
    problem(early, 422, "nothing-asked", "choose an earlier")
    said = [
        post(known, f"{model}/predict", {"records": part}, who).json()
        for part, who in ((FLOWERS[:100], "owner"), (FLOWERS[100:], "other"))
    ]
    right = [{"request": said[0]["request"], "row": row, "right": True} for row in range(60)]
    assert post(known, f"{model}/truths", {"truths": right}).status_code in (200, 201)
    headers = {"Idempotency-Key": str(uuid.uuid4()), **WAIT}
    body = {"version": 2, "since": HOUR, "against": "champion"}
    made, again = (
        known.ask("owner", "POST", f"{model}/backtests", json=body, headers=headers)
        for _ in range(2)
    )
    assert (made.status_code, made.json()["status"]) == (201, "completed"), made.text
    assert made.json() == again.json(), "the same request is the same backtest"
    asked, found = made.json()["backtest"], made.json()["comparison"]
    assert (asked["requests"], asked["rows"], asked["against"]) == (2, {"1": 150}, 1)
    recorded = [row["prediction"] for one in said for row in one["predictions"]]
    only = found["changes"][0]["answer"]
    equal = recorded.count(only)
    assert (found["rows"], found["equal"], found["agreement"]) == (150, equal, equal / 150)
    assert found["equal_by_version"] == {"1": equal}
    assert (found["truths"], found["recorded_metrics"]) == (60, {"accuracy": 1.0, "f1": 1.0})
    assert found["metrics"]["accuracy"] == recorded[:60].count(only) / 60
    counts = {one["recorded"]: one["rows"] for one in found["changes"]}
    assert counts == {one: recorded.count(one) for one in {*recorded} - {only}}
    sure = {
        (one["request"], at): row["probabilities"][row["prediction"]]
        for one in said
        for at, row in enumerate(one["predictions"])
    }
    assert len(found["different"]) == 50
    for one in found["different"]:
        assert one["difference"] == pytest.approx(sure[one["request"], one["row"]], abs=1e-12)
    rows = known.ask("owner", "GET", made.json()["links"]["rows"]).text.splitlines()
    assert len(rows) == 151
    assert rows[0].startswith('"asked_request","asked_row","answered_by","recorded_answer"')
    listed = known.ask("owner", "GET", f"{model}/backtests").json()["items"]
    assert [one["id"] for one in listed] == [made.json()["id"]]
    shown = known.ask("owner", "GET", f"{model}/backtests/{made.json()['id']}")
    assert shown.json() == made.json()
    problem(post(known, f"{model}/backtests", body, "other"), 403, "forbidden")


def test_a_version_agrees_with_itself_to_the_last_bit(known: People, model: str):
    post(known, f"{model}/predict", {"records": FLOWERS})
    found = post(known, f"{model}/backtests", {"version": "champion", "since": HOUR}).json()
    assert (found["comparison"]["agreement"], found["comparison"]["largest_difference"]) == (1, 0)
    assert "different" not in found["comparison"] or not found["comparison"]["different"]


def test_what_cannot_be_replayed_is_said_before_the_work(known: People, model: str):
    post(known, f"{model}/predict", FLOWERS[0])
    ask = f"{model}/backtests"
    task = post(known, ask, {"version": 3, "since": HOUR})
    problem(task, 422, "nothing-to-replay", "answered by a version with another task")
    against = post(known, ask, {"version": 1, "since": HOUR, "against": 3})
    problem(against, 422, "other-task", "does regression, not classification")
    lacking = post(known, ask, {"version": 4, "since": HOUR})
    problem(lacking, 422, "nothing-to-replay", "have no alcohol, malic_acid")
    problem(post(known, ask, {"version": 9, "since": HOUR}), 422, "version-unknown", "versions 1")
    problem(post(known, ask, {"version": 2, "since": "yesterday"}), 422, "bad-time", "no time")
    none = post(known, ask, {"version": 1, "since": HOUR, "against": 2})
    problem(none, 422, "nothing-asked", "answered by version 2")
    for path in (ask, f"{model}/versions/2/predictions"):
        problem(known.ask("owner", "GET", f"{path}/{uuid.UUID(int=0)}"), 404, "run-unknown")
