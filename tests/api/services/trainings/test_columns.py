"""Columns: which a training learns from, by request, by role and by finding."""

import httpx
import pytest

from tests.support.api_assertions import problem

pytestmark = pytest.mark.kafka

ROWS = "".join(
    f"C{n:03},{n % 7},{n % 5 * 1.5},{'ab'[n % 2]},x,{n // 4},{n % 3},{'yn'[n % 3 == 0]}\n"
    for n in range(60)
)
CONTENT = f"customer,visits,spent,plan,country,household,level,churned\n{ROWS}"
AT = "/v1/catalog/datasets"
WAIT = {"Prefer": "wait=60"}


def put(http: httpx.Client, name: str, query: str = "target=churned") -> dict:
    answer = http.put(f"{AT}/{name}?{query}", content=CONTENT)
    assert answer.status_code == 201, answer.text
    return answer.json()


def train(http: httpx.Client, session: str, name: str, **more: object) -> dict:
    body = {"estimator": "decision-tree", "dataset": name, **more}
    answer = http.post(f"{session}/trainings", json=body, headers=WAIT)
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert found["status"] == "completed", answer.text
    return found


def learned_from(http: httpx.Client, session: str, training: dict) -> list[str]:
    at = f"{session}/trainings/{training['id']}/artifact"
    record = http.get(f"{at}/training.json").json()
    assert record.get("left_out", {}) == training["left_out"]
    assert record.get("features", []) == training["features"]
    return [one["name"] for one in http.get(f"{at}/schema.json").json()["columns"]]


def test_what_tells_nothing_is_left_out_unless_it_is_a_feature(http: httpx.Client, session: str):
    put(http, "columns")
    found = train(http, session, "columns")
    assert found["left_out"] == {"customer": "all-different", "country": "constant"}
    used = ["visits", "spent", "plan", "household", "level"]
    assert learned_from(http, session, found) == used
    found = train(http, session, "columns", roles={"customer": "feature", "household": "group"})
    assert found["left_out"] == {"country": "constant", "household": "group"}
    assert learned_from(http, session, found) == ["customer", "visits", "spent", "plan", "level"]


def test_columns_are_chosen_or_dropped(http: httpx.Client, session: str):
    put(http, "chosen")
    found = train(http, session, "chosen", features=["plan", "customer"])
    assert (found["features"], found["left_out"]) == (["plan", "customer"], {})
    assert learned_from(http, session, found) == ["customer", "plan"]
    found = train(http, session, "chosen", drop=["plan", "customer"], roles={"level": "target"})
    left_out = {"customer": "dropped", "plan": "dropped", "country": "constant"}
    assert (found["target"], found["left_out"]) == ("level", left_out)
    used = ["visits", "spent", "household", "churned"]
    assert learned_from(http, session, found) == used


def test_another_dataset_need_not_have_what_is_left_out(http: httpx.Client, session: str):
    put(http, "whole")
    lines = (line.split(",") for line in CONTENT.splitlines())
    fewer = "\n".join(",".join([*line[1:4], line[7]]) for line in lines)
    answer = http.put(f"{AT}/fewer?target=churned", content=fewer)
    assert answer.status_code == 201, answer.text
    found = train(http, session, "whole", drop=["household", "level"])
    body = {"training": found["id"], "dataset": "fewer", "metrics": ["accuracy"]}
    answer = http.post(f"{session}/evaluations", json=body, headers=WAIT)
    assert answer.json()["status"] == "completed", answer.text
    found = train(http, session, "whole")
    answer = http.post(f"{session}/evaluations", json={**body, "training": found["id"]})
    problem(answer, 422, "dataset-unfit", "fewer lacks household, level")


