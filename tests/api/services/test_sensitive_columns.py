"""Sensitive columns over HTTP: none of their values is in any answer but the file itself."""

import re

from tests.support.api_assertions import problem
from tests.support.people import People

CONTENT = b"age,name,kind\n" + b"".join(
    b"%d,%s,%s\n"
    % (987600 + n, b"lovelace" if n % 2 else b"noether", b"omicron" if n % 3 else b"upsilon")
    for n in range(30)
)
VALUES = re.compile(r"(?<![0-9a-f])9876\d\d(?![0-9a-f])|lovelace|noether|omicron|upsilon")
WAIT = {"Prefer": "wait=60"}


def put(
    known: People, who: str, name: str, *sensitive: str, content: bytes = CONTENT, more: str = ""
):
    query = "".join(f"&sensitive={one}" for one in sensitive) + more
    return known.ask(who, "PUT", f"/v1/catalog/datasets/{name}?target=kind{query}", content=content)


def describe(known: People, who: str, name: str, **body: list[str]):
    return known.ask(who, "POST", f"/v1/catalog/datasets/{name}/describe", json=body)


def told(known: People, name: str, start: str) -> str:
    """All that the routes tell the owner of a dataset."""
    at = f"/v1/catalog/datasets/{name}"
    asked = (
        (at, {}),
        (f"{at}/versions", {}),
        (at, {"as_of": start}),
        ("/v1/catalog/datasets", {}),
        ("/v1/events", {"stream": f"dataset/{name}"}),
        ("/v1/diff", {"from": start, "limit": "1000"}),
    )
    return "\n".join(known.ask("owner", "GET", path, params=query).text for path, query in asked)


def values_in(text: str) -> list[str]:
    return VALUES.findall(text)


def test_what_is_marked_at_the_upload_is_never_told(known: People):
    answer = put(known, "owner", "staff", "age", "name", "kind")
    assert answer.status_code == 201, answer.text
    start = known.ask("owner", "GET", "/v1/position").json()["token"]
    columns = {one["name"]: one for one in answer.json()["columns"]}
    assert all(columns[name]["sensitive"] is True for name in ("age", "name", "kind"))
    assert (columns["age"]["minimum"], columns["age"]["distinct"]) == (None, 30)
    assert (answer.json()["classes"], answer.json()["task"]) == ({}, "classification")
    assert not values_in(answer.text + told(known, "staff", start))
    session = known.ask("owner", "POST", "/v1/sessions", json={}).headers["location"]
    body = {"estimator": "decision-tree", "dataset": "staff"}
    run = known.ask("owner", "POST", f"{session}/trainings", json=body, headers=WAIT)
    assert run.json()["status"] == "completed", run.text
    at = f"{session}/trainings/{run.json()['id']}/artifact"
    files = [f"{at}/{name}.json" for name in ("schema", "profile", "example", "training")]
    texts = [known.ask("owner", "GET", file) for file in files]
    assert all(text.status_code == 200 for text in texts)
    body = {"training": run.json()["id"]}
    found = known.ask("owner", "POST", f"{session}/evaluations", json=body, headers=WAIT)
    assert found.json()["results"]["confusion-matrix"]["labels"] == ["1", "2"], found.text
    whole = known.ask("owner", "GET", session)
    for text in (run, found, whole, *texts):
        assert not values_in(text.text)


def test_a_new_version_keeps_the_marks_by_name(known: People):
    assert put(known, "owner", "kept", "age").status_code == 201
    newer = put(known, "owner", "kept", content=CONTENT + b"9876999,lovelace,upsilon\n")
    assert newer.json()["sensitive"] == ["age"]
    without = CONTENT.replace(b"age,", b"years,")
    refused = put(known, "owner", "kept", content=without)
    assert (refused.status_code, refused.json()["type"][-15:]) == (409, "columns-changed")
    newer = put(known, "owner", "kept", content=without, more="&accept_changes=true")
    assert newer.json()["sensitive"] == ["age"]
    again = put(known, "owner", "kept").json()
    assert again["sensitive"] == ["age"]
    assert again["columns"][0]["maximum"] is None


