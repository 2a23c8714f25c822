"""What is expected of a dataset: said, proposed, checked, and what an upload must meet."""

from autolearn.client.sdk.client import AutoLearn
from tests.support.api_assertions import problem
from tests.support.people import People

AT = "/v1/catalog/datasets"
HARD = ["age between 0 and 120", "id unique", "start <= end"]
SOFT = ["plan in basic, pro", "rows >= 5"]


def rows(*more: str) -> str:
    some = (
        f"c{n},{20 + n},{('basic', 'pro')[n % 2]},2026-01-0{1 + n},2026-02-01" for n in range(6)
    )
    return "id,age,plan,start,end\n" + "\n".join((*some, *more)) + "\n"


def put(known: People, name: str, content: str, query: str = "", user: str = "owner"):
    return known.ask(user, "PUT", f"{AT}/{name}{query}", content=content)


def expect(known: People, name: str, user: str = "owner", **body: object):
    return known.ask(user, "PUT", f"{AT}/{name}/expectations", json=body)


def test_a_version_meets_what_is_expected(known: People):
    assert put(known, "members", rows()).status_code == 201
    said = expect(known, "members", hard=HARD, soft=SOFT).json()
    assert (said["number"], said["hard"], said["soft"]) == (1, HARD, SOFT)
    problem(
        expect(known, "members", hard=HARD, soft=SOFT), 409, "expectations-unchanged", "already"
    )
    problem(expect(known, "members", hard=HARD, after=0), 409, "dataset-changed", "change 1")
    bad = put(known, "members", rows("c1,150,gold,2026-03-01,2026-02-01"))
    found = problem(bad, 422, "expectations-failed", "Nothing was kept")
    assert [one["detail"] for one in found["errors"]] == [
        "age between 0 and 120, but 1 of 7 rows is not: row 6 (age 150)",
        "id unique, but 1 of 7 rows repeats another one: row 6",
        "start <= end, but 1 of 7 rows is not: row 6 (start 2026-03-01, end 2026-02-01)",
    ]
    assert found["errors"][0]["sample"] == [{"row": 6, "values": {"age": "150"}}]
    odd = put(known, "members", rows("c9,50,gold,2026-01-01,2026-02-01"))
    assert odd.status_code == 201, odd.text
    (warned,) = (one for one in odd.json()["findings"] if one["code"] == "expectation")
    assert warned["words"] == (
        "Expected is plan in basic, pro, but 1 of 7 rows is not: row 6 (plan gold)."
    )
    with AutoLearn(str(known.nobody.base_url), token=known.tokens["owner"]) as al:
        dataset = al.dataset("members")
        checked = dataset.check()
        assert (checked.failed, checked.warned, len(checked.outcomes)) == (0, 1, 5)
        assert dataset.check(hard=["age < 26"]).failed == 1
        assert dataset.expect(after=1).number == 2
        assert not dataset.expectations().hard


def test_rules_are_proposed_that_the_version_meets(known: People):
    content = "key,visits,plan,note\n" + "".join(
        f"k{n},{n % 7},{('basic', 'pro')[n % 2]},{'x' if n % 4 else ''}\n" for n in range(40)
    )
    assert put(known, "visits", content, "?role=id%3Dkey&sensitive=note").status_code == 201
    with AutoLearn(str(known.nobody.base_url), token=known.tokens["owner"]) as al:
        dataset = al.dataset("visits")
        found = dataset.proposed_expectations()
        assert found.hard == (
            *("key is text", "key unique", "visits is integer", "plan is text", "note is text"),
        )
        assert found.soft == (
            *("rows >= 20", "key complete", "visits complete", "visits between 0 and 7"),
            *("plan complete", "plan in basic, pro", "note complete >= 70 %"),
        )
        assert dataset.check(found.hard, found.soft).warned == 0


def test_what_cannot_be_expected(known: People):
    assert put(known, "odd-rules", rows()).status_code == 201
    found = problem(
        expect(known, "odd-rules", hard=["agee >= 0", "age"]), 422, "rules-unfit", "no rule"
    )
    assert [one["pointer"] for one in found["errors"]] == ["#/hard/0", "#/hard/1"]
    answer = expect(known, "odd-rules", soft=["agee >= 0", "plan >= 1"])
    problem(answer, 422, "rules-unfit", "agee >= 0: there is no column agee (did you mean age?)")
    problem(answer, 422, "rules-unfit", "plan >= 1: plan is text, and no number")
    answer = known.ask("owner", "POST", f"{AT}/odd-rules/expectations/check", json={})
    problem(answer, 409, "nothing-expected", "--propose")
    problem(expect(known, "odd-rules", "other", hard=HARD), 404, "unknown-dataset", "odd-rules")


def test_values_of_sensitive_columns_stay_hidden(known: People):
    assert put(known, "secrets", rows(), "?sensitive=age").status_code == 201
    assert expect(known, "secrets", hard=["age between 0 and 24", "id unique"]).status_code == 200
    body = {"user": "reader"}
    assert known.ask("owner", "POST", f"{AT}/secrets/share", json=body).status_code == 200
    seen = known.ask("reader", "GET", f"{AT}/secrets/expectations").json()
    assert (seen["hard"], seen["hidden"]) == (["id unique"], 1)
    body = {"hard": ["age >= 24", "plan unique"]}
    seen = known.ask("reader", "POST", f"{AT}/secrets/expectations/check", json=body).json()
    assert [one["rule"] for one in seen["outcomes"]] == ["plan unique"]
    assert seen["hidden"] == 1
    bad = put(known, "secrets", rows("c8,77,pro,2026-01-01,2026-02-01"))
    found = problem(bad, 422, "expectations-failed", "2 of 7 rows are not: row 5, row 6")
    assert "77" not in str(found)