@pytest.mark.parametrize(
    ("more", "pointer", "words"),
    [
        ({"drop": ["plna"]}, "#/drop", "Did you mean 'plan'?"),
        ({"features": ["plan", "?"]}, "#/features", "There is no column '?'"),
        ({"roles": {"Plan": "id"}}, "#/roles", "Did you mean 'plan'?"),
        ({"features": ["plan"], "drop": ["level"]}, "#/drop", "not both"),
        ({"features": ["plan", "churned"]}, "#/features", "churned is the target"),
        ({"target": "plan", "drop": ["plan"]}, "#/drop", "plan is the target"),
        ({"target": "plan", "roles": {"level": "target"}}, "#/roles", "there is one target"),
        (
            {"drop": ["visits", "spent", "plan", "household", "level"]},
            "#/drop",
            "no column of faults is left to learn from",
        ),
    ],
)
def test_columns_that_do_not_fit(http: httpx.Client, session: str, more, pointer: str, words: str):
    http.put(f"{AT}/faults?target=churned", content=CONTENT)
    body = {"estimator": "decision-tree", "dataset": "faults", **more}
    answer = http.post(f"{session}/trainings", json=body)
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["detail"]
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    answer = http.post(f"{session}/trainings", json={**body, "roles": {"plan": "x"}})
    problem(answer, 422, "invalid-body", "#/roles/plan")


def test_roles_and_types_are_kept_with_the_dataset(http: httpx.Client, session: str):
    put(http, "kept", "target=churned&role=group=household&role=ignore=level")

    def describe(**body: object) -> dict:
        answer = http.post(f"{AT}/kept/describe", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    first = http.get(f"{AT}/kept").json()
    assert first["roles"] == {"household": "group", "level": "ignore"}
    found = train(http, session, "kept")
    assert found["left_out"].items() >= {"household": "group", "level": "ignore"}.items()
    described = describe(roles={"level": None, "visits": "cohort"}, types={"spent": "text"})
    assert described["roles"] == {"household": "group", "visits": "cohort"}
    assert {one["name"]: one["type"] for one in described["columns"]}["spent"] == "string"
    assert described["version"] == first["version"]
    again = describe(roles={"visits": "cohort"})
    assert again["registered"] == described["registered"], "nothing has changed"
    described = describe(roles={"plan": "target", "visits": "id"})
    assert (described["target"], described["classes"]) == ("plan", {"a": 30, "b": 30})
    more = f"{CONTENT}C999,1,1.5,a,x,9,1,n\n"
    answer = http.put(f"{AT}/kept", content=more)
    assert answer.status_code == 201, answer.text
    assert answer.json()["roles"] == {"household": "group", "visits": "id"}
    older = train(http, session, f"kept@{first['version']}")
    assert older["left_out"]["visits"] == "id", "the newest version's roles hold for all"


def test_what_cannot_be_said_of_columns(http: httpx.Client):
    put(http, "said")
    at = f"{AT}/said/describe"
    problem(http.post(at, json={"roles": {"?": "id"}}), 422, "columns-unfit", "no column '?'")
    problem(http.post(at, json={"types": {"?": "text"}}), 422, "columns-unfit", "no column '?'")
    problem(http.post(at, json={"types": {"plan": "x"}}), 422, "hints-unfit", "is no type")
    problem(http.post(at, json={"types": {"plan": "number"}}), 422, "dataset-refused", "plan")
    two = {"plan": "target", "level": "target"}
    problem(http.post(at, json={"roles": two}), 422, "columns-unfit", "one target")
    for word in ("plan", "x=plan", "id="):
        answer = http.put(f"{AT}/said", params={"role": word}, content=CONTENT)
        problem(answer, 422, "columns-unfit", "ROLE=COLUMN")
    assert http.get(f"{AT}/said").json()["roles"] == {}


def test_a_dataset_may_have_hundreds_of_columns(http: httpx.Client, session: str):
    names = [f"column_{n}" for n in range(700)]
    rows = [
        ",".join([*(str(n * row % 11) for n in range(700)), "ab"[row % 2]]) for row in range(40)
    ]
    content = "\n".join([",".join([*names, "y"]), *rows])
    answer = http.put(f"{AT}/wide?target=y", content=content)
    assert answer.status_code == 201, answer.text
    found = train(http, session, "wide", drop=names[10:])
    assert len(found["left_out"]) == 691, "the first of the others is constant"
    assert learned_from(http, session, found) == names[1:10]
