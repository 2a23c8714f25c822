"""Groups: what is shared with one is shared with its members, for as long as they are members."""

import json
import threading
import uuid

import pytest

from autolearn.schemas.codec import decode_event
from tests.api.services.test_datasets import problem
from tests.support.people import People
from tests.support.waiting import until

BODY = {"estimator": "decision-tree", "dataset": "iris"}
ROWS = b"size,kind\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n7,a\n8,b\n"


def group_of(known: People, *members: str, owner: str = "owner") -> str:
    """The name of a new group with these members."""
    name = f"g-{uuid.uuid4().hex[:8]}"
    assert known.ask(owner, "POST", "/v1/groups", json={"name": name}).status_code == 201
    for user in members:
        added = known.ask(owner, "POST", f"/v1/groups/{name}/add", json={"user": user})
        assert added.status_code == 200, added.text
    return name


def shared(known: People, at: str, group: str, may: str = "work") -> str:
    body = {"user": f"group/{group}", "may": may}
    answer = known.ask("owner", "POST", f"{at}/share", json=body)
    assert answer.status_code == 200, answer.text
    return at


def listed(known: People, who: str, path: str) -> list[str]:
    items = known.ask(who, "GET", path).json()["items"]
    return [one.get("id") or one["name"] for one in items]


def test_members_work_for_as_long_as_they_are_members(known: People):
    group = group_of(known, "other")
    session = shared(known, known.session("with a group"), group)
    name, trainings = session.rpartition("/")[2], f"{session}/trainings"
    made = known.ask("other", "POST", trainings, json=BODY, headers={"Prefer": "wait=60"})
    assert (made.json()["actor"], made.json()["status"]) == ("other", "completed"), made.text
    assert name in listed(known, "other", "/v1/sessions?limit=500")
    assert name in listed(known, "other", "/v1/sessions?limit=500&shared=true")
    assert name not in listed(known, "reader", "/v1/sessions?limit=500")
    events = known.ask("owner", "GET", f"/v1/events?session={name}&limit=100").json()["items"]
    asked = [one for one in events if one["type"] == "autolearn.TrainingRequested.v1"]
    assert [(one["actor"], one["via"]) for one in asked] == [("other", f"group/{group}@2")]

    gone = known.ask("owner", "POST", f"/v1/groups/{group}/remove", json={"user": "other"})
    assert [one["user"] for one in gone.json()["members"]] == ["owner"]
    for to in (known.elsewhere, known.nobody):  # at once, by whichever process
        assert known.ask("other", "POST", trainings, to, json=BODY).status_code == 404
    assert known.ask("other", "GET", session).status_code == 404
    assert name not in listed(known, "other", "/v1/sessions?limit=500")
    theirs = known.ask("owner", "GET", f"{session}/trainings/{made.json()['id']}").json()
    assert theirs["actor"] == "other", "what was done stays theirs"


def test_a_member_who_is_removed_is_cut_from_an_open_feed(known: People):
    group = group_of(known, "other")
    shared(known, known.session("on a feed"), group)
    headers = {"Authorization": f"Bearer {known.tokens['other']}", "Accept": "text/event-stream"}
    at, body = f"/v1/groups/{group}/remove", {"user": "other"}
    until(lambda: known.ask("other", "GET", f"/v1/groups/{group}", known.elsewhere).is_success)
    with known.elsewhere.stream("GET", "/v1/events?after=now", headers=headers) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry")
        remove = threading.Thread(
            target=known.ask, args=("owner", "POST", at), kwargs={"json": body}
        )
        remove.start()
        said = "\n".join(lines)  # ends with the feed
        remove.join()
    assert ": You are in a group no longer" in said


