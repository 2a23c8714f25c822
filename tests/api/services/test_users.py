"""Who sees what of whom: logging in, sharing, revoking; lists, feeds, the past, retries."""

from __future__ import annotations

import json
import threading
import time
import uuid

import httpx
import pytest

from tests.support.people import PASSWORD, People, away
from tests.support.waiting import until

pytestmark = pytest.mark.kafka

TITLE = "canary-title-5821"


@pytest.fixture
def world(known: People) -> People:
    return known


def listed(world: People, who: str, path: str = "/v1/sessions") -> list[str]:
    items = world.ask(who, "GET", f"{path}{'&' if '?' in path else '?'}limit=500").json()["items"]
    return [item["id"] for item in items]


def identifier(path: str) -> str:
    return path.rpartition("/")[2]


# Logging in


@pytest.mark.parametrize(
    ("user", "password"),
    [("owner", "wrong password"), ("nobody", PASSWORD), ("No Name!", PASSWORD), ("admin", "x" * 9)],
    ids=["wrong password", "unknown", "no name", "without a password"],
)
def test_a_login_is_refused_with_one_answer(world: People, user: str, password: str):
    login = {"user": user, "password": password}
    answer = world.nobody.post("/v1/login", json=login, headers=away(1))
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:autolearn:problem:bad-login"
    assert answer.json()["detail"].startswith("There is no such user, the password is another")


@pytest.mark.parametrize(
    "header", ["Bearer", "Basic b3duZXI6eA==", "Bearer a b", "Bearer é", "bearer x" * 99]
)
def test_a_header_that_is_no_token_is_refused(world: People, header: str):
    answer = world.nobody.get("/v1/me", headers={"Authorization": header.encode()})
    assert answer.status_code == 401


def test_one_sees_who_one_is(world: People):
    me = world.ask("owner", "GET", "/v1/me").json()
    assert (me["name"], me["role"], me["auth"]) == ("owner", "user", "tokens")
    assert me["token"] == world.tokens["owner"].split("_")[1]
    assert world.ask("sysadmin", "GET", "/v1/me").json()["role"] == "sysadmin"


def test_a_token_is_said_once_and_never_again(world: People):
    made = world.ask("owner", "POST", "/v1/tokens", json={"name": "laptop", "days": 1})
    assert made.headers["cache-control"] == "no-store"
    secret = made.json()["token"].split("_", 2)[2]
    assert len(secret) == 43
    items = world.ask("owner", "GET", "/v1/tokens").json()["items"]
    assert made.json()["id"] in [item["id"] for item in items]
    assert secret not in json.dumps(items)
    with httpx.Client(base_url=world.first.url) as http:
        headers = {"Authorization": f"Bearer al_{made.json()['id']}_{'A' * 43}"}
        assert http.get("/v1/me", headers=headers).status_code == 401, "the id is not enough"


def test_a_revoked_token_is_refused_everywhere_within_a_second(world: People):
    world.tokens["short"] = world.ask("owner", "POST", "/v1/tokens", json={}).json()["token"]
    at = f"/v1/tokens/{world.tokens['short'].split('_')[1]}/revoke"
    until(lambda: world.ask("short", "GET", "/v1/me", world.elsewhere).status_code == 200)
    assert world.ask("owner", "POST", at).json()["revoked"] is not None
    began = time.monotonic()
    assert world.ask("short", "GET", "/v1/me").status_code == 401
    until(lambda: world.ask("short", "GET", "/v1/me", world.elsewhere).status_code == 401, 1)
    assert time.monotonic() - began < 1
    assert world.ask("owner", "POST", at).status_code == 404


