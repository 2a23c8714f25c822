"""A process `serve` is as its OpenAPI document says, and public clients of the protocol ask it."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from tests.fuzz.campaign import Fuzz
from tests.fuzz.world import Target
from tests.support.people import People

pytestmark = pytest.mark.kafka
TITLE, MODEL, DATA = "canary-91c2f5aa07", "asked-by-clients", "islands"
ROW: dict[str, str | float] = {"island": "Dream", "mass": 3.5, "depth": 18.5}
FILE = "island,mass,depth,kind\n" + "".join(
    f"{island},{3 + n % 7 / 4},{14 + n % 5},{kind}\n"
    for n in range(30)
    for island, kind in (("Dream", "small"), ("Biscoe", "large"))
)
CLIENTS = "build/peers/oip-clients"
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def asked(known: People) -> httpx.Client:
    """A process that serves a model, which `other` may ask."""
    path, csv = f"/v1/catalog/datasets/{DATA}?target=kind", {"content-type": "text/csv"}
    made = known.ask("owner", "PUT", path, content=FILE.encode(), headers=csv)
    assert made.status_code == 201, made.text
    session, wait = known.session(TITLE), {"Prefer": "wait=60"}
    body = {"estimator": "logistic-regression", "dataset": DATA}
    made = known.ask("owner", "POST", f"{session}/trainings", json=body, headers=wait)
    assert made.json()["status"] == "completed", made.text
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
    assert len(document["paths"]) == 15
    assert document["paths"].items() <= whole["paths"].items(), "the API passes all of them on"
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    seed = time.time_ns() % 2**32
    ids = {"model": [MODEL], "version": ["1", "champion"]}
    url = str(asked.base_url).rstrip("/")
    on = Target(url, document, known.tokens, ids, (), (TITLE,), ROW)
    report = Fuzz(on, seed).run(75)
    assert report.clean, f"seed {seed}:\n" + "\n".join(report.faults)
    assert report.requests >= 75
    assert {"200", "404", "422"} <= set(report.statuses)


@pytest.fixture(scope="module")
def got(known: People, asked: httpx.Client) -> dict[str, dict[str, Any]]:
    """What each client got: of the process that serves, and of the API, which passes it on."""
    subprocess.run(["make", "--silent", f"{CLIENTS}/.installed"], cwd=ROOT, check=True)
    urls = [str(one.base_url).rstrip("/") for one in (asked, known.nobody)]
    about = {"urls": urls, "token": known.tokens["other"], "model": MODEL, "row": ROW}
    ran = subprocess.run(
        [ROOT / CLIENTS / "bin/python", Path(__file__).with_name("protocol_clients.py")],
        input=json.dumps(about),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, dict[str, Any]] = {}
    for client, by_url in json.loads(ran.stdout).items():
        served, passed_on = (
            json.loads(json.dumps(got).replace(url, "")) for url, got in by_url.items()
        )
        assert passed_on == served, f"the API passes on to {client} what it gets itself"
        found[client] = served
    return found


def test_public_clients_ask_in_json_and_binary(known: People, got: dict[str, dict[str, Any]]):
    answer = known.ask("other", "POST", f"/v1/models/{MODEL}/predict", json=ROW).json()
    (said,) = answer["predictions"]
    shares = {f"probability_{label}": [share] for label, share in said["probabilities"].items()}
    expected = ["mine", {"prediction": [said["prediction"]], **shares}]
    for client, found in got.items():
        assert (found["json"], found["binary"]) == (expected, expected), client
        assert all(found[what] for what in ("live", "ready", "model", "version")), client
    triton = got["triton"]
    assert (triton["answered by"], triton["no version"], triton["gap"]) == ("1", False, MODEL)
    assert triton["server"] == ["binary_tensor_data"]
    inputs = {one["name"]: one["datatype"] for one in triton["metadata"]["inputs"]}
    assert inputs == {"island": "BYTES", "mass": "FP64", "depth": "FP64"}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("NaN", "the input 'mass' has NaN: with the parameter missing = nan it is a gap"),
        ("shape", "the input 'island' has the shape [1, 2]: [rows] or [rows, 1] fits"),
        ("length", "the input 'island' has 809 bytes by its binary_data_size, and"),
        ("column", "island"),
        ("version", "9"),
        ("model", "There is no model"),
        ("token", "token"),
    ],
)
def test_public_clients_show_why_a_request_is_refused(
    got: dict[str, dict[str, Any]], what: str, words: str
):
    for client, found in got.items():
        assert words in found["errors"][what], (client, found["errors"][what])
