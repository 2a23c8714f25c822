"""A study asks for its trials as trainings, chooses by their folds, and measures the best once."""

import httpx
import pytest

pytestmark = pytest.mark.kafka

WAIT = {"Prefer": "wait=60"}


def items(http: httpx.Client, path: str) -> list[dict]:
    return http.get(path).json()["items"]


def test_a_study_finds_its_best_trial_by_folds_alone(http: httpx.Client, session: str):
    body = {
        "estimator": "decision-tree",
        "dataset": "iris",
        "trials": 4,
        "parallel": 2,
        "hyperparameters": {"splitter": "best"},
        "space": {"max_depth": {"low": 1, "high": 4}, "criterion": {"choices": ["entropy"]}},
        "split": {"folds": 3},
    }
    answer = http.post(f"{session}/studies", json=body, headers=WAIT)
    assert (answer.status_code, answer.json()["status"]) == (201, "completed"), answer.text
    study = answer.json()
    trials = items(http, f"{session}/trainings?study={study['id']}")
    assert [one["trial"] for one in trials] == [0, 1, 2, 3]
    assert trials[0]["hyperparameters"] == {"splitter": "best"}, "the defaults come first"
    for one in trials[1:]:
        assert one["hyperparameters"]["max_depth"] in (1, 2, 3, 4)
        assert one["hyperparameters"] | {"max_depth": 0} == {
            "splitter": "best", "criterion": "entropy", "max_depth": 0
        }  # fmt: skip
        assert one["actor"] == trials[0]["actor"] == study["actor"]
    means = [one["cross_validation"]["accuracy"]["mean"] for one in trials]
    best = max(range(4), key=lambda number: (means[number], -number))
    assert (study["trial"], study["best"]) == (best, trials[best]["id"])
    assert study["score"] == means[best]
    assert study["second"]["difference"] == pytest.approx(
        means[best] - max(mean for number, mean in enumerate(means) if number != best)
    )
    (measured,) = items(http, f"{session}/evaluations")
    assert (measured["study"], measured["training"]) == (study["id"], study["best"])
    assert study["held_out"] == measured["results"] != {}


def test_a_study_that_is_cancelled_cancels_its_trials(http: httpx.Client, session: str):
    body = {"estimator": "random-forest", "dataset": "digits", "trials": 50, "parallel": 3}
    made = http.post(f"{session}/studies", json=body).json()
    at, trials = made["links"]["self"], f"{session}/trainings?study={made['id']}"
    while not items(http, trials):
        assert http.get(at, headers={"Prefer": "wait=0.2"}).json()["ended"] is None
    assert http.post(f"{at}/cancel").json()["status"] == "cancelled"
    for one in items(http, trials):
        ended = http.get(one["links"]["self"], headers=WAIT).json()
        assert ended["status"] in ("cancelled", "completed")
    assert len(items(http, trials)) < 50


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"estimator": "k-means"}, "nothing-to-tune"),
        ({"estimator": "dummy"}, "nothing-to-tune"),
        ({"estimator": "all", "hyperparameters": {"C": 1}}, "invalid-hyperparameters"),
        ({"space": {"C": {"low": 2, "high": 1}}}, "invalid-hyperparameters"),
        ({"space": {"C": {"low": 0, "high": 1, "log": True}}}, "invalid-hyperparameters"),
        ({"space": {"C": {"choices": ["many"]}}}, "invalid-hyperparameters"),
        ({"metric": "confusion-matrix"}, "metric-unfit"),
        ({"metric": "r2"}, "metric-unfit"),
        ({"trials": 0}, "malformed"),
        ({"budget": -1}, "malformed"),
    ],
)
def test_a_study_that_cannot_be_is_refused_at_once(
    http: httpx.Client, session: str, body: dict, problem: str
):
    answer = http.post(f"{session}/studies", json={"estimator": "svm", "dataset": "iris"} | body)
    assert answer.status_code in (400, 422), answer.text
    assert problem in answer.json()["type"] or answer.json()["title"], answer.text