def test_a_revoked_token_ends_a_feed(world: People):
    world.tokens["feed"] = world.ask("owner", "POST", "/v1/tokens", json={}).json()["token"]
    headers = {"Authorization": f"Bearer {world.tokens['feed']}"}
    at = f"/v1/tokens/{world.tokens['feed'].split('_')[1]}/revoke"
    until(lambda: world.elsewhere.get("/v1/me", headers=headers).status_code == 200)
    headers["Accept"] = "text/event-stream"
    with world.elsewhere.stream("GET", "/v1/events?after=now", headers=headers) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry")
        revoke = threading.Thread(target=world.ask, args=("owner", "POST", at))
        revoke.start()
        said = "\n".join(lines)  # ends with the feed
        revoke.join()
    assert "event: problem" in said
    assert "bad-token" in said


def test_a_disabled_user_is_out_at_once_and_back_when_enabled(world: People):
    world.tokens["guest"] = world.add("guest")
    session = world.ask("guest", "POST", "/v1/sessions").headers["location"]
    assert world.ask("sysadmin", "POST", "/v1/users/guest/disable").json()["disabled"] is True
    assert world.ask("guest", "GET", session).status_code == 401
    login = {"user": "guest", "password": PASSWORD}
    assert world.nobody.post("/v1/login", json=login).status_code == 401
    assert world.ask("sysadmin", "POST", "/v1/users/guest/enable").status_code == 200
    assert world.ask("guest", "GET", session).status_code == 401, "old tokens are not revived"
    world.tokens["guest"] = world.nobody.post("/v1/login", json=login).json()["token"]
    assert world.ask("guest", "GET", session).status_code == 200


def test_a_new_password_leaves_the_token_that_asks_alone(world: People):
    world.tokens["thief"] = world.tokens["robbed"] = world.add("robbed")
    stolen = world.ask("thief", "POST", "/v1/tokens", json={}).json()["token"]
    world.tokens["thief"] = stolen
    body = {"password": "another password", "present": PASSWORD}
    assert world.ask("thief", "GET", "/v1/me").status_code == 200
    assert world.ask("robbed", "POST", "/v1/me/password", json=body).status_code == 200
    assert world.ask("thief", "GET", "/v1/me").status_code == 401
    assert world.ask("robbed", "GET", "/v1/me").status_code == 200
    body = {"password": "a third password"}
    answer = world.ask("sysadmin", "POST", "/v1/users/robbed/password", json=body)
    assert answer.status_code == 200
    assert world.ask("robbed", "GET", "/v1/me").status_code == 401


def test_all_tokens_but_the_one_in_use_are_revoked_at_once(world: People):
    world.tokens["many"] = world.add("many")
    for number in range(3):
        made = world.ask("many", "POST", "/v1/tokens", json={})
        world.tokens[f"many-{number}"] = made.json()["token"]
    assert world.ask("many-1", "POST", "/v1/tokens/revoke").status_code == 200
    seen = [world.ask(f"many-{number}", "GET", "/v1/me").status_code for number in range(3)]
    assert seen == [401, 200, 401]
    assert world.ask("many", "GET", "/v1/me").status_code == 401
    listed = world.ask("many-1", "GET", "/v1/tokens").json()["items"]
    assert [one["revoked"] is None for one in listed] == [False, False, True, False]
    world.ask("many-1", "POST", "/v1/tokens", json={})
    listed = world.ask("many-1", "GET", "/v1/tokens").json()["items"]
    assert [one["revoked"] for one in listed] == [None, None], "what has ended is dropped"


def test_a_token_does_not_outlive_the_one_that_made_it(world: People):
    for days in (90, 0):
        short = world.ask("owner", "POST", "/v1/tokens", json={"days": 1}).json()
        world.tokens["short-lived"] = short["token"]
        child = world.ask("short-lived", "POST", "/v1/tokens", json={"days": days}).json()
        assert child["expires"] == short["expires"]
    child = world.ask("short-lived", "POST", "/v1/tokens", json={"days": 0.5}).json()
    assert child["expires"] < short["expires"]


def test_a_sysadmin_sets_the_own_password_as_everybody_does(world: People):
    body = {"password": "stolen tokens do this"}
    answer = world.ask("sysadmin", "POST", "/v1/users/admin/password", json=body)
    assert answer.status_code == 409
    assert answer.json()["type"].endswith(":yourself")
    assert "/v1/me/password" in answer.json()["detail"]