def test_what_is_marked_later_is_told_no_more_also_of_the_past(known: People):
    assert put(known, "owner", "later").json()["classes"] == {"omicron": 20, "upsilon": 10}
    start = known.ask("owner", "GET", "/v1/position").json()["token"]
    assert values_in(told(known, "later", start))
    marked = describe(known, "owner", "later", sensitive=["age", "kind"])
    assert (marked.status_code, marked.json()["sensitive"]) == (200, ["age", "kind"]), marked.text
    at = [
        f"/v1/catalog/datasets/later?as_of={start}",
        "/v1/catalog/datasets/later/versions",
        "/v1/events?stream=dataset/later",
    ]
    items = known.ask("owner", "GET", "/v1/catalog/datasets").json()["items"]
    assert not values_in(str([one for one in items if one["name"] == "later"]))
    for path in at:
        assert not values_in(known.ask("owner", "GET", path).text)
    before = known.ask("owner", "GET", "/v1/events?limit=1").json()["next"]
    changes = known.ask(
        "owner", "GET", "/v1/diff", params={"from": before, "stream": "dataset/later"}
    )
    assert "dataset/later" in changes.text
    assert not values_in(changes.text)
    same = describe(known, "owner", "later", sensitive=["age"])
    assert same.json() == marked.json(), "nothing is registered again"
    bare = describe(known, "owner", "later", not_sensitive=["kind"])
    assert bare.json()["sensitive"] == ["age"]
    assert bare.json()["classes"] == {}
    full = put(known, "owner", "later")
    assert (full.status_code, full.json()["classes"]) == (201, {"omicron": 20, "upsilon": 10})
    assert full.json()["columns"][0]["maximum"] is None


def test_who_may(known: People):
    assert put(known, "owner", "ours", "age").status_code == 201
    at = "/v1/catalog/datasets/ours"
    problem(describe(known, "other", "ours", sensitive=["name"]), 404, "unknown-dataset")
    share = {"user": "reader", "may": "read"}
    assert known.ask("owner", "POST", f"{at}/share", json=share).status_code == 200
    problem(describe(known, "reader", "ours", sensitive=["name"]), 403, "forbidden")
    problem(known.ask("reader", "GET", f"{at}/content"), 403, "forbidden", "--may work")
    assert known.ask("reader", "GET", at).status_code == 200
    assert known.ask("owner", "GET", f"{at}/content").content == CONTENT
    share = {"user": "reader", "may": "work"}
    assert known.ask("owner", "POST", f"{at}/share", json=share).status_code == 200
    assert known.ask("reader", "GET", f"{at}/content").content == CONTENT
    more = describe(known, "reader", "ours", sensitive=["name"])
    assert more.json()["sensitive"] == ["age", "name"]
    problem(describe(known, "reader", "ours", not_sensitive=["name"]), 403, "forbidden")
    assert describe(known, "owner", "ours", not_sensitive=["name"]).status_code == 200


def test_a_column_that_there_is_not(known: People):
    problem(put(known, "owner", "odd", "agee"), 422, "columns-unfit", "age, name, kind")
    assert put(known, "owner", "odd").status_code == 201
    problem(describe(known, "owner", "odd", sensitive=["no"]), 422, "columns-unfit", "'no'")
    both = describe(known, "owner", "odd", sensitive=["age"], not_sensitive=["age"])
    problem(both, 422, "columns-unfit", "sensitive and not sensitive: 'age'")
    one = b"kind\n" + b"mrsecret\n" * 4
    refused = put(known, "owner", "single", "kind", content=one)
    assert refused.status_code == 422
    assert "one value only" in refused.text
    assert "mrsecret" not in refused.text
    content = b"1,2\n3,4\n"
    refused = put(known, "owner", "single", "kind", content=content)
    assert "looks like data:" in refused.text
