"""Predictions as objects, of a played API: what is sent, and what comes back."""

import hashlib
import io
import json

import httpx
import pandas as pd
import pytest

from autolearn import BadArgument, PredictionFailed, Problem
from autolearn.client.sdk.handles.predictions import PredictionMethods
from tests.client.sdk.played_api import TRAINING, training_of

PREDICTION = {
    key: value
    for key, value in TRAINING.items()
    if key not in ("estimator", "task", "split", "preprocessing", "seed", "defaults")
} | {"id": "p1", "training": "t1", "artifact": "0", "kept_until": None}
ROWS = pd.DataFrame({"age": [41, 12], "city": ["oslo", None]}, index=[7, 3])
SCORED = pd.DataFrame({"prediction": ["yes", "no"], "probability_yes": [0.9, 0.2]})
PARQUET = SCORED.to_parquet(index=False)
OUTPUT = {
    "digest": "0",
    "files": {"rows.parquet": hashlib.sha256(PARQUET).hexdigest()},
    "bytes": len(PARQUET),
}
DONE = {"status": "completed", "ended": "2026-01-01T00:00:00Z", "rows": 2, "output": OUTPUT}
FAILED = {"status": "failed", "ended": "2026-01-01T00:00:00Z", "reason": "memory"}


class Played:
    """An API with one training, whose predictions end as they are told."""

    def __init__(self, ends: dict) -> None:
        self.ends, self.sent = ends, list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if request.url.path.endswith("/rows"):
            return httpx.Response(200, content=PARQUET)
        waits = "prefer" in request.headers or request.method == "GET"
        return httpx.Response(200, json=PREDICTION | (self.ends if waits else {}))


def test_a_data_frame_gives_a_data_frame_with_its_index(tell):
    played = Played(DONE)

    def story(al):
        scored = yield training_of(al).predict(ROWS)
        pd.testing.assert_frame_equal(scored, SCORED.set_axis([7, 3]))

    tell(played, story)
    first = played.sent[0]
    assert (first.method, first.url.path) == ("PUT", "/v1/sessions/s1/predictions")
    query = {"training": "t1", "name": "rows.parquet"}
    assert dict(first.url.params) == query
    assert pd.read_parquet(io.BytesIO(first.content))["age"].tolist() == [41, 12]


def test_not_waited_for_it_is_a_prediction(tell):
    def story(al):
        run = yield training_of(al).predict(ROWS, wait=False)
        assert isinstance(run, PredictionMethods)
        with pytest.raises(BadArgument, match="has no rows: it is open"):
            yield run.to_frame()
        scored = yield (yield run.wait()).to_frame()
        assert scored.index.tolist() == [7, 3]

    tell(Played(DONE), story)


def test_a_failure_is_raised_unless_it_must_not(tell):
    def story(al):
        with pytest.raises(PredictionFailed, match="memory"):
            yield training_of(al).predict(ROWS)
        run = yield training_of(al).predict(ROWS, raise_on_failure=False)
        assert run.status == "failed"

    tell(Played(FAILED), story)


@pytest.mark.parametrize(
    ("rows", "dataset", "why"),
    [
        ([1, 2], None, "list is no rows"),
        (None, None, "or a dataset"),
        (ROWS, "iris", "or a dataset"),
        (pd.DataFrame({"x": [1, "a"]}), None, "cannot be sent"),
    ],
)
def test_what_is_no_rows_is_said_before_anything_is_sent(tell, rows, dataset, why):
    played = Played(DONE)

    def story(al):
        with pytest.raises(BadArgument, match=why):
            yield training_of(al).predict(rows, dataset=dataset)

    tell(played, story)
    assert played.sent == []


MODEL = {"name": "scorer", "owner": "ada", "created": "", "updated": "", "versions": 2}
MODEL |= {"retired": 0, "champion": 2, "aliases": {"champion": 2}, "may": "own", "links": {}}
BATCH = {"model": "scorer", "model_version": 2, "form": "parquet"}


class PlayedModel(Played):
    """An API with a model."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/models/scorer":
            return httpx.Response(200, json=MODEL)
        answer = super().__call__(request)
        if request.method == "PUT":
            return httpx.Response(422, json={"type": "urn:autolearn:problem:quota-exceeded"})
        if answer.headers.get("content-type") == "application/json":
            return httpx.Response(200, json=answer.json() | BATCH)
        return answer


def test_a_model_predicts_a_dataset_into_a_file(tell, tmp_path):
    played, file = PlayedModel(DONE), tmp_path / "scored.parquet"

    def story(al):
        model = yield al.model("scorer")
        made = yield model.predict_dataset("churn", to=file)
        assert (made.data.model_version, pd.read_parquet(file).equals(SCORED)) == (2, True)
        with pytest.raises(BadArgument, match="was asked for as parquet only"):
            yield made.download(tmp_path / "scored.csv")
        with pytest.raises(Problem):
            yield model.predict_dataset("churn", version=2, to="dataset:scored")

    tell(played, story)
    asked, rows, again, _, put = played.sent[:2] + played.sent[-3:]
    assert asked.url.path == "/v1/models/scorer/predictions"
    assert json.loads(asked.content)["form"] == "parquet"
    assert rows.url.path == "/v1/models/scorer/versions/2/predictions/p1/rows"
    assert again.url.path == "/v1/models/scorer/versions/2/predictions"
    assert json.loads(again.content)["with_input"] is True
    assert (put.method, put.url.path) == ("PUT", "/v1/catalog/datasets/scored")
    assert pd.read_parquet(io.BytesIO(put.content)).equals(SCORED)


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("scored.xls", "no ending of a known form"),
        ("none/scored.csv", "there is no folder"),
        ("folder.csv", "it is a folder"),
        ("dataset:", "is no name of a dataset"),
        ("dataset:iris", "comes with AutoLearn"),
    ],
)
def test_where_nothing_can_be_written_is_said_before_the_work(tell, tmp_path, monkeypatch, to, why):
    played = PlayedModel(DONE)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()

    def story(al):
        with pytest.raises(BadArgument, match=why):
            yield (yield al.model("scorer")).predict_dataset("churn", to=to)

    tell(played, story)
    assert played.sent == []


def test_a_model_is_told_what_it_is_asked_for_and_whom_else_to_ask(tell):
    sent = list[httpx.Request]()

    def played(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        said = {"model": "wines", "version": 1, "request": "r", "predictions": [{}]}
        return httpx.Response(200, json=said)

    def story(al):
        rows = iter([(b"{}", "application/json")])
        yield al.ask_model("wines", rows, others=["2"], combine="vote", purpose="showroom")

    tell(played, story)
    assert {str(one.url.query, "ascii") for one in sent} == {"purpose=showroom&with=2&combine=vote"}
