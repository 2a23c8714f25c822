"""What was made of what over HTTP: both ways, then and now, and by whom it is seen."""

from typing import Any, NamedTuple

import httpx
import pytest

from tests.support.api_assertions import problem
from tests.support.people import People

pytestmark = pytest.mark.kafka
WAIT = {"Prefer": "wait=60"}
ROWS = "".join(
    f"{number % 7},{number % 3},{'yes' if number % 2 else 'no'}\n" for number in range(40)
)
FILE = f"a,b,y\n{ROWS}"
ROW = {"a": 1, "b": 2}


class Made(NamedTuple):
    """A training on the owner's dataset, and the model of it; positions before each."""

    dataset: str
    training: str
    evaluation: str
    experiment: str
    model: str
    prediction: str
    request: str
    before_training: str
    before_model: str


def position(known: People) -> str:
    return known.ask("owner", "GET", "/v1/position").json()["token"]


def upload(known: People, name: str, content: str, query: str = "", who: str = "owner") -> str:
    path = f"/v1/catalog/datasets/{name}?target=y{query}"
    answer = known.ask(who, "PUT", path, content=content)
    assert answer.status_code == 201, answer.text
    return answer.json()["version"]


@pytest.fixture(scope="module")
def made(known: People) -> Made:
    version = upload(known, "traced", FILE)
    before, session = position(known), known.session("traced")

    def post(path: str, body: object, who: str = "owner") -> dict[str, Any]:
        answer = known.ask(who, "POST", path, json=body, headers=WAIT)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    body: dict[str, object] = {"estimator": "decision-tree", "dataset": "traced"}
    training = post(f"{session}/trainings", body)["id"]
    evaluation = post(f"{session}/evaluations", {"training": training})["id"]
    experiment = post(f"{session}/commit", {})["id"]
    committed = position(known)
    known.model("tracer", experiment)
    prediction = post("/v1/models/tracer/predictions", {"dataset": "traced"})["id"]
    asked = post("/v1/models/tracer/predict", {"records": [ROW]})["request"]
    return Made(
        version, training, evaluation, experiment, "tracer", prediction, asked, before, committed
    )


