"""How a file is read is found out, can be said, is kept, and is what a run reads by."""

import httpx
import pytest

from tests.api.conftest import System
from tests.support.api_assertions import position, problem

SEMICOLONS = "länge;kind\n" + "".join(f"{n},5;{'ab'[n % 2]}\n" for n in range(20))
NEARLY = "x,y\n" + "".join(f"{n},{n * 2}\n" for n in range(30)) + "unknown,7\n"


def put(http: httpx.Client, name: str, content: str, query: str = "") -> httpx.Response:
    return http.put(f"/v1/catalog/datasets/{name}?{query}", content=content.encode())


def types_of(shown: dict) -> dict[str, str]:
    return {column["name"]: column["type"] for column in shown["columns"]}


def codes_of(shown: dict) -> list[str]:
    return [one["code"] for one in shown["findings"]]


def test_what_was_found_out_is_shown_and_a_run_reads_by_it(http: httpx.Client, session: str):
    shown = put(http, "semicolons", SEMICOLONS, "target=kind").json()
    assert types_of(shown) == {"länge": "number", "kind": "string"}
    assert (shown["read"]["separator"], shown["read"]["types"]) == (";", "ns")
    words = {one["code"]: one["words"] for one in shown["findings"]}
    assert words["decimal-comma"].startswith("länge: 20 numbers have a decimal comma: 0,5")
    body = {"estimator": "decision-tree", "dataset": "semicolons"}
    run = http.post(f"{session}/trainings", json=body, headers={"Prefer": "wait=60"}).json()
    assert (run["status"], run["read"]) == ("completed", shown["read"])


def test_nothing_is_trained_on_what_is_nearly_numbers_before_it_is_said(
    http: httpx.Client, session: str
):
    shown = put(http, "nearly", NEARLY, "target=y").json()
    assert types_of(shown)["x"] == "string"
    assert [one["severe"] for one in shown["findings"] if one["code"] == "not-all-numbers"] == [
        True
    ]
    body = {"estimator": "ridge", "dataset": "nearly"}
    refused = http.post(f"{session}/trainings", json=body)
    found = problem(refused, 422, "findings-open")
    assert "unknown (line 32)" in found["errors"][0]["detail"]
    said = put(http, "nearly", NEARLY, "type=x=number&missing=unknown").json()
    assert (types_of(said)["x"], said["target"], said["version"]) == (
        "number",
        "y",
        shown["version"],
    )
    wait = {"Prefer": "wait=60"}
    assert (
        http.post(f"{session}/trainings", json=body, headers=wait).json()["status"] == "completed"
    )


def test_another_reading_of_the_same_file_keeps_no_type_of_a_mistaken_one(http: httpx.Client):
    lines = "".join(f"{n},{n * 2},{'ab'[n % 2]}\n" for n in range(30))
    content = f"age,inc,kind\n{lines}n/a,4,a\n7,unknown,b\n"
    first = put(http, "mistaken", content).json()
    assert (types_of(first)["age"], types_of(first)["inc"]) == ("integer", "string")
    second = put(http, "mistaken", content, "type=inc=number&missing=unknown").json()
    assert types_of(second)["age"] == "string", "the words for missing values are others now"
    third = put(http, "mistaken", content, "type=inc=number&missing=unknown&missing=n/a").json()
    assert (types_of(third)["age"], types_of(third)["inc"]) == ("integer", "number")


def test_what_was_said_of_a_file_is_said_of_it_again_and_of_the_next_version(http: httpx.Client):
    first = put(http, "said-once", NEARLY, "target=y&type=x=number&missing=unknown").json()
    again = put(http, "said-once", NEARLY, "target=x").json()
    assert (again["read"], types_of(again)) == (first["read"], types_of(first))
    newer = put(http, "said-once", NEARLY + "unknown,9\n").json()
    assert types_of(newer) == {"x": "number", "y": "integer"}
    refused = put(http, "said-once", NEARLY + "odd,9\n")
    assert "odd (row 32)" in problem(refused, 422, "dataset-refused")["detail"]