def test_a_sysadmin_is_always_left(world: People):
    for what, body in (("disable", None), ("role", {"role": "user"})):
        answer = world.ask("sysadmin", "POST", f"/v1/users/admin/{what}", json=body)
        assert answer.status_code == 409
        assert answer.json()["type"].endswith(":yourself")


def test_a_role_counts_at_once(world: People):
    world.tokens["deputy"] = world.add("deputy")
    assert world.ask("deputy", "GET", "/v1/users").status_code == 403
    body = {"role": "sysadmin"}
    world.ask("sysadmin", "POST", "/v1/users/deputy/role", json=body)
    assert world.ask("deputy", "GET", "/v1/users").status_code == 200
    body = {"role": "user"}
    world.ask("sysadmin", "POST", "/v1/users/deputy/role", json=body)
    assert world.ask("deputy", "GET", "/v1/users").status_code == 403


def test_a_password_is_changed_by_who_knows_it(world: People):
    world.tokens["forgetful"] = world.add("forgetful")
    new = {"password": "another password"}
    answer = world.ask("forgetful", "POST", "/v1/me/password", json=new)
    assert answer.status_code == 403
    answer = world.ask("forgetful", "POST", "/v1/me/password", json={**new, "present": "wrong"})
    assert answer.status_code == 403
    answer = world.ask("forgetful", "POST", "/v1/me/password", json={**new, "present": PASSWORD})
    assert answer.status_code == 200
    for password, status in ((PASSWORD, 401), ("another password", 201)):
        login = {"user": "forgetful", "password": password}
        assert world.nobody.post("/v1/login", json=login).status_code == status


@pytest.mark.parametrize("password", ["short", "x" * 1001, "", 12345678])
def test_a_bad_password_is_refused_and_never_repeated(world: People, password: object):
    body = {"name": f"u-{uuid.uuid4().hex[:8]}", "password": password}
    answer = world.ask("sysadmin", "POST", "/v1/users", json=body)
    assert answer.status_code == 422
    assert not password or str(password) not in answer.text


# Sharing


def test_sharing_gives_and_takes_at_once(world: People):
    session = world.session(TITLE)
    assert world.ask("reader", "GET", session).status_code == 404
    world.share(session)
    assert world.ask("reader", "GET", session).json()["title"] == TITLE
    until(lambda: world.ask("reader", "GET", session, world.elsewhere).status_code == 200)
    assert identifier(session) in listed(world, "reader")
    assert identifier(session) not in listed(world, "other")
    readers = world.ask("owner", "GET", f"{session}/readers").json()["items"]
    assert {one["user"]: one["may"] for one in readers} == {"group/team": "work", "reader": "read"}
    answer = world.ask("owner", "POST", f"{session}/unshare", json={"user": "reader"})
    assert [one["user"] for one in answer.json()["items"]] == ["group/team"]
    assert world.ask("reader", "GET", session).status_code == 404
    assert identifier(session) not in listed(world, "reader")


def test_who_works_in_a_session_asks_for_runs_in_the_own_name(world: People):
    session, body = world.session(TITLE), {"estimator": "decision-tree", "dataset": "iris"}
    for user, may in (("reader", "read"), ("colleague", "work")):
        grant = {"user": user, "may": may}
        assert world.ask("owner", "POST", f"{session}/share", json=grant).status_code == 200
    refused = world.ask("reader", "POST", f"{session}/trainings", json=body)
    assert refused.status_code == 403
    assert "session share --may work" in refused.json()["detail"]
    made = world.ask("colleague", "POST", f"{session}/trainings", json=body).json()
    assert made["actor"] == "colleague"
    theirs = world.ask("owner", "POST", f"{session}/trainings", json=body).json()
    for run, who, status in ((theirs, "colleague", {403}), (made, "owner", {200, 409})):
        at = f"{session}/trainings/{run['id']}/cancel"
        assert world.ask(who, "POST", at).status_code in status
    shared = "/v1/sessions?shared=true"
    assert identifier(session) in listed(world, "colleague", shared)
    assert identifier(session) not in listed(world, "owner", shared)
    downgraded = {"user": "colleague", "may": "read"}
    assert world.ask("owner", "POST", f"{session}/share", json=downgraded).status_code == 200
    answer = world.ask("colleague", "POST", f"{session}/trainings", json=body)
    assert answer.status_code == 403
    both = world.ask("owner", "GET", f"{shared}&as_of=2026-01-01T00:00:00Z")
    assert (both.status_code, both.json()["type"].rpartition(":")[2]) == (422, "not-both")