def see(known: People, thing: str, who: str = "owner", **query: object) -> dict[str, Any]:
    answer = known.ask(who, "GET", f"/v1/lineage/{thing}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def edges(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    """The edges, by the kinds of their nodes."""
    kinds = {node["id"]: node["kind"] for node in found["nodes"]}
    return {(kinds[e["product"]], e["how"], kinds[e["source"]]) for e in found["edges"]}


TRAINED = ("training", "trained on", "dataset-version")
VERSION = ("model-version", "version of", "training")


def test_anything_leads_back_to_its_data(known: People, made: Made):
    for thing in ("tracer@1", "tracer@champion", "model/tracer", "model-version/tracer@1"):
        assert edges(see(known, thing)) == {TRAINED, VERSION}
    batch = edges(see(known, made.prediction))
    assert batch == {
        *(TRAINED, VERSION),
        ("prediction", "predicted by", "model-version"),
        ("prediction", "rows of", "dataset-version"),
    }
    answered = {TRAINED, VERSION, ("request", "answered by", "model-version")}
    for thing in (made.request, f"request/tracer@{made.request}"):
        assert edges(see(known, thing)) == answered
    found = see(known, made.evaluation[:13])
    assert edges(found) == {TRAINED, ("evaluation", "evaluation of", "training")}
    assert [node["depth"] for node in found["nodes"]] == [0, 1, 2]
    for node in found["nodes"]:
        assert see(known, node["id"])["of"] == node["id"]
        assert known.ask("owner", "GET", node["links"]["self"]).status_code == 200
    assert edges(see(known, f"experiment/{made.experiment}")) == {
        *(TRAINED, ("experiment", "keeps", "training"))
    }


def test_data_lead_to_all_that_was_made_of_them(known: People, made: Made):
    whole = {
        *(TRAINED, VERSION),
        ("evaluation", "evaluation of", "training"),
        ("experiment", "keeps", "training"),
        ("prediction", "predicted by", "model-version"),
        ("prediction", "rows of", "dataset-version"),
    }
    found = see(known, "traced", forward=True)
    assert edges(found) >= whole
    assert found["complete"]
    assert edges(see(known, f"traced@{made.dataset[:9]}", forward=True)) >= whole
    of_experiment = see(known, made.experiment, forward=True)
    assert {node["kind"] for node in of_experiment["nodes"]} >= {"model-version", "evaluation"}
    nearest = see(known, "traced", forward=True, depth=1)
    assert {node["depth"] for node in nearest["nodes"]} == {0, 1}
    (training,) = (one for one in nearest["nodes"] if one["kind"] == "training")
    assert training["more"] == 3
    assert not nearest["complete"]
    cut = see(known, "traced", forward=True, limit=2)
    assert len(cut["nodes"]) == 2
    assert "more than 2 nodes" in cut["notes"][0]


def test_the_past_has_what_was_made_by_then(known: People, made: Made):
    early = known.ask(
        "owner", "GET", f"/v1/lineage/traced?forward=true&as_of={made.before_training}"
    )
    assert [node["kind"] for node in early.json()["nodes"]] == ["dataset-version"]
    assert early.headers["AutoLearn-Position"] == made.before_training
    then = edges(see(known, "traced", forward=True, as_of=made.before_model))
    assert TRAINED in then
    assert VERSION not in then
    unborn = known.ask("owner", "GET", f"/v1/lineage/tracer@1?as_of={made.before_model}")
    problem(unborn, 404, "thing-unknown", "its first event came at")
    assert edges(see(known, made.evaluation, as_of=made.before_model)) >= {TRAINED}


def test_what_one_may_not_see_has_no_name(known: People, made: Made):
    found = see(known, "tracer@1", "reader")
    assert [(node["kind"], node["status"]) for node in found["nodes"][1:]] == [
        ("training", "not-yours")
    ]
    for secret in (made.training, made.experiment, made.dataset, "traced"):
        assert secret not in str(found)
    known.ask("owner", "POST", "/v1/catalog/datasets/traced/share", json={"user": "reader"})
    assert edges(see(known, "tracer@1", "reader")) >= {
        ("model-version", "trained on", "dataset-version")
    }
    forward = see(known, "traced", "reader", forward=True)
    assert edges(forward) == {("model-version", "trained on", "dataset-version")}
    assert made.training not in str(forward)
    assert "others" not in forward["nodes"][0], "how many they are is for the owner"
    theirs = known.ask("reader", "POST", "/v1/sessions", json={}).headers["location"]
    body = {"estimator": "dummy", "dataset": "traced"}
    known.ask("reader", "POST", f"{theirs}/trainings", json=body, headers=WAIT)
    owners = see(known, "traced", forward=True)["nodes"]
    assert owners[0]["others"] == 1
    assert sum(node["kind"] == "training" for node in owners) == 1
    for thing in ("traced", "tracer@1", made.training, made.experiment, made.request):
        answer = known.ask("other", "GET", f"/v1/lineage/{thing}")
        assert answer.status_code == 404, answer.text


def test_a_dataset_says_what_it_was_made_of(known: People, made: Made):
    sources = f"&made_from=data:traced@{made.dataset[:8]}&made_from=requests:tracer@champion"
    upload(known, "made", FILE.replace("6,", "5,"), sources)
    found = see(known, "made")
    assert edges(found) == {
        *(TRAINED, VERSION),
        ("dataset-version", "made from", "dataset-version"),
        ("dataset-version", "truths of", "requests"),
        ("requests", "answered by", "model-version"),
    }
    path = "/v1/catalog/datasets/made?target=y&made_from="
    for source, status in (
        ("traced", 422),
        ("copy:traced", 422),
        ("data:nothing", 404),
        ("requests:tracer@7", 404),
        (f"predictions:{made.experiment}@{made.training}", 404),
    ):
        answer = known.ask("owner", "PUT", f"{path}{source}", content=FILE)
        assert answer.status_code == status, answer.text
    upload(known, "their-file", FILE, who="other")
    problem(
        known.ask("owner", "PUT", f"{path}data:their-file", content=FILE), 404, "unknown-dataset"
    )


def test_what_is_not_there_or_not_clear_is_refused(known: People, made: Made):
    def ask(thing: str) -> httpx.Response:
        return known.ask("owner", "GET", f"/v1/lineage/{thing}")

    upload(known, "tracer", FILE)
    problem(ask("tracer"), 422, "ambiguous-name", "dataset/tracer or model/tracer")
    assert edges(see(known, "dataset/tracer")) == set()
    problem(ask("cake/tracer"), 404, "unknown-kind")
    problem(ask("no-such"), 404, "thing-unknown", "NAME@NUMBER")
    problem(ask("deadbeef"), 404, "thing-unknown")
    problem(ask("model/tracer@9"), 404, "version-unknown")
    problem(ask("traced@zz"), 404, "unknown-version")
    problem(ask("01a21d69-bbe6-735c-ab84-91e91d52e8d8"), 404, "request-unknown")
    problem(ask("request/tracer@7"), 422, "malformed-id")
    assert ask("traced?limit=1001").status_code == 422
