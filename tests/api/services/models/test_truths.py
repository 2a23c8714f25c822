"""Truths: said of what was asked, refused otherwise, and joined with the answers."""

import uuid
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from autolearn import AutoLearn
from autolearn.runtime.uuid7 import uuid7
from tests.api.services.models.test_router import WINE, post
from tests.support.log_checker import read_topic
from tests.support.people import People

pytestmark = pytest.mark.kafka
NOBODY = uuid7(1_700_000_000_000)


def kept(known: People, estimator: str, dataset: str) -> str:
    """The id of a training of an experiment."""
    session = known.session(f"{estimator} of {dataset}")
    training: str = post(
        known, f"{session}/trainings", {"estimator": estimator, "dataset": dataset}
    ).json()["id"]
    assert post(known, f"{session}/commit").status_code in (200, 201)
    return training


def published(known: People, training: str) -> str:
    """The path of a model with one version, which answers."""
    model = f"/v1/models/m-{uuid.uuid4().hex[:8]}"
    assert post(known, f"{model}/versions", {"training": training}).status_code == 201
    promoted = post(known, f"{model}/promote", {"version": 1})
    assert promoted.status_code == 200
    after = {"AutoLearn-After": promoted.headers["AutoLearn-Reached"]}
    assert known.ask("owner", "GET", f"{model}/schema", headers=after).status_code == 200
    return model


@pytest.fixture(scope="module")
def training(known: People) -> str:
    return kept(known, "logistic-regression", "wine")


@pytest.fixture
def asked(known: People, training: str) -> tuple[str, str, list[str]]:
    """A model, a request of two rows to it, and the labels that it answered."""
    model = published(known, training)
    rows = [WINE | {"customer": 17}, WINE | {"customer": "x", "proline": 300}]
    said = post(known, f"{model}/predict", {"records": rows}).json()
    return model, said["request"], [one["prediction"] for one in said["predictions"]]


def kind_of(refused: Any) -> tuple[int, str]:
    return refused.status_code, refused.json()["type"].rpartition(":")[2]


def test_truths_are_beside_the_answers_and_measured(
    known: People, asked: tuple[str, str, list[str]]
):
    model, request, labels = asked
    wrong = next(one for one in ("class_0", "class_1", "class_2") if one != labels[1])
    body = {
        "truths": [{"request": request, "right": True}, {"key": {"customer": "x"}, "value": wrong}]
    }
    added = post(known, f"{model}/truths", body)
    assert added.json() == {"model": model.rpartition("/")[2], "added": 2, "replaced": 0, "same": 0}
    again = known.ask("owner", "POST", f"{model}/truths", known.elsewhere, json=body).json()
    assert (again["added"], again["same"]) == (0, 2), "the other process knows them"
    shown = known.ask("owner", "GET", f"{model}/prediction-log?request={request}").json()["items"]
    truths = [(one["row"], one["value"], one["actor"]) for one in shown[0]["truths"]]
    assert truths == [(0, labels[0], "owner"), (1, wrong, "owner")]
    found = known.ask("owner", "GET", f"{model}/truths").json()
    version = found["versions"][0]
    assert (version["version"], version["rows"], version["truths"]) == (1, 2, 2)
    assert version["metrics"]["accuracy"] == 0.5
    assert [(one["predicted"], one["truth"]) for one in found["items"]] == [
        (labels[0], labels[0]),
        (labels[1], wrong),
    ]
    other = {"truths": [{"request": request, "row": 1, "value": labels[1]}]}
    refused = post(known, f"{model}/truths", other)
    assert kind_of(refused) == (409, "truth-contradicts"), refused.text
    assert post(known, f"{model}/truths", other | {"replace": True}).json()["replaced"] == 1
    better = known.ask("owner", "GET", f"{model}/truths").json()
    assert better["versions"][0]["metrics"]["accuracy"] == 1.0
    on_log = read_topic(known.environment["AUTOLEARN_KAFKA"], known.topics.truths.name)
    records = {
        (partition, one.key[: one.key.rindex(b"/")]): one.value
        for partition, of in on_log.items()
        for one in of
        if one.key
    }
    asked_on = read_topic(known.environment["AUTOLEARN_KAFKA"], known.topics.predictions.name)
    keys = {(partition, one.key) for partition, of in asked_on.items() for one in of}
    assert records.keys() <= keys, "a truth lies on the partition of its prediction"
    assert not any(b"class_" in value for value in records.values())