def test_sharing_does_not_tell_who_there_is(world: People):
    session = world.session()
    found = {
        user: world.ask("owner", "POST", f"{session}/share", json={"user": user})
        for user in ("lise", "reader")
    }
    assert [answer.status_code for answer in found.values()] == [200, 200]
    rows = {row["user"]: set(row) for row in found["reader"].json()["items"]}
    assert set(rows) == {"lise", "reader"}, "also for a user that there is not"
    assert rows["lise"] == rows["reader"]
    answer = world.ask("owner", "POST", f"{session}/share", json={"user": "No Name!"})
    assert answer.status_code == 422


def test_an_experiment_is_shared_like_its_session(world: People):
    session = world.session()
    world.trained(session)
    experiment = world.ask("owner", "POST", f"{session}/commit").headers["location"]
    assert world.ask("reader", "GET", experiment).status_code == 404
    world.share(session)
    assert world.ask("reader", "GET", experiment).status_code == 200
    assert identifier(experiment) in listed(world, "reader", "/v1/experiments")
    assert identifier(experiment) not in listed(world, "other", "/v1/experiments")
    left = world.ask("reader", "POST", experiment.replace("experiments", "sessions") + "/leave")
    assert left.status_code == 200, left.text
    assert world.ask("reader", "GET", experiment).status_code == 404
    assert identifier(experiment) not in listed(world, "reader", "/v1/experiments")


# What a sysadmin sees


def test_a_sysadmin_sees_that_there_is_work_and_not_what(world: People):
    session = world.session(TITLE)
    training, _ = world.trained(session)
    seen = world.ask("sysadmin", "GET", session)
    completed = {"completed": 1}
    counts = {"trainings": completed, "evaluations": completed, "predictions": {}}
    counts["studies"] = {}
    assert seen.json()["counts"] == counts
    assert (seen.json()["actor"], seen.json()["withheld"]) == ("owner", True)
    experiment = world.ask("owner", "POST", f"{session}/commit").headers["location"]
    everything = [
        seen,
        world.ask("sysadmin", "GET", "/v1/sessions?limit=500"),
        world.ask("sysadmin", "GET", experiment),
        world.ask("sysadmin", "GET", "/v1/experiments?limit=500"),
        world.ask("sysadmin", "GET", f"/v1/events?session={identifier(session)}&limit=1000"),
    ]
    for answer in everything:
        assert answer.status_code == 200
        for word in (TITLE, "logistic-regression", "iris"):
            assert word not in answer.text
    assert world.ask("owner", "GET", experiment).json()["title"] == TITLE
    assert training in world.ask("owner", "GET", experiment).text


# The log


def events(world: People, who: str, **query: object) -> list[dict[str, object]]:
    items: list[dict[str, object]] = []
    after, more = "", True
    while more:
        given = {"limit": 1000, "after": after, **query}
        page = world.ask(who, "GET", "/v1/events", params=given).json()
        items += page["items"]
        after, more = page["next"], page["more"]
    return items


