"""The preprocessing of a training: resolved by the types of columns, or refused."""

import httpx
import pytest

from tests.support.api_assertions import problem

pytestmark = pytest.mark.kafka

ROWS = "".join(
    f"{n % 9 or ''},{n * 1.5},{'abc'[n % 3]},{'true' if n % 4 else 'false'},"
    f"2024-0{n % 9 + 1}-11T0{n % 7}:00,note {'good' if n % 2 else 'bad'} {n},{'yn'[n % 2]}\n"
    for n in range(80)
)
CONTENT = f"age,eur,plan,ok,at,notes,y\n{ROWS}"
AT = "/v1/catalog/datasets/prepared"
WAIT = {"Prefer": "wait=60"}


@pytest.fixture(scope="module", autouse=True)
def dataset(http: httpx.Client) -> None:
    answer = http.put(f"{AT}?target=y", content=CONTENT)
    assert answer.status_code == 201, answer.text


def train(http: httpx.Client, session: str, preprocessing: dict, **more: object) -> dict:
    body = {"estimator": "logistic-regression", "dataset": "prepared", **more}
    body["preprocessing"] = preprocessing
    answer = http.post(f"{session}/trainings", json=body, headers=WAIT)
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert found["status"] == "completed", answer.text
    at = f"{session}/trainings/{found['id']}/artifact/training.json"
    assert http.get(at).json()["preprocessing"] == found["preprocessing"]
    return found


def test_what_has_no_effect_is_not_recorded(http: httpx.Client, session: str):
    usual = {"impute": "median", "scale": "standard", "encode": "one-hot"}
    assert train(http, session, {})["preprocessing"] == usual
    nothing = {"indicator": False, "clip": 0, "min_frequency": 0, "dates": "none", "columns": {}}
    nothing |= {"max_features": 0, "drop_duplicates": False, "select": None, "balance": None}
    found = train(http, session, {**nothing, "log": False, "columns": {"age": {}}})
    assert found["preprocessing"] == usual
    assert found["left_out"] == {"notes": "all-different"}


def test_values_get_the_types_of_their_columns(http: httpx.Client, session: str):
    columns = {
        "age": {"impute": "constant", "fill_value": 0, "clip": 0.1},
        "plan": {"impute": "constant", "fill_value": 7, "min_frequency": 3},
        "ok": {"impute": "constant", "fill_value": "TRUE", "encode": "target"},
        "at": {"dates": "parts", "indicator": True},
    }
    found = train(http, session, {"impute": "constant", "fill_value": 1, "columns": columns})
    assert found["preprocessing"]["fill_value"] == 1.0
    assert found["preprocessing"]["columns"] == {
        "age": {"impute": "constant", "fill_value": 0.0, "clip": 0.1},
        "plan": {"impute": "constant", "fill_value": "7", "min_frequency": 3},
        "ok": {"impute": "constant", "fill_value": True, "encode": "target"},
        "at": {"indicator": True, "dates": ["year", "month", "day", "weekday", "hour"]},
    }
    names = found["parameters"]["features"]
    assert [name for name in names if name.startswith("at")] == [
        "at_month",
        "at_weekday",
        "at_hour",
    ]


def test_a_column_with_a_preprocessing_of_its_own_is_a_feature(http: httpx.Client, session: str):
    found = train(http, session, {"columns": {"notes": {"min_frequency": 0.3}}})
    assert found["left_out"] == {}


def test_text_with_words_is_a_feature_and_rows_and_features_are_chosen(
    http: httpx.Client, session: str
):
    more = {"select": 5, "balance": "weights", "drop_duplicates": True}
    words = {"columns": {"notes": {"encode": "tf-idf", "max_features": 3}}}
    found = train(http, session, {**words, **more})
    assert found["left_out"] == {}
    assert {name: found["preprocessing"][name] for name in more} == more
    parameters = found["parameters"]
    assert len(parameters["features"]) == 5
    assert (parameters["duplicate_rows"], len(parameters["class_weights"])) == (0, 2)


@pytest.mark.parametrize(
    ("preprocessing", "kind", "pointer", "words"),
    [
        ({"columns": {"ages": {}}}, "unknown-column", "columns", "Did you mean 'age'?"),
        ({"columns": {"y": {"clip": 0.1}}}, "preprocessing-unfit", "columns/y", "the target"),
        ({"columns": {"eur": {"clip": 0.1}}}, "preprocessing-unfit", "columns/eur", "as asked"),
        (
            {"columns": {"plan": {"scale": "none"}}},
            "preprocessing-unfit",
            "columns/plan/scale",
            "plan has text, and scale is for numbers and times",
        ),
        (
            {"columns": {"age": {"impute": "constant", "fill_value": "x"}}},
            "preprocessing-unfit",
            "columns/age/fill_value",
            "'x' is none of them",
        ),
        ({"impute": "constant"}, "preprocessing-unfit", "fill_value", "together"),
        ({"clip": 0.5}, "invalid-body", "clip", "less than 0.5"),
        ({"select": 0}, "invalid-body", "select", "greater than"),
        (
            {"columns": {"ok": {"encode": "tf-idf"}}},
            "preprocessing-unfit",
            "columns/ok/encode",
            "tf-idf is for text",
        ),
        ({"dates": ["century"]}, "invalid-body", "dates", "year"),
        ({"min_frequency": 1.5}, "invalid-body", "min_frequency", "less than 1"),
        ({"columns": {"age": {"depth": 1}}}, "invalid-body", "columns/age/depth", "no such field"),
    ],
)
def test_what_does_not_fit_is_refused(
    http: httpx.Client, session: str, preprocessing: dict, kind: str, pointer: str, words: str
):
    body = {"estimator": "logistic-regression", "dataset": "prepared", "drop": ["eur"]}
    answer = http.post(f"{session}/trainings", json={**body, "preprocessing": preprocessing})
    found = problem(answer, 422, kind)
    errors = [one for one in found["errors"] if words in one["detail"]]
    assert errors, found
    assert errors[0]["pointer"].startswith(f"#/preprocessing/{pointer}")


def test_an_encoding_by_the_target_needs_one(http: httpx.Client, session: str):
    body = {"estimator": "k-means", "dataset": "prepared", "preprocessing": {"encode": "target"}}
    answer = http.post(f"{session}/trainings", json=body)
    problem(answer, 422, "preprocessing-unfit", "no target to encode by in clustering")
