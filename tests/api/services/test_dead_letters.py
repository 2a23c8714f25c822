"""Dead letters over HTTP, of real deciders: listed, shown, and put back once."""

import base64
import concurrent.futures
import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.schemas.codec import CommandRecord, encode
from autolearn.schemas.records.dead_letter import LONGEST_VALUE
from tests.api.conftest import System
from tests.support import log_checker
from tests.support.api_assertions import problem
from tests.support.waiting import until

pytestmark = pytest.mark.kafka


class Post:
    """Writes to `commands` what nobody should, and finds the dead letter that it became."""

    def __init__(self, system: System) -> None:
        self.http, self.environment = system.http, system.environment
        self.topic = f"{system.environment['AUTOLEARN_TOPIC_PREFIX']}.commands"
        self.log = KafkaLog(system.environment["AUTOLEARN_KAFKA"])

    def send(
        self, value: bytes | None, key: str | None = "k", headers: tuple[Any, ...] = ()
    ) -> dict[str, Any]:
        before = self.newest()
        self.log.append(self.topic, value, key=key, headers=headers)
        self.log.flush(10)
        until(lambda: self.newest() != before, "a dead letter comes")
        found = self.newest()
        assert found is not None
        return found

    def newest(self) -> dict[str, Any] | None:
        items = self.http.get("/v1/dead-letters?limit=1").json()["items"]
        return items[0] if items else None

    def commands(self, key: str | None = None) -> list[tuple[int, int]]:
        """Partition and offset of the commands with this key, or of all."""
        found = log_checker.read_topic(self.environment["AUTOLEARN_KAFKA"], self.topic)
        return [
            (partition, record.offset)
            for partition, records in found.items()
            for record in records
            if key is None or record.key == key.encode()
        ]

    def headers(self, place: tuple[int, int]) -> list[tuple[str, bytes]]:
        reader = self.log.reader(self.topic, dict([place]))
        try:
            return reader.read(1, 10)[0].headers
        finally:
            reader.close()


@pytest.fixture(scope="module")
def post(system: System) -> Iterator[Post]:
    made = Post(system)
    yield made
    made.log.close()


def opening(session: str, **fields: Any) -> CommandRecord:
    about: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "source": "tests",
        "type": "autolearn.OpenSession.v1",
        "subject": f"session/{session}",
        "time": "2020-01-01T00:00:00.000Z",
        "actor": "ann",
        "data": msgspec.Raw(b'{"title":"late"}'),
    }
    return CommandRecord(**(about | fields))


def test_a_dead_letter_has_its_reason_headers_and_value(http: httpx.Client, post: Post):
    rubbish = b"\xff\x00rubbish"
    letter = post.send(rubbish, "a key", headers=(("trace", b"t-1"), ("raw", b"\xff")))
    assert letter["topic"] == post.topic
    assert "cannot be decoded" in letter["reason"]
    assert (letter["state"], letter["answer"], letter["size"]) == ("open", None, len(rubbish))
    shown = http.get(letter["links"]["self"]).json()
    assert shown["key"] == "a key"
    assert shown["headers"] == [["trace", "t-1"], ["raw", "base64:/w=="]]
    assert (shown["text"], base64.b64decode(shown["base64"])) == (None, rubbish)
    text = http.get(post.send(b'{"a": 1}')["links"]["self"]).json()
    assert (text["text"], text["base64"]) == ('{"a": 1}', None)
    gone = http.get(post.send(None, None)["links"]["self"]).json()
    assert (gone["key"], gone["text"], gone["base64"], gone["size"]) == (None, None, None, 0)


def test_lists_are_in_pages_newest_first_and_filtered_by_words(system: System, post: Post):
    word = uuid.uuid4().hex
    kinds = [f"autolearn.{word}.v1", "autolearn.Other.v1"]
    sent = [
        post.send(encode(opening(session, type=kinds[number % 2])), f"session/{session}")["id"]
        for number in range(5)
        for session in [str(uuid.uuid4())]
    ]
    seen, clients, at = [], (system.http, system.other), "/v1/dead-letters?limit=2"
    while at and len(seen) < 5:
        answer = clients[len(seen) % 2].get(at)
        seen += [item["id"] for item in answer.json()["items"]]
        at = answer.links.get("next", {}).get("url", "")
    assert seen[:5] == sent[::-1]
    found = system.http.get("/v1/dead-letters", params={"reason": word.upper()}).json()["items"]
    assert [item["id"] for item in found] == [sent[4], sent[2], sent[0]]
    nothing = system.http.get("/v1/dead-letters", params={"reason": uuid.uuid4().hex}).json()
    assert nothing == {"items": [], "next": None}
    problem(system.http.get("/v1/dead-letters?page=x"), 422, "malformed-token")


@pytest.mark.parametrize("letter", ["0-999999", "1-0", "x", "0", "0-0-0", "-1"])
def test_there_is_no_such_letter(http: httpx.Client, letter: str):
    problem(http.get(f"/v1/dead-letters/{letter}"), 404, "unknown-dead-letter", letter)
    problem(http.post(f"/v1/dead-letters/{letter}/retry"), 404, "unknown-dead-letter", letter)