def test_findings_are_accepted_as_they_are(http: httpx.Client, session: str):
    put(http, "as-it-is", NEARLY, "target=y")
    accepted = put(http, "as-it-is", NEARLY, "accept_findings=true").json()
    assert (accepted["accepted"], types_of(accepted)["x"]) == (True, "string")
    again = put(http, "as-it-is", NEARLY)
    assert (again.status_code, again.json()["accepted"]) == (200, True)
    body = {"estimator": "ridge", "dataset": "as-it-is"}
    run = http.post(f"{session}/trainings", json=body, headers={"Prefer": "wait=60"}).json()
    assert run["status"] == "completed", run


def test_a_dry_run_keeps_nothing(system: System):
    before = position(system.http)
    shown = put(system.http, "not-yet", SEMICOLONS, "target=kind&dry_run=true")
    assert (shown.status_code, shown.json()["rows"], shown.json()["registered"]) == (200, 20, "")
    assert position(system.http) == before
    problem(system.http.get("/v1/catalog/datasets/not-yet"), 404, "unknown-dataset")


def test_a_new_version_keeps_target_and_types_and_says_what_changed(http: httpx.Client):
    rows = "zip,n,y\n01234,1,2.5\n10000,2,3.5\n01000,3,4.5\n"
    first = put(http, "grows", rows, "target=y").json()
    assert "changes" not in first
    newer = put(http, "grows", "zip,n,y\n11234,1,2\n20000,2,3\n").json()
    assert newer["changes"].pop("before") == first["version"]
    assert newer["changes"] == {"rows_before": 3, "rows": 2}
    assert types_of(newer) == {"zip": "string", "n": "integer", "y": "number"}
    assert newer["target"] == "y"
    found = problem(put(http, "grows", "zip,m,y\n1,0.5,2\n2,1,3\n"), 409, "columns-changed")
    assert "new are m; gone are n" in found["detail"]
    found = problem(put(http, "grows", "zip,n,y\n1,a,2\n2,b,3\n"), 409, "columns-changed")
    assert "n is string, was integer" in found["detail"]
    found = problem(put(http, "grows", "zip,n,y\n1,a,2\n2,3,3\n3,4,5\n"), 409, "columns-changed")
    assert "1 of 3 values cannot be read as numbers: a (line 2)" in found["errors"][0]["detail"]
    accepted = put(http, "grows", "zip,n,y\n1,a,2\n2,b,3\n", "accept_changes=true")
    assert accepted.status_code == 201
    assert accepted.json()["changes"]["retyped"] == {"n": ["integer", "string"]}
    assert "changes" not in put(http, "grows", "zip,n,y\n1,a,2\n2,b,3\n").json()
    said = put(http, "grows", "zip,n,y\n1,2,2\n2,1,3\n", "type=n=integer&dry_run=true")
    assert said.json()["changes"]["retyped"] == {"n": ["string", "integer"]}
    assert "changes" not in http.get("/v1/catalog/datasets/grows").json()
    assert put(http, "grows", "zip,n,y\n1,a,2\n2,b,3\n", "target=").json()["target"] is None


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("separator=ab", "one character"),
        ("type=x", "COLUMN=TYPE"),
        ("type=x=money", "'money' is no type"),
        ("zone=Mars/Base", "no time zone 'Mars/Base'"),
    ],
)
def test_hints_that_say_nothing(http: httpx.Client, query: str, words: str):
    assert words in problem(put(http, "hinted", NEARLY, query), 422, "hints-unfit")["detail"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("type=z=number", "A type is given for 'z'"),
        ("type=x=number", "Column x cannot be read as number: unknown (row 31)"),
        ("encoding=klingon", "no encoding 'klingon'"),
        ("format=excel", "not an Excel file"),
    ],
)
def test_hints_that_do_not_fit_the_file(http: httpx.Client, query: str, words: str):
    assert words in problem(put(http, "hinted", NEARLY, query), 422, "dataset-refused")["detail"]
