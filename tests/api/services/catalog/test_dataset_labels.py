"""Labels of rows of a dataset: which rows are open, what is refused, and what they become."""

import pytest

from autolearn.api.services.catalog.label_checks import OpenRows
from autolearn.client.sdk.client import AutoLearn
from tests.support.api_assertions import problem
from tests.support.people import People

AT = "/v1/catalog/datasets"
KINDS = ("a", "b", "")
CONTENT = "age,name,kind\n" + "".join(f"{n},n{n % 4},{KINDS[n % 3]}\n" for n in range(41))


def put(known: People, name: str, query: str = "?target=kind", content: str = CONTENT) -> str:
    answer = known.ask("owner", "PUT", f"{AT}/{name}{query}", content=content)
    assert answer.status_code == 201, answer.text
    return answer.json()["version"]


def post(known: People, name: str, labels: dict[int, object], user: str = "owner", **more: object):
    given = [{"row": row, "value": value} for row, value in labels.items()]
    return known.ask(user, "POST", f"{AT}/{name}/labels", json={"labels": given, **more})


def test_open_rows_are_those_without_a_value():
    some = OpenRows(41, bytes([0b00100100, 0, 0b1]))
    assert (some.many, some.first(9, {5})) == (3, (2, 16))
    assert [row for row in range(41) if row in some] == [2, 5, 16]
    assert OpenRows(3, None).first(9, {0}) == (1, 2)
    assert 3 not in OpenRows(3, None)


def test_labels_become_the_next_version(known: People):
    put(known, "labelled")
    found = known.ask("owner", "GET", f"{AT}/labelled/unlabelled?limit=2").json()
    assert (found["rows"], found["labelled"], found["classes"]) == (13, 0, ["a", "b"])
    assert [one["row"] for one in found["items"]] == [2, 5]
    assert found["items"][1]["values"] == {"age": 5, "name": "n1"}
    with AutoLearn(str(known.nobody.base_url), token=known.tokens["owner"]) as al:
        dataset = al.dataset("labelled")
        assert dataset.add_labels({2: "a", 5: "b"}).added == 2
        assert dataset.label(5, "b").same == 1
        assert [one.row for one in dataset.unlabelled(limit=1).items] == [8]
        assert [(one.row, one.value, one.actor) for one in dataset.labels()] == [
            (2, "a", "owner"),
            (5, "b", "owner"),
        ]
        assert dataset.label(2, "b", replace=True).replaced == 1
        newer = al.upload_dataset(dataset.with_labels(), "labelled", accept_changes=True)
        values = list(newer.to_pandas()["kind"][:9])
        assert values[:6] == ["a", "b", "b", "a", "b", "b"]
        assert newer.unlabelled().rows == 11
        assert newer.labels() == []


def test_a_column_that_is_not_there_gets_labels_of_one_kind(known: People):
    put(known, "bare", "", "age\n1\n2\n3\n")
    answer = known.ask("owner", "GET", f"{AT}/bare/unlabelled")
    problem(answer, 422, "target-unfit", "bare has no target")
    found = known.ask("owner", "GET", f"{AT}/bare/unlabelled?target=price").json()
    assert (found["rows"], found["new"]) == (3, True)
    assert post(known, "bare", {0: 1, 2: 2.5}, target="price").json()["added"] == 2
    answer = post(known, "bare", {1: "dear"}, target="price")
    problem(answer, 422, "label-unfit", "the labels of this column are numbers")
    with AutoLearn(str(known.nobody.base_url), token=known.tokens["owner"]) as al:
        assert al.dataset("bare").with_labels("price").to_pydict() == {
            "age": [1, 2, 3],
            "price": [1.0, None, 2.5],
        }


@pytest.mark.parametrize(
    ("labels", "more", "words"),
    [
        ({41: "a"}, {}, "the rows 0 to 40, and no row 41"),
        ({0: "a"}, {}, "row 0 has a value of kind in the data"),
        ({2: "c"}, {}, "'c' is none of the labels a, b"),
        ({2: "a"}, {"classes": ["x"]}, "is none of the labels x"),
        ({2: "  "}, {"classes": []}, "a label has 1 to 200 characters"),
        ({2: "a"}, {"target": "age"}, "All 41 rows of unfit have a value of age"),
        ({2: "a"}, {"version": "ffffffff"}, "No version of unfit"),
        ({2: None}, {}, "value"),
        ({-1: "a"}, {}, "greater than or equal to 0"),
    ],
)
def test_what_does_not_fit(known: People, labels: dict[int, object], more: dict, words: str):
    if known.ask("owner", "GET", f"{AT}/unfit").status_code == 404:
        put(known, "unfit")
    answer = post(known, "unfit", {5: "a", **labels}, **more)
    assert (answer.status_code in (404, 422), words in answer.text) == (True, True), answer.text
    assert known.ask("owner", "GET", f"{AT}/unfit/labels").json()["items"] == []


def test_another_label_is_refused_unless_it_replaces(known: People):
    put(known, "argued")
    assert post(known, "argued", {2: "a"}).json()["added"] == 1
    answer = post(known, "argued", {2: "b", 5: "b"})
    problem(answer, 409, "label-contradicts", "row 2 is 'a', as owner said at")
    answer = post(known, "argued", {2: "b", 5: "b"}, replace=True)
    assert (answer.json()["added"], answer.json()["replaced"]) == (2, 1)
    items = known.ask("owner", "GET", f"{AT}/argued/labels?limit=1").json()
    assert [one["value"] for one in items["items"]] == ["b"]
    rest = known.ask("owner", "GET", f"{AT}/argued/labels?page={items['next']}").json()
    assert [one["row"] for one in rest["items"]] == [5]


def test_who_may_label(known: People):
    put(known, "labelled-mine", "?target=kind&sensitive=kind&sensitive=name")
    problem(post(known, "labelled-mine", {2: "a"}, "other"), 404, "unknown-dataset")
    share = f"{AT}/labelled-mine/share"
    known.ask("owner", "POST", share, json={"user": "other"})
    problem(post(known, "labelled-mine", {2: "a"}, "other"), 403, "forbidden")
    problem(known.ask("other", "GET", f"{AT}/labelled-mine/labels"), 403, "forbidden")
    known.ask("owner", "POST", share, json={"user": "other", "may": "work"})
    assert post(known, "labelled-mine", {2: "canary-label"}, "other").json()["added"] == 1
    found = known.ask("other", "GET", f"{AT}/labelled-mine/unlabelled?limit=1").json()
    assert (found["items"][0]["values"], found["hidden"]) == ({"age": 5, "name": None}, ["name"])
    log = known.ask("other", "GET", "/v1/events?stream=dataset/labelled-mine&limit=100").text
    assert "RowsLabelled" in log
    assert "canary-label" not in log
