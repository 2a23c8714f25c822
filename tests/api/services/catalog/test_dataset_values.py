"""The values of datasets over HTTP: who may see them, and how many."""

from tests.support.api_assertions import problem
from tests.support.people import People

CONTENT = "age,name,kind\n" + "".join(f"{n},n{n % 4},{'ab'[n % 2]}\n" for n in range(40))
AT = "/v1/catalog/datasets"


def put(known: People, name: str, query: str = "", content: str = CONTENT) -> str:
    answer = known.ask("owner", "PUT", f"{AT}/{name}?target=kind{query}", content=content)
    assert answer.status_code == 201, answer.text
    return answer.json()["version"]


def test_rows_and_columns_of_a_version(known: People):
    first = put(known, "looked")
    put(known, "looked", content=f"{CONTENT}99,new,a\n")
    answer = known.ask("owner", "GET", f"{AT}/looked/rows?limit=2&column=name&column=age")
    assert answer.json()["rows"] == [["n0", 0], ["n1", 1]]
    answer = known.ask("owner", "GET", f"{AT}/looked/rows?limit=1000&version={first[:8]}")
    assert len(answer.json()["rows"]) == 40
    found = known.ask("owner", "GET", f"{AT}/looked/column?column=age").json()
    assert (found["rows"], found["distinct"], found["quantiles"][-1]) == (41, 41, [1.0, 99.0])
    older = known.ask("owner", "GET", f"{AT}/looked/column?column=age&version={first}").json()
    assert older["quantiles"][-1] == [1.0, 39.0]


def test_a_sensitive_column_shows_nothing(known: People):
    put(known, "hidden", "&sensitive=name")
    found = known.ask("owner", "GET", f"{AT}/hidden/rows?limit=3").json()
    assert found["hidden"] == ["name"]
    assert [row[1] for row in found["rows"]] == [None] * 3
    assert found["rows"][2][0] == 2
    told = known.ask("owner", "GET", f"{AT}/hidden/column?column=name").json()
    assert told == {"name": "name", "type": "string", "rows": 40, "missing": 0} | {
        "distinct": 4,
        "sensitive": True,
    }


def test_who_may_look(known: People):
    put(known, "looked-at")
    for path in ("rows", "column?column=age"):
        problem(known.ask("other", "GET", f"{AT}/looked-at/{path}"), 404, "unknown-dataset")
    shared = known.ask("owner", "POST", f"{AT}/looked-at/share", json={"user": "other"})
    assert shared.status_code == 200, shared.text
    assert known.ask("other", "GET", f"{AT}/looked-at/rows").status_code == 200


def test_what_is_not_there(known: People):
    put(known, "there")
    answer = known.ask("owner", "GET", f"{AT}/there/column?column=agee")
    problem(answer, 404, "unknown-column", "Did you mean 'age'?")
    answer = known.ask("owner", "GET", f"{AT}/there/rows?column=x")
    problem(answer, 404, "unknown-column", "no column 'x'")
    answer = known.ask("owner", "GET", f"{AT}/there/rows?version=zzz")
    problem(answer, 404, "unknown-version")
    problem(known.ask("owner", "GET", f"{AT}/there/rows?limit=1001"), 422, "invalid-request")
