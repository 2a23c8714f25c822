"""The door between bytes and types: what passes, and how the rest is refused."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from autolearn.schemas import codec, upcasters
from autolearn.schemas.bounds import LARGEST_MESSAGE
from autolearn.schemas.errors import MalformedRecord, UnknownType
from autolearn.schemas.events import SessionOpened
from autolearn.schemas.records.dead_letter import DeadLetter
from tests.golden import command_record, event_record
from tests.support import samples

COMMAND = command_record("autolearn.OpenSession.v1", samples.COMMANDS["autolearn.OpenSession.v1"])
EVENT = event_record("autolearn.SessionOpened.v1", samples.EVENTS["autolearn.SessionOpened.v1"])
DOORS = [
    pytest.param(codec.decode_command, codec.encode(COMMAND), id="command"),
    pytest.param(codec.decode_event, codec.encode(EVENT), id="event"),
]
GARBAGE = {
    "nothing": b"",
    "text": b"hello",
    "half": codec.encode(COMMAND)[:-1],
    "twice": codec.encode(COMMAND) * 2,
    "an array": b"[]",
    "null": b"null",
    "a number": b"7",
    "binary": bytes(range(256)),
    "not UTF-8": codec.encode(COMMAND).replace(b"ada", b"a\xffa"),
    "UTF-16": codec.encode(COMMAND).decode().encode("utf-16"),
    "half a surrogate pair": codec.encode(COMMAND).replace(b"ada", rb"\ud800"),
    "too large a number": b'{"id":"a","data":1e999}',
    "bottomless": b"[" * 300_000,
}


def without(value: bytes, name: str) -> bytes:
    fields = json.loads(value)
    del fields[name]
    return json.dumps(fields).encode()


def changed(value: bytes, **fields: object) -> bytes:
    return json.dumps(json.loads(value) | fields).encode()


@pytest.mark.parametrize(("decode", "value"), DOORS)
@pytest.mark.parametrize("name", ["id", "source", "type", "subject", "time"])
def test_a_record_needs_its_attributes(decode, value, name):
    with pytest.raises(MalformedRecord, match=name):
        decode(without(value, name))


@pytest.mark.parametrize("name", ["sequence", "term"])
def test_an_event_needs_its_place(name):
    with pytest.raises(MalformedRecord, match=name):
        codec.decode_event(without(codec.encode(EVENT), name))


@pytest.mark.parametrize(("decode", "value"), DOORS)
@pytest.mark.parametrize(
    "fields", [{"specversion": "0.3"}, {"id": 7}, {"subject": None}, {"time": ["now"]}]
)
def test_attributes_of_another_kind_are_refused(decode, value, fields):
    with pytest.raises(MalformedRecord):
        decode(changed(value, **fields))


@pytest.mark.parametrize(("decode", "value"), DOORS)
def test_extension_attributes_of_others_are_passed_over(decode, value):
    assert decode(changed(value, traceparent="00-1-2-03")) == decode(changed(value))


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_malformed(garbage):
    for decode in (codec.decode_command, codec.decode_event):
        with pytest.raises(MalformedRecord):
            decode(GARBAGE[garbage])
    with pytest.raises(MalformedRecord):
        codec.from_json(GARBAGE[garbage], DeadLetter)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_door_raise_anything_else(value):
    for decode in (codec.decode_command, codec.decode_event):
        with pytest.raises(MalformedRecord):
            decode(value)


@pytest.mark.parametrize("name", ["id", "source", "type", "subject", "time", "actor"])
def test_the_envelope_of_a_command_is_short(name):
    codec.decode_command(changed(codec.encode(COMMAND), **{name: "x" * 200}))
    with pytest.raises(MalformedRecord):
        codec.decode_command(changed(codec.encode(COMMAND), **{name: "x" * 201}))


def test_a_command_has_an_id():
    with pytest.raises(MalformedRecord):
        codec.decode_command(changed(codec.encode(COMMAND), id=""))


def nested(depth: int) -> bytes:
    data = '{"title":"[{","x":[1],"a":' + "[" * (depth - 2) + "]" * (depth - 2) + "}"
    return codec.encode(replace(COMMAND, data=Raw(data.encode())))


def test_a_command_may_be_nested_so_deep_and_no_deeper():
    codec.decode_command(nested(codec.DEEPEST))
    for depth in (codec.DEEPEST + 1, 500, 100_000):
        with pytest.raises(MalformedRecord, match="nested deeper than 100"):
            codec.decode_command(nested(depth))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='[]{}"\\a'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='[]{}"\\a'), inner),
)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(JSON, st.lists(st.booleans(), min_size=95, max_size=105), st.booleans())
def test_depth_is_that_of_brackets_outside_of_strings(value, around, spaced):
    for as_list in around:
        value = [value] if as_list else {'"[': value}
    text = json.dumps(value, indent=1 if spaced else None) + " " + json.dumps("[" * 200)
    assert codec.is_too_deep(text.encode()) == (depth_of(value) > codec.DEEPEST)


@pytest.mark.parametrize(
    "name", ["autolearn.OpenSession.v2", "autolearn.SessionOpened.v1", "OpenSession", "", "x" * 200]
)
def test_an_unknown_command_is_named(name):
    with pytest.raises(UnknownType, match=f"'{name}'"):
        codec.command_of(replace(COMMAND, type=name))


def test_data_that_do_not_fit_are_malformed():
    for data in (b"[]", b"null", b'{"title":1}', b'{"title":"\xff"}', b"{"):
        with pytest.raises(MalformedRecord) as failure:
            codec.command_of(replace(COMMAND, data=Raw(data)))
        assert not isinstance(failure.value, UnknownType)
        with pytest.raises(MalformedRecord, match=EVENT.id) as failure:
            codec.event_of(replace(EVENT, data=Raw(data)))
        assert not isinstance(failure.value, UnknownType)


@pytest.mark.parametrize(
    ("name", "known"),
    [("SessionOpened.v2", "SessionOpened.v1"), ("RunCompleted.v3", "RunCompleted.v1")],
)
def test_an_event_of_a_newer_version_says_what_to_do(name, known):
    with pytest.raises(UnknownType) as failure:
        codec.event_of(replace(EVENT, type=f"autolearn.{name}"))
    assert f"{EVENT.id} of {EVENT.subject} is a 'autolearn.{name}'" in failure.value.detail
    assert f"knows that event up to 'autolearn.{known}'" in failure.value.detail
    assert failure.value.advice.startswith("A newer version of AutoLearn wrote it")


@pytest.mark.parametrize("name", ["autolearn.SessionHeld.v1", "org.example.Other", ".v1", ""])
def test_an_event_of_an_unknown_type_says_what_to_do(name):
    with pytest.raises(UnknownType, match="an event that this version does not know") as failure:
        codec.event_of(replace(EVENT, type=name))
    assert repr(name) in failure.value.detail
    assert "newer version" in failure.value.advice


def test_old_events_are_lifted_step_by_step(monkeypatch):
    def named(old):
        return {"heading": old["name"]}

    def titled(old):
        return {"title": old["heading"].capitalize()}

    lifts = {
        "autolearn.SessionBegun.v1": ("autolearn.SessionBegun.v2", named),
        "autolearn.SessionBegun.v2": ("autolearn.SessionOpened.v1", titled),
    }
    for name, lift in lifts.items():
        monkeypatch.setitem(upcasters.UPCASTERS, name, lift)
    first = replace(EVENT, type="autolearn.SessionBegun.v1", data=Raw(b'{"name":"irises"}'))
    second = replace(EVENT, type="autolearn.SessionBegun.v2", data=Raw(b'{"heading":"irises"}'))
    assert codec.event_of(first) == codec.event_of(second) == SessionOpened("Irises")
    with pytest.raises(MalformedRecord, match=EVENT.id):
        codec.event_of(replace(second, data=Raw(b"{")))


def test_equal_records_are_equal_bytes():
    one = samples.request_training(hyperparameters={"a": 1, "b": {"d": 2, "c": 3}})
    other = samples.request_training(hyperparameters={"b": {"c": 3, "d": 2}, "a": 1})
    assert codec.raw(one) == codec.raw(other)
    assert msgspec.json.decode(codec.to_json({"b": 1, "a": 2})) == {"a": 2, "b": 1}
    assert codec.to_json({"b": 1, "a": 2}) == b'{"a":2,"b":1}'


def test_a_dead_letter_can_always_be_written():
    letter = DeadLetter.of(("t", 1, 2), b"k" * 10**6, b"v" * 2 * LARGEST_MESSAGE, "r" * 10**6)
    assert len(codec.to_json(letter)) < LARGEST_MESSAGE
    assert codec.from_json(codec.to_json(letter), DeadLetter) == letter
    small = DeadLetter.of(("t", 1, 2), None, None, "tombstone")
    assert (small.key, small.value, small.reason) == (None, None, "tombstone")