def test_the_feed_has_what_is_ones_own_and_nothing_secret(world: People):
    session = world.session(TITLE)
    subject = f"session/{identifier(session)}"
    assert [e["data"] for e in events(world, "owner", stream=subject)] == [{"title": TITLE}]
    answer = world.ask("other", "GET", "/v1/events", params={"stream": subject})
    assert answer.status_code == 404
    assert answer.json()["type"].endswith(":stream-unknown")
    world.tokens["onlooker"] = world.add("onlooker")
    catalog = {"estimator", "metric", "step", "dataset"}
    for who, kinds in (
        ("onlooker", catalog | {"user"}),
        ("owner", catalog | {"user", "session", "group"}),
        ("sysadmin", catalog | {"user", "session", "group"}),
    ):
        found = events(world, who)
        shown = {str(e["subject"]).partition("/")[0] for e in found} - {"partition"}
        models = (
            set() if who == "onlooker" else {"model", "pipeline"}
        )  # of other tests of this world
        assert kinds <= shown <= kinds | models
        users = [e for e in found if str(e["subject"]).startswith("user/")]
        assert all(e["data"] == {} and e["fingerprint"] == "" for e in users), "withheld"
        mine = {e["subject"] for e in users}
        assert len(mine) > 3 if who == "sysadmin" else mine == {f"user/{who}"}
        assert "$argon2id$" not in json.dumps(found)


def test_the_live_feed_has_what_is_ones_own(world: People):
    headers = {"Authorization": f"Bearer {world.tokens['reader']}", "Accept": "text/event-stream"}
    with world.nobody.stream("GET", "/v1/events?after=now", headers=headers) as answer:
        lines = answer.iter_lines()
        next(lines)
        hidden, shown = world.session("hidden"), world.session("shown")
        world.share(shown)
        seen = []
        for line in lines:
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: ")))
                if seen[-1]["type"] == "autolearn.SessionShared.v1":
                    break
    assert identifier(hidden) not in json.dumps(seen)
    assert identifier(shown) in seen[-1]["subject"]


def test_differences_are_of_what_one_may_read(world: People):
    before = world.ask("owner", "GET", "/v1/position").json()["token"]
    session = world.session(TITLE)

    def changed(who: str, **query: str) -> list[str]:
        answer = world.ask(who, "GET", "/v1/diff", params={"from": before, **query})
        assert answer.status_code == 200
        return [item["stream"] for item in answer.json()["items"]]

    mine = f"session/{identifier(session)}"
    assert mine in changed("owner")
    for who in ("other", "reader", "sysadmin"):
        assert mine not in changed(who)
        assert changed(who, stream=mine) == []
    world.share(session)
    assert mine in changed("reader")


def test_the_past_is_only_for_who_may_read_the_present(world: People):
    session = world.session(TITLE)
    world.share(session)
    then = world.ask("owner", "GET", "/v1/position").json()["token"]
    at = f"/v1/sessions?as_of={then}"
    assert identifier(session) in listed(world, "reader", at)
    assert world.ask("reader", "GET", f"{session}?as_of={then}").status_code == 200
    world.ask("owner", "POST", f"{session}/unshare", json={"user": "reader"})
    assert identifier(session) not in listed(world, "reader", at)
    assert world.ask("reader", "GET", f"{session}?as_of={then}").status_code == 404
    assert identifier(session) not in listed(world, "other", at)
    everybody = world.ask("sysadmin", "GET", f"{at}&limit=500")
    assert identifier(session) in everybody.text
    assert TITLE not in everybody.text


def test_pages_of_a_list_have_only_what_is_ones_own(world: People):
    world.tokens["pager"] = world.add("pager")
    mine = []
    for number in range(5):
        world.session(f"not the pager's {number}")
        mine.append(identifier(world.ask("pager", "POST", "/v1/sessions").headers["location"]))
    found: list[str] = []
    page: str | None = ""
    while page is not None:
        answer = world.ask("pager", "GET", f"/v1/sessions?limit=2&page={page}").json()
        found += [item["id"] for item in answer["items"]]
        page = answer["next"]
    assert sorted(found) == sorted(mine)


# Retries


