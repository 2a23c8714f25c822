"""The AsyncAPI document is up to date, valid, and says of every golden record what it is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator, ValidationError

from autolearn.schemas.asyncapi.document import document
from autolearn.schemas.codec import to_json
from autolearn.schemas.commands import COMMANDS
from autolearn.schemas.events import EVENTS
from autolearn.schemas.records.audit_hop import Hop
from autolearn.schemas.records.dead_letter import DeadLetter
from autolearn.schemas.records.heartbeat import Heartbeat, Progress
from autolearn.schemas.records.task import Task
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from autolearn.schemas.upcasters import UPCASTERS
from tests.evolution.shapes import shape_of
from tests.golden import generated, golden_records
from tests.golden.asyncapi_schema import committed, made
from tests.support.settings import settings_of

OFFICIAL = json.loads((Path(__file__).parent / "asyncapi-3.0.0.json").read_bytes())
RECORDS = {name: json.loads(value) for name, value in golden_records().items()}
PLAIN = {
    "Task": Task("training", "t1", "session/1", 1, msgspec.Raw(b'{"run":"t1"}'), 60.0, 512),
    "Heartbeat": Heartbeat(
        "w1", "host", 7, ("training",), 2, "2026-01-01T00:00:00Z",
        (Progress("t1", "training", "session/1", 1, "fitting", "2026-01-01T00:00:00Z"),),
    ),
    "DeadLetter": DeadLetter("commands", 0, 7, None, b"\xff", "It is not JSON."),
    "Hop": Hop(
        id="00f067aa0ba902b7", kind="request", time="2026-01-01T00:00:00.000Z", service="api",
        outcome="ok", actor="ada", method="GET", route="/v1/sessions/{session}", status=200,
        ids={"session": "1"}, duration=1.5,
    ),
}  # fmt: skip


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """All objects in a document."""
    if isinstance(node, dict):
        yield node
    for inner in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from nodes(inner)


def validate(name: str, record: Any, made: dict[str, Any] | None = None) -> None:
    """Hold a record against the payload schema of its message."""
    whole = (made or committed()) | {"$ref": f"#/components/messages/{name}/payload"}
    Draft7Validator(whole).validate(record)


def test_the_documents_are_up_to_date():
    assert not generated.old(), "run `python -m tests.golden` and commit what it writes"


@pytest.mark.parametrize(
    "made",
    [made(), document(Topics.of(settings_of(topic_prefix="other", replication=3)), "1.0")],
    ids=["committed", "served"],
)
def test_the_document_is_valid(made: dict[str, Any]):
    Draft7Validator(OFFICIAL).validate(made)
    for schema in made["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)
    for node in nodes(made):
        if "$ref" in node:
            place: Any = made
            for step in node["$ref"].removeprefix("#/").split("/"):
                place = place[step]


def test_what_is_not_valid_is_noticed():
    broken = made()
    broken["channels"]["events"]["bindings"]["kafka"]["partitions"] = "four"
    with pytest.raises(ValidationError):
        Draft7Validator(OFFICIAL).validate(broken)


def test_every_topic_is_a_channel_as_it_is_created():
    topics = Topics.of(Settings())
    channels = committed()["channels"]
    assert [channel["address"] for channel in channels.values()] == [t.name for t in topics.all()]
    for topic, channel in zip(topics.all(), channels.values(), strict=True):
        kafka = channel["bindings"]["kafka"]
        assert (kafka["partitions"], kafka["replicas"]) == (topic.partitions, topic.replication)
        assert kafka["topicConfiguration"].keys() == topic.config.keys()
    assert channels["events"]["bindings"]["kafka"]["topicConfiguration"]["retention.ms"] == -1


def test_every_message_is_on_its_channel():
    channels = committed()["channels"]
    assert channels["commands"]["messages"].keys() == COMMANDS.keys()
    assert channels["events"]["messages"].keys() == EVENTS.keys()
    used = {name for channel in channels.values() for name in channel["messages"]}
    assert used == committed()["components"]["messages"].keys()


def test_every_message_is_sent_and_received():
    for action in ("send", "receive"):
        told = {
            ref["$ref"].rsplit("/", 1)[-1]
            for operation in committed()["operations"].values()
            for ref in operation["messages"]
            if operation["action"] == action
        }
        assert committed()["components"]["messages"].keys() == told


@pytest.mark.parametrize("name", RECORDS)
def test_golden_records_are_as_the_document_says(name: str):
    record = RECORDS[name]
    validate(record["type"], record)
    shown = committed()["components"]["messages"][record["type"]]["examples"]
    assert record in [example["payload"] for example in shown]
    for wrong in ({"type": "another"}, {"data": []}, {"subject": 7}):
        with pytest.raises(ValidationError):
            validate(record["type"], record | wrong)


class SessionShared(msgspec.Struct):
    """The event as it never was."""

    reader: str


def test_an_old_version_is_deprecated_and_has_its_own_schema(monkeypatch):
    """It stays on the log, where readers meet it; nobody sends it."""
    old, new = (f"autolearn.SessionShared.v{number}" for number in (0, 1))
    monkeypatch.setitem(UPCASTERS, old, (new, dict))
    record = RECORDS[new] | {"type": old, "data": {"reader": "grace"}}
    made = document(Topics.of(Settings()), "1.0", {old: shape_of(SessionShared)}, [record])
    message = made["components"]["messages"][old]
    assert message["deprecated"]
    assert message["summary"] == f"An old version: read as {new}."
    assert old in made["channels"]["events"]["messages"]
    at = {"$ref": f"#/channels/events/messages/{old}"}
    for one in made["operations"].values():
        if one["channel"]["$ref"] == "#/channels/events":
            assert (at in one["messages"]) == (one["action"] == "receive")
    validate(old, record, made)
    with pytest.raises(ValidationError, match="'reader' is a required property"):
        validate(old, record | {"data": RECORDS[new]["data"]}, made)


@pytest.mark.parametrize("name", PLAIN)
def test_other_records_are_as_the_document_says(name: str):
    record = json.loads(to_json(PLAIN[name]))
    validate(name, record)
    with pytest.raises(ValidationError):
        validate(name, dict(list(record.items())[1:]))
