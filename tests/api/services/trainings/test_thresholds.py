"""Calibration and thresholds over REST: what is taken, and what is refused before a training."""

import httpx
import pytest

from tests.support.api_assertions import problem

pytestmark = pytest.mark.kafka

ROWS = "".join(f"{n * 7 % 13},{n * 5 % 11},{'yn'[n * 7 % 13 < 9]}\n" for n in range(120))
WAIT = {"Prefer": "wait=60"}


@pytest.fixture(scope="module")
def visits(http: httpx.Client) -> str:
    """A dataset."""
    answer = http.put("/v1/catalog/datasets/calls?target=y", content=f"a,b,y\n{ROWS}")
    assert answer.status_code == 201, answer.text
    return "calls"


def test_both_are_recorded(http: httpx.Client, session: str, visits: str):
    body = {
        "estimator": "linear-svm",
        "dataset": visits,
        "calibrate": "sigmoid",
        "threshold": "f1:y",
    }
    found = http.post(f"{session}/trainings", json=body, headers=WAIT).json()
    assert found["status"] == "completed", found
    assert (found["calibrate"], found["threshold"]) == ("sigmoid", "f1:y")
    chosen = found["parameters"]["threshold"]
    assert (chosen["class"], chosen["metric"], chosen["rows"]) == ("y", "f1:y", 90)
    found = http.post(
        f"{session}/trainings",
        json={"estimator": "naive-bayes", "dataset": visits, "threshold": 0.3},
        headers=WAIT,
    ).json()
    assert (found["threshold"], found["calibrate"]) == ("0.3", None)
    assert found["parameters"]["threshold"] == {"value": 0.3, "class": "y"}


def test_the_positive_class_of_a_dataset_is_that_of_thresholds_and_evaluations(
    http: httpx.Client, session: str
):
    at, content = "/v1/catalog/datasets/rare", f"a,b,y\n{ROWS}"
    added = http.put(f"{at}?target=y&positive=n", content=content)
    assert (added.status_code, added.json()["positive"]) == (201, "n"), added.text
    assert http.put(at, content=content).status_code == 200, "nothing else is said of it"
    assert http.put(at, content=f"{content}1,2,n\n").json()["positive"] == "n"
    found = problem(http.post(f"{at}/describe", json={"positive": "x"}), 422, "class-unknown")
    assert found["errors"] == [
        {"pointer": "#/positive", "detail": "y has no class 'x'; its classes are n, y"}
    ]
    body = {"estimator": "naive-bayes", "dataset": "rare", "threshold": 0.4}
    run = http.post(f"{session}/trainings", json=body, headers=WAIT).json()
    assert run["threshold"] == "0.4:n"

    def evaluated(**more: str):
        asked = {"training": run["id"], "metrics": ["recall"], **more}
        return http.post(f"{session}/evaluations", json=asked, headers=WAIT).json()

    assert (evaluated()["positive"], evaluated(positive="y")["positive"]) == ("n", "y")
    assert http.post(f"{at}/describe", json={"positive": ""}).json()["positive"] is None
    assert evaluated()["positive"] is None
    assert http.post(f"{at}/describe", json={"positive": "n"}).json()["positive"] == "n"
    assert http.post(f"{at}/describe", json={"sensitive": ["y"]}).json()["positive"] is None
    refused = http.post(f"{at}/describe", json={"positive": "n"})
    assert "sensitive" in problem(refused, 422, "class-unknown")["detail"]


@pytest.mark.parametrize(
    ("more", "pointer", "words"),
    [
        ({"threshold": "f9:y"}, "#/threshold", "there is no metric 'f9'"),
        ({"threshold": "f1:maybe"}, "#/threshold", "has no class 'maybe'; its classes are n, y"),
        ({"threshold": "accuracy:y"}, "#/threshold", "accuracy cannot be of one class"),
        (
            {"threshold": "roc-auc:y"},
            "#/threshold",
            "roc-auc chooses no threshold: choose from acc",
        ),
        ({"threshold": "1.5:y"}, "#/threshold", "a probability is between 0 and 1; got 1.5:y"),
        ({"threshold": "nan"}, "#/threshold", "a probability is between 0 and 1; got nan"),
        ({"dataset": "iris", "threshold": 0.5}, "#/threshold", "and species has 3"),
        ({"estimator": "k-means", "calibrate": "sigmoid"}, "#/calibrate", "k-means is for clust"),
        ({"estimator": "k-means", "threshold": 0.5}, "#/threshold", "k-means is for clustering"),
    ],
)
def test_what_does_not_fit_is_refused(
    http: httpx.Client, session: str, visits: str, more: dict, pointer: str, words: str
):
    body = {"estimator": "naive-bayes", "dataset": visits, **more}
    content = problem(http.post(f"{session}/trainings", json=body), 422, "threshold-unfit", words)
    assert [error["pointer"] for error in content["errors"]] == [pointer]


@pytest.mark.parametrize("more", [{"threshold": 0}, {"threshold": 1.5}, {"calibrate": "beta"}])
def test_what_is_no_threshold_is_refused(http: httpx.Client, session: str, visits: str, more: dict):
    body = {"estimator": "naive-bayes", "dataset": visits, **more}
    [name] = more
    problem(http.post(f"{session}/trainings", json=body), 422, "invalid-body", f"#/{name}")
