"""Erasure: a person's rows are hidden at once, and their records replaced on the log."""

import uuid
from typing import Any

import msgspec
import pytest

from autolearn import AutoLearn
from autolearn.agents.command_client import CommandClient
from autolearn.schemas.commands import ErasePredictions
from autolearn.schemas.records.prediction import PredictionRecord
from autolearn.schemas.stream_kinds import stream
from tests.api.services.models.test_router import WINE, post
from tests.api.services.models.test_truths import kept, kind_of, published
from tests.support.log_checker import read_topic
from tests.support.people import People
from tests.support.waiting import until

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def training(known: People) -> str:
    return kept(known, "logistic-regression", "wine")


def log_of(known: People, model: str, query: str = "") -> list[dict[str, Any]]:
    said = known.ask("owner", "GET", f"{model}/prediction-log{query}")
    assert said.status_code == 200, said.text
    found: list[dict[str, Any]] = said.json()["items"]
    return found


def test_a_persons_rows_are_erased_and_nothing_else(known: People, training: str) -> None:
    model = published(known, training)
    rows = [WINE | {"customer": 17}, WINE | {"customer": "x", "proline": 300}]
    both = post(known, f"{model}/predict", {"records": rows}).json()["request"]
    alone = post(known, f"{model}/predict", {"records": [WINE | {"customer": "17"}]}).json()
    name = model.rpartition("/")[2]
    truths = [{"request": one, "row": row, "right": True} for one, row in ((both, 0), (both, 1))]
    assert post(known, f"{model}/truths", {"truths": truths}).json()["added"] == 2

    with AutoLearn(str(known.nobody.base_url), token=known.tokens["owner"]) as al:
        handle = al.model(name)
        said = handle.erase_predictions({"customer": 17, "proline": [WINE["proline"], 5]})
        assert (said.requests, said.rows, said.done) == (2, 2, 1.0)
        again = handle.erase_predictions({"customer": [17]}, reason="she asked")
        assert (again.requests, again.rows) == (0, 0)

    found = {one["request"]: one for one in log_of(known, model)}
    assert {*found} == {both, alone["request"]}, "each request is there once"
    assert found[both]["erased"]["rows"] == [0]
    assert found[both]["inputs"]["customer"] == [None, "x"]
    assert found[both]["outputs"]["prediction"][0] is None
    assert found[both]["outputs"]["prediction"][1] is not None
    assert [one["row"] for one in found[both]["truths"]] == [1]
    assert found[alone["request"]]["inputs"]["customer"] == [None]
    (only,) = log_of(known, model, f"?request={both}")
    assert only == found[both], "also when it is sought by its id"
    measured = known.ask("owner", "GET", f"{model}/truths").json()
    assert measured["versions"][0]["truths"] == 1
    open_rows = known.ask("owner", "GET", f"{model}/unlabelled").json()
    assert open_rows["rows"] == 0, "what is erased is not asked for"
    late = post(
        known, f"{model}/truths", {"truths": [{"request": alone["request"], "right": True}]}
    )
    assert kind_of(late) == (422, "truth-unfit")
    assert "erased" in late.json()["detail"]
    none = post(known, f"{model}/truths", {"truths": [{"key": {"customer": 17}, "right": True}]})
    assert "no row with customer 17 was asked" in none.json()["detail"]

    key = f"{name}/{both}".encode()

    def on_log(topic: str) -> list[Any]:
        found = read_topic(known.environment["AUTOLEARN_KAFKA"], topic)
        return [one for of in found.values() for one in of if (one.key or b"").startswith(key)]

    records = on_log(known.topics.predictions.name)
    assert len(records) == 2
    newest = msgspec.json.decode(records[-1].value, type=PredictionRecord)
    assert newest.erased is not None
    assert newest.time == found[both]["time"]
    left = on_log(known.topics.truths.name)
    assert (len(left), len({one.key for one in left})) == (2, 1), "it replaces the one before"
    said = msgspec.json.decode(left[-1].value)
    assert (said["rows"], said["erased"]) == ([1], True)

    events = known.ask("owner", "GET", f"/v1/events?stream=model/{name}&limit=100").json()
    kinds = [one["type"] for one in events["items"]]
    assert kinds.count("autolearn.PredictionsErased.v1") == 1


@pytest.mark.parametrize("key", [{}, {"customer": []}, {"customer": ""}, {"customer": None}])
def test_a_key_needs_a_value(known: People, training: str, key: object) -> None:
    model = published(known, training)
    assert post(known, f"{model}/erasures", {"key": key}).status_code == 422


def test_the_owner_keeps_predictions_shorter_than_the_setting(known: People, training: str) -> None:
    model = published(known, training)
    assert post(known, f"{model}/share", {"user": "reader", "may": "promote"}).status_code == 200
    shorter = post(known, f"{model}/recording", {"days": 90})
    assert (shorter.json()["prediction_days"], shorter.json()["recording"]) == (90, "durable")
    assert kind_of(post(known, f"{model}/recording", {"days": 90})) == (409, "recording-unchanged")
    assert kind_of(post(known, f"{model}/recording", {"days": 401})) == (422, "too-many-days")
    others = known.ask("reader", "POST", f"{model}/recording", json={"days": 1})
    assert others.status_code == 403
    fast = known.ask("reader", "POST", f"{model}/recording", json={"recording": "fast"})
    assert (fast.json()["prediction_days"], fast.json()["recording"]) == (90, "fast")
    assert post(known, f"{model}/recording", {"days": 0}).json()["prediction_days"] == 0


def test_what_was_hidden_and_not_replaced_is_erased_again(known: People, training: str) -> None:
    """As after a crash between the event and the records that follow it."""
    model = published(known, training)
    name = model.rpartition("/")[2]
    asked = {"records": [WINE | {"customer": 17}, WINE | {"customer": 18}]}
    request = post(known, f"{model}/predict", asked).json()["request"]
    client = CommandClient(known.log, known.topics, "owner", "tests")
    command = ErasePredictions(f"{request}:0@0")
    client.post(stream("model", name), command, str(uuid.uuid4()))
    until(lambda: log_of(known, model) == [])
    with AutoLearn(str(known.nobody.base_url), token=known.tokens["owner"]) as al:
        said = al.model(name).erase_predictions({"customer": 17})
    assert (said.requests, said.rows) == (1, 1)
    (found,) = log_of(known, model)
    assert found["inputs"]["customer"] == [None, 18]
    assert found["erased"]["rows"] == [0]