def test_a_group_is_for_its_members_and_administered_by_its_owner(known: People):
    group = group_of(known, "reader")
    at = f"/v1/groups/{group}"
    problem(known.ask("other", "GET", at), 404, "group-unknown")
    problem(
        known.ask("other", "POST", f"{at}/remove", json={"user": "other"}), 404, "group-unknown"
    )
    problem(known.ask("reader", "POST", f"{at}/add", json={"user": "other"}), 403, "forbidden")
    assert group in listed(known, "reader", "/v1/groups")
    assert group in listed(known, "sysadmin", "/v1/groups?limit=500")
    assert group not in listed(known, "other", "/v1/groups")
    added = known.ask("sysadmin", "POST", f"{at}/add", json={"user": "other"})
    assert [one["user"] for one in added.json()["members"]] == ["other", "owner", "reader"]
    assert known.ask("reader", "POST", f"{at}/remove", json={"user": "reader"}).is_success
    problem(known.ask("reader", "GET", at), 404, "group-unknown")
    answer = known.ask("owner", "POST", f"{at}/remove", json={"user": "owner"})
    problem(answer, 409, "owner-stays")


def test_a_deleted_group_lets_nobody_do_anything_and_its_name_is_not_given_again(known: People):
    group = group_of(known, "other")
    session = shared(known, known.session("of a group that goes"), group)
    assert known.ask("other", "GET", session).status_code == 200
    assert known.ask("owner", "POST", f"/v1/groups/{group}/delete").is_success
    for to in (known.elsewhere, known.nobody):
        assert known.ask("other", "POST", f"{session}/trainings", to, json=BODY).status_code == 404
    answer = known.ask("other", "POST", "/v1/groups", json={"name": group})
    problem(answer, 410, "group-deleted")


@pytest.mark.parametrize("what", ["sessions", "datasets"])
def test_things_are_shared_only_with_a_group_that_one_knows(known: People, what: str):
    """Otherwise whoever creates a group of that name later would have the grant."""
    at = known.session("for nobody")
    if what == "datasets":
        at = "/v1/catalog/datasets/for-nobody"
        assert known.ask("owner", "PUT", f"{at}?format=csv", content=ROWS).status_code == 201
    theirs = group_of(known, owner="other")
    for name in ("not-there-yet", theirs):
        answer = known.ask("owner", "POST", f"{at}/share", json={"user": f"group/{name}"})
        problem(answer, 404, "group-unknown")
    for odd in ("group/", "group/Not A Name", "group/a/b", "group/../x", "Group/x"):
        answer = known.ask("owner", "POST", f"{at}/share", json={"user": odd})
        assert answer.status_code == 422, answer.text


def test_a_dataset_is_used_and_extended_by_a_group(known: People):
    group, at = group_of(known, "other"), "/v1/catalog/datasets/of-a-group"
    put = f"{at}?format=csv&accept_findings=true"
    assert known.ask("owner", "PUT", put, content=ROWS).status_code == 201
    shared(known, at, group, "read")
    assert known.ask("other", "GET", at).json()["owner"] == "owner"
    assert "of-a-group" in listed(known, "other", "/v1/catalog/datasets?limit=500&shared=true")
    assert "of-a-group" not in listed(known, "owner", "/v1/catalog/datasets?limit=500&shared=true")
    more = ROWS + b"9,a\n"
    problem(known.ask("other", "PUT", put, content=more), 409, "dataset-taken")
    shared(known, at, group, "work")
    newer = known.ask("other", "PUT", put, content=more)
    assert (newer.status_code, newer.json()["owner"]) == (201, "owner"), newer.text
    gone = known.ask("owner", "POST", f"/v1/groups/{group}/remove", json={"user": "other"})
    assert gone.status_code == 200
    again = known.ask("other", "PUT", put, known.elsewhere, content=more + b"10,b\n")
    problem(again, 409, "dataset-taken")
    problem(known.ask("other", "GET", at, known.elsewhere), 404, "unknown-dataset")


def test_the_log_says_by_which_grant_somebody_has_acted(known: People):
    group = group_of(known, "other")
    session = shared(known, known.session("on the log"), group)
    made = known.ask("other", "POST", f"{session}/trainings", json=BODY)
    assert made.status_code in (201, 202), made.text
    subject = f"session/{session.rpartition('/')[2]}"
    found = known.ask("owner", "GET", "/v1/events", params={"stream": subject, "limit": 100})
    (event,) = (one for one in found.json()["items"] if one["actor"] == "other")
    assert decode_event(json.dumps(event).encode()).via == f"group/{group}@2"
