"""No record of any size or kind stops a decider: it is answered, or is no command."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from autolearn.agents.command_handling.agent import headers_of, readable
from autolearn.agents.command_handling.decision import AppendFence, decide
from autolearn.agents.command_handling.state_store import Stream, decider_of
from autolearn.agents.deciders.session import Unopened
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.schemas import commands, events
from autolearn.schemas.bounds import LARGEST_COMMAND, LARGEST_EVENT, LARGEST_MESSAGE, size_of
from autolearn.schemas.codec import decode_event, encode, to_json
from autolearn.schemas.commands import COMMANDS
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.dead_letter import DeadLetter
from tests.support import samples
from tests.support.encrypted_system import key_for, vault_of
from tests.support.random_histories import command_record

PLACE = AppendFence(0, 5, 4, 1)
SESSION = samples.SESSION.partition("/")[2]
OPENED = decider_of(samples.SESSION).evolve(Unopened(), events.SessionOpened(""), "")


def delivered(value: bytes, key: bytes | None, headers: tuple[tuple[str, bytes | None], ...] = ()):
    """A record as Faust hands it over."""
    message = SimpleNamespace(key=key, headers=headers, topic="commands", partition=0, offset=5)
    return SimpleNamespace(value=value, message=message)


def taken(value: bytes, key: bytes | None, headers: Any = (), vault: Any = None) -> str:
    """What becomes of a record, as in `DecideAgent.decide`; nothing else is ever raised."""
    event = delivered(value, key, headers)
    try:
        record = readable(event)  # type: ignore[arg-type]
        size = size_of(value, key, headers_of(event))  # type: ignore[arg-type]
        state = OPENED if record.subject.startswith("session/") else None
        before = Stream(1, state or decider_of(record.subject).initial)
        decision = decide(before, record, PLACE, vault, size)
    except MalformedRecord as error:
        place = ("commands", 0, 5)
        letter = DeadLetter.of(place, key, value, error.detail, headers_of(event))  # type: ignore[arg-type]
        assert len(to_json(letter)) <= LARGEST_MESSAGE
        return "dead letter"
    assert decode_event(decision.value) == decision.record
    assert size_of(decision.value, decision.record.subject, ()) <= LARGEST_EVENT
    return type(decision.event).__name__


DEEP = b"[" * 5000 + b"]" * 5000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode())
DATA = st.one_of(
    JSON,
    st.sampled_from(sorted(samples.COMMANDS)).map(
        lambda name: encode(command_record("x", samples.COMMANDS[name], "c"))
    ),
    st.sampled_from(
        (DEEP, b"1" * 5000, b"1e400", b'{"run":' + b"9" * 5000 + b"}", b'{"run":"\xff"}', b"{")
    ),
)
SUBJECTS = (samples.SESSION, "user/ada", "dataset/iris", "estimator/svm", "metric/f1")


@given(
    st.sampled_from([*sorted(COMMANDS), "autolearn.Nothing.v1"]),
    st.sampled_from(SUBJECTS),
    st.sampled_from(("data", "data_base64", "both", "neither")),
    DATA,
    st.sampled_from((None, f"{SESSION}.00000000", "x", "x" * 201)),
    st.sampled_from((b"same", b"", None, b"\xff\xfe")),
    st.sampled_from((None, b"", b"\xff" * 2000)),
)
def test_a_record_of_any_kind_is_answered_or_buried(
    kind, subject, where, data, keyid, key, header_value
):
    parts = [
        f'"type":"{kind}","subject":"{subject}","id":"c","source":"s","time":"x","attempt":7'.encode()
    ]
    if where in ("data", "both"):
        parts.append(b'"data":' + data)
    if where in ("data_base64", "both"):
        parts.append(b'"data_base64":"%s"' % base64.b64encode(data))
    if keyid is not None:
        parts.append(f'"keyid":"{keyid}"'.encode())
    value = b"{" + b",".join(parts) + b"}"
    headers = () if header_value is None and key is None else (("traceparent", header_value),)
    taken(value, subject.encode() if key == b"same" else key, headers)


@given(st.binary(max_size=200) | JSON, st.binary(max_size=20) | st.none())
def test_garbage_is_buried(value, key):
    assert taken(value, key) == "dead letter"


@pytest.mark.parametrize("kind", sorted(COMMANDS))
@pytest.mark.parametrize("key", ["", f"{SESSION}.00000000"])
def test_what_is_encrypted_and_never_should_be_stops_nobody(kind, key):
    record = command_record(samples.SESSION, samples.COMMANDS[kind], "c")
    clear = json.loads(encode(record)) | {"data_base64": "AAAA"} | ({"keyid": key} if key else {})
    assert taken(json.dumps(clear).encode(), samples.SESSION.encode()) in ("dead letter", "Refused")


def test_a_vault_looks_at_any_bytes():
    with vault_of(MemoryLog()) as vault:
        for value in (b'"keyid":', b'{"keyid":7}', b'{"keyid":' + DEEP + b"}", b'\xff"keyid":"'):
            assert not vault.lacks(value)


def training(large: int) -> commands.RequestTraining:
    """A training whose hyperparameters have about so many bytes, within their own bounds."""
    one = "x" * 200
    given = {f"p{n}": [one] * 100 for n in range(large // 20_300)}
    return samples.request_training("t9", hyperparameters=given)


@pytest.mark.parametrize("large", [10_000, 500_000, 760_000, 790_000, 1_030_000, 1_060_000])
def test_sizes_are_those_of_what_is_sent(large):
    """What is encrypted is a third larger: measured in clear it would not fit at last."""
    with vault_of(MemoryLog()) as vault:
        keyid = key_for(vault, SESSION)
        command = training(large)
        clear = command_record(samples.SESSION, command, "c")
        sealed = vault.seal(clear, command, keyid)
        for record in (clear, sealed):
            fits = size_of(encode(record), record.subject, ()) <= LARGEST_COMMAND
            said = taken(encode(record), record.subject.encode(), vault=vault)
            assert said == ("TrainingRequested" if fits else "Refused")


def test_an_answer_that_only_encryption_makes_too_large_is_refused(monkeypatch):
    """A decider of before measured it in clear, and ended when the log did not take it."""

    def answers_much(state, command, actor):
        return events.SessionOpened("x" * (LARGEST_EVENT * 3 // 4 + 1000))

    from autolearn.agents.command_handling import state_store

    decider = decider_of(samples.SESSION)
    monkeypatch.setitem(state_store.DECIDERS, "session", decider._replace(decide=answers_much))
    with vault_of(MemoryLog()) as vault:
        keyid = key_for(vault, SESSION)
        record = command_record(samples.SESSION, commands.OpenSession(), "c")
        in_clear = decide(Stream(0, decider.initial), record, PLACE, vault)
        assert isinstance(in_clear.event, events.SessionOpened)
        decision = decide(Stream(0, decider.initial, keyid), record, PLACE, vault)
    assert isinstance(decision.event, events.Refused)
    assert decision.event.reason == "too-large"
    assert f"{LARGEST_EVENT:,}" in decision.event.detail


@pytest.mark.parametrize(
    ("stream", "command", "words"),
    [
        (samples.SESSION, commands.CancelRun("x" * 201), "run of CancelRun has 201"),
        (samples.SESSION, commands.ShareSession("x" * 201), "user of ShareSession"),
        (samples.SESSION, samples.request_training("x" * 201), "run of"),
        ("user/ada", commands.IssueToken("t", "n" * 201, "d"), "name of IssueToken"),
        (
            samples.SESSION,
            samples.request_training("t", hyperparameters={"a": {"b": "x" * 201}}),
            "A hyperparameter holds 201 characters",
        ),
        (
            samples.SESSION,
            samples.request_training("t", hyperparameters={"a": [0] * 10_001}),
            "more than 10,000 values",
        ),
        (
            samples.SESSION,
            samples.request_training("t", hyperparameters={"a": [[[[[1]]]]]}),
            "deeper than 4",
        ),
        (
            samples.SESSION,
            samples.request_training("t", hyperparameters={f"a{n}": 1 for n in range(201)}),
            "201 hyperparameters",
        ),
        (
            "dataset/iris",
            commands.RegisterDataset(replace(samples.DATASET, classes={"x" * 201: 5})),
            "classes of RegisterDataset",
        ),
    ],
)
def test_every_name_and_hyperparameter_has_a_bound(stream, command, words):
    state = OPENED if stream == samples.SESSION else decider_of(stream).initial
    record = command_record(stream, command, "c")
    decision = decide(Stream(1, state), record, PLACE)
    assert isinstance(decision.event, events.Refused)
    assert decision.event.reason == "too-large"
    assert words in decision.event.detail
    assert decode_event(decision.value).data == Raw(to_json(decision.event))
