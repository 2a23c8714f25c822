"""The OpenAPI document is sound, and the API answers as it says."""

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from msgspec import defstruct

from autolearn.api.http import openapi
from tests.api.conftest import System
from tests.support.api_assertions import position

Document = dict[str, Any]
NO_COMMANDS = ("/v1/rebuild", "/v1/login", "/v1/tokens")
"""What changes something and is no command, or says a secret that cannot be repeated."""
OPTIONAL = ("Age", "AutoLearn-Position", "Cache-Status", "Link", "Preference-Applied")


@pytest.fixture(scope="module")
def document(http: httpx.Client) -> Document:
    content: Document = http.get("/openapi.json").json()
    return content


def references(node: object) -> Iterator[str]:
    """All references in a document."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_every_reference_leads_somewhere_and_every_schema_is_one(document: Document):
    schemas = document["components"]["schemas"]
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_operation_is_described(document: Document):
    found = list(operations(document))
    assert len(found) > 30
    names = [operation["operationId"] for _, _, operation in found]
    assert len(set(names)) == len(names)
    for path, method, operation in found:
        assert operation["description"].endswith("."), path
        media = "application/json" if path.startswith("/v2") else "application/problem+json"
        assert media in operation["responses"]["default"]["content"], path
        for status in ("429", "503") if path.startswith(("/v1/", "/v2/models")) else ():
            assert operation["responses"][status]["headers"]["Retry-After"]["required"], path
            assert media in operation["responses"][status]["content"]
        asked = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert {part[1:-1] for part in path.split("/") if part.startswith("{")} <= asked
        if (
            method in ("post", "put")
            and path not in NO_COMMANDS
            and not path.endswith(("/predict", "/infer", "/truths", "/erasures", "/check"))
        ):
            assert {"Idempotency-Key", "Prefer"} <= asked, path


def test_the_topics_are_described_as_they_are_called_here(system: System, http: httpx.Client):
    answer = http.get("/asyncapi.json")
    assert answer.headers["content-type"] == "application/json"
    prefix = system.environment["AUTOLEARN_TOPIC_PREFIX"]
    channels = answer.json()["channels"]
    assert channels["events"]["address"] == f"{prefix}.events"
    assert "autolearn.RunCompleted.v1" in channels["events"]["messages"]


def test_two_types_of_answers_cannot_have_one_name():
    one, other = (defstruct("Twin", [(name, str)]) for name in ("one", "other"))
    for kind in (one, one, other):
        openapi.answers({200: kind})
    with pytest.raises(ValueError, match="Twin"):
        openapi.complete()


def check(document: Document, answer: httpx.Response, path: str) -> None:
    """Check an answer against what the document says of its route."""
    operation = document["paths"][path][answer.request.method.lower()]
    described = operation["responses"].get(
        str(answer.status_code), operation["responses"]["default"]
    )
    media = answer.headers["content-type"]
    schema = {**described["content"][media]["schema"], "components": document["components"]}
    jsonschema.validate(answer.json(), schema, jsonschema.Draft202012Validator)
    if answer.is_success and "$ref" in schema:  # a schema takes fields that it does not know
        shape = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        assert answer.json().keys() <= shape["properties"].keys(), path
    for name in described.get("headers", {}):
        assert name in answer.headers or name in OPTIONAL, name


def test_answers_are_as_described(http: httpx.Client, document: Document, trained: tuple[str, str]):
    session, training = trained
    one = "/v1/sessions/{session}"
    body = {"training": training, "metrics": ["f1", "confusion-matrix"]}
    wait = {"Prefer": "wait=60"}
    evaluation = http.post(f"{session}/evaluations", json=body, headers=wait)
    answers = [
        (evaluation, f"{one}/evaluations"),
        (http.get(session), one),
        (http.get(f"{session}/trainings"), f"{one}/trainings"),
        (http.get(f"{session}/trainings/{training}"), f"{one}/trainings/{{run}}"),
        (http.get(f"{session}/trainings/{training}/artifact"), f"{one}/trainings/{{run}}/artifact"),
        (http.get(f"{session}/evaluations"), f"{one}/evaluations"),
        (http.get("/v1/sessions"), "/v1/sessions"),
        (http.post("/v1/sessions"), "/v1/sessions"),
        (http.post("/v1/sessions", headers={"Prefer": "respond-async"}), "/v1/sessions"),
        (http.post("/v1/sessions", json={"x": 1}), "/v1/sessions"),
        (http.get("/v1/sessions/x"), one),
        (http.get("/v1/catalog/estimators"), "/v1/catalog/estimators"),
        (http.get("/v1/catalog/estimators/svm"), "/v1/catalog/estimators/{name}"),
        (http.get("/v1/catalog/metrics"), "/v1/catalog/metrics"),
        (http.get("/v1/catalog/datasets"), "/v1/catalog/datasets"),
        (http.get("/v1/catalog/datasets/iris/versions"), "/v1/catalog/datasets/{name}/versions"),
        (http.get("/v1/experiments"), "/v1/experiments"),
        (http.get("/v1/position"), "/v1/position"),
        (http.get(session, params={"as_of": position(http)}), one),
        (http.get("/v1/diff", params={"from": position(http)}), "/v1/diff"),
        (http.get("/v1/digests"), "/v1/digests"),
        (http.get("/v1/events?limit=5"), "/v1/events"),
        (http.get("/v1/status"), "/v1/status"),
        (http.get("/v1/rebuild"), "/v1/rebuild"),
        (http.get("/v1/dead-letters"), "/v1/dead-letters"),
        (http.get("/v1/dead-letters/x"), "/v1/dead-letters/{letter}"),
        (http.post("/v1/dead-letters/x/retry"), "/v1/dead-letters/{letter}/retry"),
        (http.get("/.well-known/jwks.json"), "/.well-known/jwks.json"),
        (http.get("/health/live"), "/health/live"),
        (http.get("/health/ready"), "/health/ready"),
    ]
    for answer, path in answers:
        check(document, answer, path)


def test_a_body_that_the_document_refuses_is_refused(http: httpx.Client, document: Document):
    schema = {"$ref": "#/components/schemas/TrainingBody", "components": document["components"]}
    bodies = [{"estimator": "svm", "dataset": "iris", "seed": -1}, {"estimator": "svm"}, {"x": 1}]
    for body in bodies:
        assert not jsonschema.Draft202012Validator(schema).is_valid(body)
    jsonschema.validate(
        {"estimator": "svm", "dataset": {"name": "iris"}, "split": {"test": 0.5}}, schema
    )


def test_every_list_of_the_api_has_a_head(http: httpx.Client, session: str):
    document = http.get("/openapi.json").json()["paths"]
    paths = [path for path, item in document.items() if "get" in item and "{" not in path]
    assert len(paths) > 15
    for path in [*paths, session, f"{session}/trainings", "/v1/catalog/datasets/iris/content"]:
        got, head = http.get(path), http.head(path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert set(head.headers) == set(got.headers), path
    assert "head" not in document["/v1/sessions"]
    assert http.head("/v1/catalog/datasets/nothing").status_code == 404


def test_packed_bodies_are_refused_by_the_api(http: httpx.Client):
    for method, path in (("POST", "/v1/sessions"), ("PUT", "/v1/catalog/datasets/packed")):
        answer = http.request(
            method, path, content=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}
        )
        assert answer.status_code == 415
        assert answer.json()["type"].endswith(":content-encoding")
