"""A process `serve` is as its OpenAPI document says, and public clients of the protocol ask it."""

from __future__ import annotations

import time

import httpx
import jsonschema
import pytest

from tests.fuzz.campaign import Fuzz
from tests.fuzz.world import Target
from tests.support.people import People

pytestmark = pytest.mark.kafka
TITLE, MODEL = "canary-91c2f5aa07", "asked-by-clients"


@pytest.fixture(scope="module")
def asked(known: People) -> httpx.Client:
    """A process that serves a model, which `other` may ask."""
    session = known.session(TITLE)
    known.trained(session)
    kept = known.ask("owner", "POST", f"{session}/commit").headers["location"]
    known.model(MODEL, kept)
    grant = {"user": "other", "may": "predict"}
    shared = known.ask("owner", "POST", f"/v1/models/{MODEL}/share", json=grant)
    after = {"AutoLearn-After": shared.headers["AutoLearn-Reached"]}
    ready = f"/v2/models/{MODEL}/ready"
    assert known.ask("other", "GET", ready, known.serving, headers=after).status_code == 200
    return known.serving


def test_a_process_that_serves_is_as_its_document_says(known: People, asked: httpx.Client):
    document = asked.get("/openapi.json").json()
    whole = known.nobody.get("/openapi.json").json()
    assert len(document["paths"]) == 12
    assert document["paths"].items() <= whole["paths"].items(), "the API passes all of them on"
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    seed = time.time_ns() % 2**32
    ids = {"model": [MODEL], "version": ["1", "champion"]}
    url = str(asked.base_url).rstrip("/")
    report = Fuzz(Target(url, document, known.tokens, ids, (), (TITLE,)), seed).run(300)
    assert report.clean, f"seed {seed}:\n" + "\n".join(report.faults)
    assert {"200", "400", "401", "403", "404", "422"} <= set(report.statuses)