def test_a_key_of_one_user_is_not_the_key_of_another(world: People):
    headers = {"Idempotency-Key": "the-same"}
    body = {"title": TITLE}
    first, again = (
        world.ask("owner", "POST", "/v1/sessions", json=body, headers=headers) for _ in range(2)
    )
    assert first.headers["location"] == again.headers["location"]
    theirs = world.ask("other", "POST", "/v1/sessions", json=body, headers=headers)
    assert theirs.status_code == 201
    assert theirs.headers["location"] != first.headers["location"]
    assert theirs.json()["actor"] == "other"


def test_what_was_done_has_its_actor_on_the_log(world: People):
    session = world.session()
    (opened,) = events(world, "owner", session=identifier(session))
    assert opened["actor"] == "owner"
    world.ask("sysadmin", "POST", "/v1/users", json={"name": "late"})
    (added,) = events(world, "sysadmin", stream="user/late")
    assert added["actor"] == "admin"


def test_a_sysadmin_puts_no_command_of_others_in_the_place_of_a_dead_letter(world: People):
    session, mine = world.session(), uuid.uuid4()
    sharing = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "tests",
        "type": "autolearn.ShareSession.v1",
        "subject": f"session/{identifier(session)}",
        "time": "2026-01-01T00:00:00.000Z",
        "actor": "owner",
        "data": {"user": "admin"},
    }
    at = f"{dead_letter(world)}/retry"
    answer = world.ask("sysadmin", "POST", at, json={"value": sharing})
    assert answer.status_code == 403, answer.text
    assert world.ask("owner", "GET", f"{session}/readers").json()["items"] == []
    opening = {"type": "autolearn.OpenSession.v1", "subject": f"session/{mine}"}
    value = sharing | opening | {"data": {"title": "late"}}
    answer = world.ask("sysadmin", "POST", at, json={"value": value})
    assert answer.status_code == 200, answer.text
    (opened,) = events(world, "sysadmin", session=str(mine))
    assert opened["actor"] == "admin", "nobody asks in the name of others"


def dead_letter(world: People) -> str:
    """The path of a new dead letter."""

    def newest() -> list[str]:
        items = world.ask("sysadmin", "GET", "/v1/dead-letters?limit=1").json()["items"]
        return [item["links"]["self"] for item in items]

    before = newest()
    world.log.append(world.topics.commands.name, b"rubbish", key="k")
    world.log.flush(10)
    until(lambda: newest() != before)
    return newest()[0]


# Secrets


def test_no_secret_is_on_the_log_or_in_the_logs(world: People):
    secrets = [word.split("_", 2)[2] for name, word in world.tokens.items() if name != "bad"]
    secrets += [PASSWORD, "another password", "wrong password"]
    assert len(secrets) > 6
    topics = [world.topics.commands.name, world.topics.events.name]
    said = [path.read_bytes() for path in world.folder.glob("*.log")]
    for topic in topics:
        ends = world.log.ends(topic)
        reader = world.log.reader(topic, dict.fromkeys(ends, 0))
        left = sum(ends.values())
        while left > 0:
            for message in reader.read(1000, 10):
                said.append(message.content)
                left -= 1
        reader.close()
    assert any(b"$argon2id$v=19$m=65536,t=3,p=4$" in words for words in said), "they were looked at"
    for secret in secrets:
        assert not any(secret.encode() in words for words in said)
    for path in (world.folder / "home").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in secrets), path


# Quotas


def quotas(world: People, who: str, path: str = "/v1/me/quota") -> dict[str, tuple[int, int]]:
    items = world.ask(who, "GET", path).json()["items"]
    return {item["name"]: (item["used"], item["limit"]) for item in items}


def set_quota(world: People, user: str, name: str, limit: int | None) -> httpx.Response:
    body = {"name": name, "limit": limit}
    return world.ask("sysadmin", "POST", f"/v1/users/{user}/quota", json=body)