def test_what_is_asked_for_another_purpose_is_listed_and_has_no_truth(
    known: People, asked: tuple[str, str, list[str]]
):
    model, request, labels = asked
    row = {**WINE, "customer": "z"}
    tensors = [
        {"name": column, "datatype": "FP64", "shape": [1], "data": [value]}
        for column, value in WINE.items()
    ]
    name, ids = model.rpartition("/")[2], {"production": request}
    ids["explain"] = post(known, f"{model}/predict?purpose=explain", row).json()["request"]
    body = {"inputs": tensors, "parameters": {"purpose": "showroom"}}
    ids["showroom"] = post(known, f"/v2/models/{name}/infer", body).json()["id"]

    def listed(query: str) -> list[str]:
        shown = known.ask("owner", "GET", f"{model}/prediction-log?{query}").json()["items"]
        assert all(ids[one["purpose"]] == one["request"] for one in shown)
        return [one["purpose"] for one in shown]

    assert listed("") == ["showroom", "production"], "explanations only if they are wanted"
    assert listed("purpose=explain") == listed(f"request={ids['explain']}") == ["explain"]
    assert listed("purpose=showroom") == ["showroom"]
    for bad in ({"request": ids["showroom"]}, {"key": {"customer": "z"}}):
        refused = post(known, f"{model}/truths", {"truths": [{**bad, "value": labels[0]}]})
        assert kind_of(refused) == (422, "truth-unfit"), refused.text
    assert (
        "was made for showroom"
        in post(
            known, f"{model}/truths", {"truths": [{"request": ids["showroom"], "right": True}]}
        ).text
    )
    rest = known.ask("owner", "GET", f"{model}/unlabelled").json()["items"]
    assert {one["request"] for one in rest} == {request}
    for path, body, words in (
        (f"{model}/predict?purpose=fun", row, "no purpose: there are production"),
        (f"/v2/models/{name}/infer", {"inputs": tensors, "parameters": {"purpose": 1}}, "purpose"),
    ):
        assert words in post(known, path, body).text
    shown = known.ask("owner", "GET", f"{model}/examples").json()
    assert (shown["version"], shown["records"][0].keys()) == (1, WINE.keys())
    assert post(
        known, f"{model}/predict?purpose=showroom", {"records": shown["records"]}
    ).is_success


def test_what_is_no_truth_of_the_model_is_refused_and_changes_nothing(
    known: People, asked: tuple[str, str, list[str]]
):
    model, request, labels = asked
    good = {"request": request, "value": labels[0]}
    for bad, words in (
        ({"request": NOBODY, "value": labels[0]}, "nobody asked this model"),
        ({"request": str(uuid.UUID(int=7)), "value": labels[0]}, "no id of a request"),
        ({"request": request, "row": 2, "value": labels[0]}, "no row 2"),
        ({"request": request, "row": 1, "value": "burgundy"}, "does not know the label"),
        ({"request": request, "row": 1}, "either the value"),
        ({"value": labels[0]}, "either the request"),
        ({"key": {"customer": 18}, "value": labels[0]}, "was asked since"),
        ({"key": {"hue": WINE["hue"]}, "value": labels[0]}, "2 rows"),
        ({"request": request, "value": labels[0] + "?"}, "does not know the label"),
    ):
        refused = post(known, f"{model}/truths", {"truths": [good, bad]})
        assert (refused.status_code, words in refused.text) == (422, True), refused.text
    twice = [good, good | {"value": next(c for c in ("class_0", "class_1") if c != labels[0])}]
    refused = post(known, f"{model}/truths", {"truths": twice})
    assert "two truths here" in refused.text
    assert known.ask("owner", "GET", f"{model}/truths").json()["versions"][0]["truths"] == 0


