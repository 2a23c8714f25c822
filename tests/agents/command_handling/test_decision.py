"""One command becomes one event, whatever the rules do."""

import pytest
from msgspec import Raw
from msgspec.structs import replace

from autolearn.agents.command_handling import state_store
from autolearn.agents.command_handling.decision import AppendFence, check_stream, decide
from autolearn.agents.command_handling.state_store import Stream, decider_of
from autolearn.agents.deciders.group import group
from autolearn.agents.deciders.model import model
from autolearn.agents.deciders.pipeline import pipeline
from autolearn.agents.deciders.session import Unopened, session
from autolearn.schemas import commands, events
from autolearn.schemas.actors import VIEWER_REFUSED
from autolearn.schemas.bounds import LARGEST_MESSAGE
from autolearn.schemas.codec import CommandRecord, EventRecord, decode_event, event_of
from autolearn.schemas.errors import MalformedRecord, UnknownType
from tests.support import samples
from tests.support.random_histories import command_record

PLACE = AppendFence(partition=3, offset=70, prev=64, term=5)


def fresh(name: str) -> Stream:
    return Stream(0, decider_of(name).initial)


def answered(record: CommandRecord, stream: Stream | None = None):
    decision = decide(stream or fresh(record.subject), record, PLACE)
    assert decode_event(decision.value) == decision.record
    return decision, event_of(decision.record)


def test_an_answer_says_what_it_answers_and_where_it_belongs():
    fields = {"actor": "ada", "fingerprint": "f00", "time": "2026-02-03T04:05:06Z"}
    record = command_record(samples.SESSION, commands.OpenSession("Irises"), "c1", **fields)
    decision, event = answered(record, Stream(4, decider_of(samples.SESSION).initial))
    assert decision.record == EventRecord(
        id="3-70-5",
        source="autolearn/decide",
        type="autolearn.SessionOpened.v1",
        subject=samples.SESSION,
        time="2026-02-03T04:05:06Z",
        sequence=5,
        causationid="c1",
        commandoffset=70,
        prev=64,
        term=5,
        actor="ada",
        fingerprint="f00",
        data=Raw(b'{"title":"Irises"}'),
    )
    assert event == events.SessionOpened("Irises")
    assert decision.after.sequence == 5


@pytest.mark.parametrize(
    ("stream", "command"),
    [
        (samples.SESSION, commands.RegisterMetric(samples.METRIC)),
        ("metric/f1", commands.OpenSession()),
        ("metric/f1", commands.RegisterDataset(samples.DATASET)),
        ("dataset/wine", commands.RegisterDataset(samples.DATASET)),
        ("estimator/svm", commands.RegisterEstimator(samples.ESTIMATOR)),
        ("metric/recall", commands.RegisterMetric(samples.METRIC)),
    ],
)
def test_a_command_on_another_stream_is_refused(stream, command):
    decision, event = answered(command_record(stream, command, "c"))
    assert isinstance(event, events.Refused)
    assert event.reason == "wrong-stream"
    assert decision.after == replace(fresh(stream), sequence=1)


def test_a_rule_that_raises_answers_too(monkeypatch):
    def broken(state, command, actor):
        raise ZeroDivisionError("x" * LARGEST_MESSAGE)

    decider = decider_of(samples.SESSION)
    monkeypatch.setitem(state_store.DECIDERS, "session", decider._replace(decide=broken))
    decision, event = answered(command_record(samples.SESSION, commands.OpenSession(), "c"))
    assert isinstance(event, events.CommandFailed)
    assert event.detail.startswith("ZeroDivisionError: xxx")
    assert len(event.detail) <= 1000
    assert decision.after == Stream(1, decider.initial)


def test_an_answer_that_is_too_large_is_refused():
    title = "x" * LARGEST_MESSAGE
    decision, event = answered(command_record(samples.SESSION, commands.OpenSession(title), "c"))
    assert isinstance(event, events.Refused)
    assert event.reason == "too-large"
    assert decision.after == Stream(1, decider_of(samples.SESSION).initial)