def test_what_still_is_no_command_is_refused_and_nothing_is_sent(http: httpx.Client, post: Post):
    session = str(uuid.uuid4())
    unknown = post.send(encode(opening(session, type="autolearn.Later.v1")), f"session/{session}")
    wrong_key = post.send(encode(opening(session)), "another")
    rubbish, sent = post.send(b"{"), len(post.commands())
    for letter, words in (
        (unknown, "There is no command 'autolearn.Later.v1'"),
        (wrong_key, "The record's key is b'another'"),
        (rubbish, "cannot be decoded"),
    ):
        answer = http.post(letter["links"]["retry"])
        problem(answer, 409, "still-malformed", words, "--value FILE")
    for value, words in (
        ({}, "missing required field"),
        (json.loads(encode(opening("x"))), "names no stream"),
    ):
        answer = http.post(rubbish["links"]["retry"], json={"value": value})
        problem(answer, 422, "malformed-command", words)
    answer = http.post(rubbish["links"]["retry"], json={})
    problem(answer, 409, "still-malformed", "cannot be decoded")
    assert len(post.commands()) == sent
    assert http.get(rubbish["links"]["self"]).json()["state"] == "open"


def test_a_value_of_which_a_part_was_kept_says_so(http: httpx.Client, post: Post):
    value = b'{"long": "' + b"x" * LONGEST_VALUE + b'"}'
    letter = post.send(value)
    assert (letter["cut"], letter["size"]) == (True, len(value))
    answer = http.post(letter["links"]["retry"])
    problem(answer, 409, "still-malformed", "Only its beginning was kept.")


def test_a_corrected_command_is_decided_once_through_any_process(system: System, post: Post):
    session = str(uuid.uuid4())
    broken = opening(session)
    letter = post.send(encode(broken), "wrong-key")
    assert letter["command"] == broken.id
    body = {"value": json.loads(encode(broken))}
    at = letter["links"]["retry"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        clients = [system.http, system.other] * 4
        answers = list(pool.map(lambda http: http.post(at, json=body), clients))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    said = answers[0].json()
    assert said["state"] == "accepted"
    assert said["answer"] == "autolearn.SessionOpened.v1"
    assert said["stream"] == f"session/{session}"
    shown = system.http.get(f"/v1/sessions/{session}").json()
    assert (shown["title"], shown["actor"], shown["sequence"]) == ("late", "ann", 1)
    assert shown["created"] > "2026", "it was asked for now"
    listed = system.other.get(letter["links"]["self"]).json()
    assert (listed["state"], listed["answer"]) == ("accepted", "autolearn.SessionOpened.v1")
    sent = post.commands(f"session/{session}")
    assert sent
    assert system.http.post(at).json()["state"] == "accepted", "also without the correction"
    assert post.commands(f"session/{session}") == sent, "what is answered is not sent again"


def test_a_command_without_an_id_gets_one_that_is_always_the_same(http: httpx.Client, post: Post):
    session = str(uuid.uuid4())
    letter = post.send(b"\x00")
    value = json.loads(encode(opening(session)))
    first = http.post(letter["links"]["retry"], json={"value": value}).json()
    assert (first["state"], first["command"]) == ("accepted", letter["command"])
    other = value | {"subject": f"session/{uuid.uuid4()}", "id": str(uuid.uuid4())}
    second = http.post(letter["links"]["retry"], json={"value": other}).json()
    assert second == first, "another correction of what is done with changes nothing"


def test_a_command_that_is_refused_says_why_and_the_letter_is_done_with(
    http: httpx.Client, post: Post
):
    session = http.post("/v1/sessions").json()["id"]
    letter = post.send(encode(opening(session)), "wrong-key")
    body = {"value": json.loads(encode(opening(session)))}
    problem(http.post(letter["links"]["retry"], json=body), 409, "session-exists")
    said = http.post(letter["links"]["retry"], json=body).json()
    assert (said["state"], said["answer"]) == ("refused", "autolearn.Refused.v1")


def test_a_client_that_sent_its_command_again_has_repaired_it(system: System, post: Post):
    session = str(uuid.uuid4())
    record = opening(session)
    letter = post.send(encode(record), "wrong-key")
    post.log.append(post.topic, encode(record), key=record.subject)
    post.log.flush(10)
    until(lambda: system.http.get(letter["links"]["self"]).json()["state"] != "open")
    sent = len(post.commands())
    assert system.http.post(letter["links"]["retry"]).json()["state"] == "accepted"
    assert len(post.commands()) == sent


def test_who_does_not_wait_is_told_where_to_look(http: httpx.Client, post: Post):
    session = str(uuid.uuid4())
    letter = post.send(encode(opening(session)), "wrong-key")
    body = {"value": json.loads(encode(opening(session)))}
    headers = {"Prefer": "respond-async"}
    answer = http.post(letter["links"]["retry"], json=body, headers=headers)
    assert (answer.status_code, answer.json()["state"]) == (202, "pending")
    assert answer.headers["location"] == letter["links"]["self"]
    (put_back,) = post.commands(f"session/{session}")
    assert ("autolearn-dead-letter", letter["id"].encode()) in post.headers(put_back)
