"""How the rows of a training are split, as a request or the roles of columns say."""

import httpx
import pytest

pytestmark = pytest.mark.kafka

ROWS = "".join(
    f"2024-{n % 12 + 1:02}-{n % 27 + 1:02},{n // 3},{n % 4 + 1},{['train', 'test'][n % 5 == 0]},"
    f"{n * 7 % 11},{'yn'[n % 3 == 0]}\n"
    for n in range(90)
)
CONTENT = f"day,house,count,part,x,y\n{ROWS}"
AT = "/v1/catalog/datasets"
WAIT = {"Prefer": "wait=60"}


@pytest.fixture(scope="module")
def visits(http: httpx.Client) -> str:
    """A dataset."""
    answer = http.put(f"{AT}/visits?target=y", content=CONTENT)
    assert answer.status_code == 201, answer.text
    return "visits"


def train(http: httpx.Client, session: str, **more: object) -> dict:
    body = {"estimator": "decision-tree", "dataset": "visits", **more}
    answer = http.post(f"{session}/trainings", json=body, headers=WAIT)
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "completed", answer.text
    return answer.json()


def test_rows_are_split_as_asked(http: httpx.Client, session: str, visits: str):
    found = train(http, session, split={"by": "time", "column": "day", "test": 0.2})
    split = {"test": 0.2, "stratify": True, "by": "time", "column": "day"}
    assert (found["split"], found["left_out"]) == (split, {"day": "time"})
    assert (found["rows_train"], found["rows_test"]) == (72, 18)
    found = train(http, session, split={"by": "column", "column": "part"})
    assert (found["left_out"], found["rows_test"]) == ({"part": "split"}, 18)
    found = train(http, session, split={"by": "group", "column": "house"}, features=["x", "house"])
    assert (found["features"], found["left_out"]) == (["x", "house"], {})
    assert found["rows_test"] % 3 == 0, "a house has three rows"


def test_folds_have_the_metrics_that_were_asked_for(http: httpx.Client, session: str, visits: str):
    metrics = ["accuracy", "f1"]
    found = train(http, session, split={"folds": 3}, fold_metrics=metrics)
    assert found["fold_metrics"] == metrics == sorted(found["cross_validation"])
    scores = found["cross_validation"]["accuracy"]
    assert len(scores["values"]) == 3
    assert scores["mean"] == pytest.approx(sum(scores["values"]) / 3)
    found = train(http, session, split={"folds": 2})
    assert "confusion-matrix" not in found["fold_metrics"]
    assert {"accuracy", "f1", "roc-auc"} <= found["cross_validation"].keys()


def test_a_split_follows_the_roles_of_columns(http: httpx.Client, session: str):
    roles = "&role=group=house&role=weight=count"
    answer = http.put(f"{AT}/visits?target=y{roles}", content=CONTENT)
    assert answer.status_code == 201, answer.text
    found = train(http, session)
    assert (found["split"]["by"], found["split"]["column"]) == ("group", "house")
    assert (found["weight"], found["left_out"]) == ("count", {"house": "group", "count": "weight"})
    found = train(http, session, roles={"day": "time"})
    assert (found["split"]["by"], found["split"]["column"]) == ("time", "day")
    found = train(http, session, split={"by": "random"}, roles={"count": "feature"})
    assert (found["split"], found["weight"]) == ({"test": 0.25, "stratify": True}, None)
    roles = {"house": None, "count": None}
    assert http.post(f"{AT}/visits/describe", json={"roles": roles}).status_code == 200


@pytest.mark.parametrize(
    ("more", "pointer", "words"),
    [
        ({"split": {"by": "time"}}, "#/split/column", "no column has the role time"),
        ({"split": {"column": "day"}}, "#/split/by", "say how the rows are split by day"),
        ({"split": {"by": "random", "column": "day"}}, "#/split/column", "has no column"),
        ({"split": {"by": "time", "column": "part"}}, "#/split/column", "a time is wanted"),
        ({"split": {"by": "group", "column": "hose"}}, "#/split/column", "Did you mean 'house'?"),
        ({"split": {"by": "group", "column": "y"}}, "#/split", "y is the target"),
        ({"split": {"folds": 1}}, "#/split/folds", "at least 2 folds"),
        ({"split": {"folds": 21}}, "#/split/folds", "less than or equal to 20"),
        ({"fold_metrics": ["f1"]}, "#/fold_metrics", "none are asked for"),
        ({"split": {"folds": 2}, "fold_metrics": ["f9"]}, "#/fold_metrics", "no metric 'f9'"),
        (
            {"split": {"folds": 2}, "fold_metrics": ["confusion-matrix"]},
            "#/fold_metrics",
            "is no number",
        ),
        ({"roles": {"part": "weight"}}, "#/roles", "holds no numbers"),
        ({"roles": {"x": "weight", "count": "weight"}}, "#/roles", "give it to one of them"),
        (
            {"split": {"by": "group"}, "roles": {"x": "group", "house": "group"}},
            "#/split/column",
            "house, x have the role group",
        ),
    ],
)
def test_splits_that_do_not_fit(
    http: httpx.Client, session: str, visits: str, more: dict, pointer: str, words: str
):
    body = {"estimator": "decision-tree", "dataset": "visits", **more}
    answer = http.post(f"{session}/trainings", json=body)
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["detail"]
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_a_training_reads_in_batches_as_asked(http: httpx.Client, session: str, visits: str):
    found = train(http, session, estimator="sgd", batches=True)
    assert (found["batches"], found["split"]["by"]) == (True, "hash")
    measured = http.post(f"{session}/evaluations", json={"training": found["id"]}, headers=WAIT)
    assert measured.json()["rows"] == found["rows_test"]
    assert train(http, session, split={"by": "hash", "column": "house"})["batches"] is False


@pytest.mark.parametrize(
    ("more", "pointer", "words"),
    [
        ({"batches": True}, "#/batches", "naive-bayes and sgd do"),
        ({"estimator": "sgd", "batches": True, "split": {"folds": 2}}, "#/split/folds", "folds"),
    ],
)
def test_what_goes_with_no_batches_is_refused(
    http: httpx.Client, session: str, visits: str, more: dict, pointer: str, words: str
):
    body = {"estimator": "decision-tree", "dataset": "visits", **more}
    answer = http.post(f"{session}/trainings", json=body)
    assert answer.status_code == 422, answer.text
    errors = {one["pointer"]: one["detail"] for one in answer.json()["errors"]}
    assert words in errors[pointer]