def test_words_of_a_refusal_may_be_too_large_too():
    opened = Stream(1, decider_of(samples.SESSION).evolve(Unopened(), events.SessionOpened(""), ""))
    command = commands.CancelRun("x" * LARGEST_MESSAGE)
    _, event = answered(command_record(samples.SESSION, command, "c"), opened)
    assert isinstance(event, events.Refused)
    assert event.reason == "too-large"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"type": "autolearn.OpenSession.v2"}, UnknownType),
        ({"type": ""}, UnknownType),
        ({"data": Raw(b'{"title":5}')}, MalformedRecord),
        ({"data": Raw(b"[]")}, MalformedRecord),
    ],
)
def test_what_is_no_command_is_not_decided(fields, error):
    record = replace(command_record(samples.SESSION, commands.OpenSession(), "c"), **fields)
    with pytest.raises(error):
        decide(fresh(samples.SESSION), record, PLACE)


GOOD = command_record(samples.SESSION, commands.OpenSession(), "c")


@pytest.mark.parametrize(
    ("subject", "key"),
    [
        (samples.SESSION, samples.OTHER_SESSION.encode()),
        (samples.SESSION, None),
        (samples.SESSION, b""),
        (samples.SESSION, b"\xff"),
        ("session/1", b"session/1"),
        ("session/" + samples.SESSION, b"session/" + samples.SESSION.encode()),
        ("nonsense/iris", b"nonsense/iris"),
        ("dataset/", b"dataset/"),
        ("dataset/Iris", b"dataset/Iris"),
        ("dataset/a/b", b"dataset/a/b"),
        ("", b""),
    ],
)
def test_a_command_lies_where_its_stream_lies(subject, key):
    with pytest.raises(MalformedRecord):
        check_stream(replace(GOOD, subject=subject), key)


def test_a_command_of_its_stream_passes():
    check_stream(GOOD, samples.SESSION.encode())
    check_stream(replace(GOOD, subject="dataset/my_iris-2.csv"), b"dataset/my_iris-2.csv")


OF_ONESELF = {
    commands.SetPassword: "user/vi",
    commands.IssueToken: "user/vi",
    commands.RevokeToken: "user/vi",
    commands.RevokeTokens: "user/vi",
    commands.UnshareSession: samples.SESSION,
    commands.RemoveMember: "group/churn",
    commands.UnshareModel: "model/flowers",
    commands.UnsharePipeline: "pipeline/churn",
}
STREAM_OF = {
    kind: f"{kind}/vi"
    for kind in ("estimator", "metric", "step", "dataset", "user", "group", "model", "pipeline")
}
STREAM_OF["session"] = samples.SESSION
KIND_OF = {made: kind for kind, all_ in commands.COMMANDS_OF.items() for made in all_}


@pytest.mark.parametrize("command", samples.COMMANDS.values(), ids=lambda one: type(one).__name__)
def test_a_viewer_changes_nothing_but_the_own_tokens_and_what_the_viewer_leaves(command):
    """As the owner of everything, too: the role may have been another before."""
    name = getattr(getattr(command, "spec", None), "name", "vi")
    subject = STREAM_OF[KIND_OF[type(command)]].replace("/vi", f"/{name}")
    record = command_record(subject, command, "c1", actor="vi", grant="viewer")
    _, event = answered(record)
    about_others = getattr(command, "user", "vi") != "vi"
    if type(command) not in OF_ONESELF or about_others:
        assert (event.reason, event.detail) == ("forbidden", VIEWER_REFUSED)
    else:
        assert event.reason == "user-unknown"
    leaves = {commands.UnshareSession: "not-shared", commands.RemoveMember: "not-member"}
    leaves[commands.UnshareModel] = "not-shared"
    leaves[commands.UnsharePipeline] = "not-shared"
    if type(command) in leaves:
        past = {"group": group.evolve(group.initial, events.GroupCreated("ada"), "ada")}
        past["model"] = model.evolve(model.initial, samples.version_registered(), "ada")
        past["pipeline"] = pipeline.evolve(
            pipeline.initial, events.PipelineApplied(1, samples.DEFINITION), "ada"
        )
        past["session"] = session.evolve(Unopened(), events.SessionOpened(""), "ada")
        state = Stream(1, past[KIND_OF[type(command)]])
        own = command_record(subject, replace(command, user="vi"), "c1", actor="vi", grant="viewer")
        assert answered(own, state)[1].reason == leaves[type(command)]