def test_the_least_certain_row_without_a_truth_comes_first(
    known: People, asked: tuple[str, str, list[str]]
):
    model, request, _ = asked
    found = known.ask("owner", "GET", f"{model}/unlabelled").json()
    assert (found["rows"], sorted(found["labels"])) == (2, ["class_0", "class_1", "class_2"])
    first, second = found["items"]
    assert first["certainty"] <= second["certainty"]
    assert first["inputs"]["customer"] == (17, "x")[first["row"]]
    body = {"truths": [{"request": request, "row": first["row"], "right": True}]}
    assert post(known, f"{model}/truths", body).json()["added"] == 1
    left = known.ask("owner", "GET", f"{model}/unlabelled").json()["items"]
    assert [one["row"] for one in left] == [second["row"]]


def test_it_says_what_rows_of_a_dataset_are_and_the_least_certain_come_first(
    known: People, asked: tuple[str, str, list[str]]
):
    model, name = asked[0].rpartition("/")[2], f"d-{uuid.uuid4().hex[:8]}"
    rules = known.ask("owner", "GET", f"{asked[0]}/rules").json()
    assert {one["column"] for one in rules["columns"]} == {*WINE}
    rows = [WINE | {"proline": proline, "id": f"n{proline}"} for proline in (1680, 600, 280)]
    at, content = f"/v1/catalog/datasets/{name}", pd.DataFrame(rows).to_csv(index=False)
    assert known.ask("owner", "PUT", at, content=content).status_code == 201
    query = "unlabelled?target=cultivar&limit=2&by="
    found = known.ask("owner", "GET", f"{at}/{query}{model}@1").json()
    assert (found["rows"], found["looked"], found["model"]) == (3, 3, f"{model}@1")
    assert found["classes"] == ["class_0", "class_1", "class_2"]
    first, second = found["items"]
    assert first["certainty"] <= second["certainty"]
    assert first["predicted"] in found["classes"]
    assert first["values"]["proline"] == rows[first["row"]]["proline"]
    refused = known.ask("owner", "GET", f"{at}/{query}none")
    assert kind_of(refused) == (404, "unknown-model")


def test_a_file_of_truths_becomes_rows_of_the_next_training(
    known: People, asked: tuple[str, str, list[str]], tmp_path: Path
):
    model, request, labels = asked
    file = tmp_path / "truths.csv"
    file.write_text(f"customer,really\r\n17,{labels[0]}\r\n", encoding="utf-8-sig")
    url, token = str(known.nobody.base_url), known.tokens["owner"]
    with AutoLearn(url, token=token) as al:
        handle = al.model(model.rpartition("/")[2])
        assert handle.labelled() == []
        assert handle.add_truths(file, key=["customer"], column="really").added == 1
        frame = pd.DataFrame({"request": [request], "row": [1], "truth": [labels[1]]})
        assert handle.add_truths(frame).added == 1
        assert handle.label(request, labels[1], row=1).same == 1
        rows = handle.labelled()
        assert handle.unlabelled().rows == 0
    assert [(one["customer"], one["cultivar"]) for one in rows] == [
        (17, labels[0]),
        ("x", labels[1]),
    ]
    assert rows[0].keys() == {*WINE, "customer", "cultivar"}


def test_truths_of_a_regression_are_numbers(known: People):
    model = published(known, kept(known, "ridge", "diabetes"))
    columns = known.ask("owner", "GET", f"{model}/schema").json()["required"]
    said = post(known, f"{model}/predict", dict.fromkeys(columns, 0.01)).json()
    request, value = said["request"], said["predictions"][0]["prediction"]
    for bad in ("much", "nan", True, "1e999"):
        refused = post(known, f"{model}/truths", {"truths": [{"request": request, "value": bad}]})
        assert (refused.status_code, "is no number" in refused.text) == (422, True), refused.text
    body = {"truths": [{"request": request, "value": str(value + 3)}]}
    assert post(known, f"{model}/truths", body).json()["added"] == 1
    metrics = known.ask("owner", "GET", f"{model}/truths").json()["versions"][0]["metrics"]
    assert metrics == pytest.approx({"rmse": 3.0, "mae": 3.0})