def test_a_quota_of_sessions_holds_for_the_user_who_has_it(world: People):
    world.tokens["greedy"] = world.add("greedy")
    assert quotas(world, "greedy")["sessions"] == (0, 1000)
    assert set_quota(world, "greedy", "sessions", 2).status_code == 200
    made = [world.ask("greedy", "POST", "/v1/sessions") for _ in range(3)]
    assert [answer.status_code for answer in made] == [201, 201, 409]
    problem = made[2].json()
    assert problem["type"] == "urn:autolearn:problem:quota-exceeded"
    assert (problem["used"], problem["limit"]) == (2, 2)
    assert "autolearn admin quota greedy --set sessions=N" in problem["detail"]
    assert quotas(world, "greedy")["sessions"] == (2, 2)
    assert world.ask("owner", "POST", "/v1/sessions").status_code == 201, "others are not held up"
    world.ask("greedy", "POST", f"{made[0].headers['location']}/discard")
    assert world.ask("greedy", "POST", "/v1/sessions").status_code == 201
    assert set_quota(world, "greedy", "sessions", None).status_code == 200
    assert world.ask("greedy", "POST", "/v1/sessions").status_code == 201


def test_a_request_that_is_repeated_takes_no_more_of_a_quota(world: People):
    world.tokens["twice"] = world.add("twice")
    set_quota(world, "twice", "sessions", 1)
    key = {"Idempotency-Key": "the-same"}
    made = [world.ask("twice", "POST", "/v1/sessions", headers=key) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json()["id"] == made[1].json()["id"]


def test_a_quota_of_tokens_holds_until_one_is_revoked(world: People):
    world.tokens["minter"] = world.add("minter")
    set_quota(world, "minter", "tokens", 2)
    made = [world.ask("minter", "POST", "/v1/tokens", json={}) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 409]
    login = {"user": "minter", "password": PASSWORD}
    assert world.nobody.post("/v1/login", json=login).status_code == 409
    world.ask("minter", "POST", f"/v1/tokens/{made[0].json()['id']}/revoke")
    assert world.nobody.post("/v1/login", json=login).status_code == 201


def test_a_quota_is_set_of_a_user_who_is_known_and_by_its_name(world: People):
    assert set_quota(world, "nemo", "sessions", 1).status_code == 404
    unknown = set_quota(world, "other", "seats", 1)
    assert unknown.status_code == 422
    assert "runs-queued, runs-running, sessions" in unknown.json()["detail"]
    assert set_quota(world, "other", "sessions", -1).status_code == 422


def test_quotas_of_runs_hold_and_are_raised(world: People):
    world.tokens["eager"] = world.add("eager")
    set_quota(world, "eager", "runs-running", 0)
    set_quota(world, "eager", "runs-queued", 2)
    trainings = world.ask("eager", "POST", "/v1/sessions").headers["location"] + "/trainings"
    body = {"estimator": "decision-tree", "dataset": "iris"}
    until(
        lambda: world.ask("eager", "GET", "/v1/catalog/estimators/decision-tree").status_code == 200
    )
    made = [world.ask("eager", "POST", trainings, json=body | {"seed": n}) for n in range(3)]
    assert [answer.status_code for answer in made] == [201, 201, 409]
    assert "autolearn admin quota eager --set runs-queued=N" in made[2].json()["detail"]
    counted = quotas(world, "eager")
    assert (counted["runs-queued"], counted["runs-running"]) == ((2, 2), (0, 0))
    other = world.ask("owner", "POST", "/v1/sessions").headers["location"] + "/trainings"
    waited = {"Prefer": "wait=60"}
    answer = world.ask("owner", "POST", other, json=body, headers=waited)
    assert answer.json()["status"] == "completed", "others go on"
    assert quotas(world, "eager")["runs-queued"] == (2, 2)
    set_quota(world, "eager", "runs-running", 1)
    until(lambda: quotas(world, "eager")["runs-queued"] == (0, 2), 60)
    until(lambda: quotas(world, "eager")["runs-running"] == (0, 1), 60)
    set_quota(world, "eager", "session-runs", 2)
    answer = world.ask("eager", "POST", trainings, json=body)
    assert (answer.status_code, answer.json()["used"]) == (409, 2)
