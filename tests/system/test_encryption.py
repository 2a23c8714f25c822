"""What is said in a session can be read with its key, and everything else goes on without."""

import json
from collections.abc import Iterator
from random import Random

import pytest
from msgspec import UNSET, Raw
from msgspec.structs import replace

from autolearn.agents.command_handling.decision import AppendFence, check_stream, decide
from autolearn.agents.command_handling.state_store import DeciderStateStore, Stream, decider_of
from autolearn.agents.deciders import DECIDERS
from autolearn.agents.deciders.session import Committed, Unopened
from autolearn.agents.deciders.specification import entitled
from autolearn.eventlog.encryption.session_cipher import SessionCipher, key_of_kept
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.queries.pipelines import runs_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.views import digests_of
from autolearn.projections.work.open_runs import OpenRuns
from autolearn.schemas import commands, events
from autolearn.schemas.codec import (
    EventRecord,
    decode_command,
    decode_event,
    encode,
    event_of,
    kept,
    raw,
)
from autolearn.schemas.confidentiality import CLEAR, clear_part, empty, outline_of
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.messages import Command, Event, type_of
from autolearn.security.data_key import Unreadable
from autolearn.security.master_keys import MasterKey
from tests.golden import command_record, event_record
from tests.support import samples
from tests.support.encrypted_system import Pair, histories, key_for, vault_of, without_envelope

SESSION = samples.SESSION.partition("/")[2]
PLACE = AppendFence(partition=3, offset=70, prev=64, term=5)
CANARY = "canary-4711"
SEEDS = range(12)
PLAIN = {
    commands.CommitSession,
    commands.DiscardSession,
    commands.ProposeExpiry,
    commands.ExpireSession,
    commands.KeepSession,
    commands.DeleteExperiment,
    commands.ShareSession,
    commands.UnshareSession,
    commands.ShareDataset,
    commands.UnshareDataset,
    commands.DeleteDataset,
    commands.HoldExperiment,
    commands.ReleaseExperiment,
    commands.SetAlias,
    commands.RemoveCase,
    commands.SetRecording,
    commands.RollBackTraffic,
    commands.ShareModel,
    commands.UnshareModel,
    commands.DeleteModel,
    commands.RemovePipeline,
    commands.SharePipeline,
    commands.UnsharePipeline,
    commands.ForgetRuns,
    events.ExperimentHeld,
    events.ExperimentReleased,
    events.AliasSet,
    events.CaseRemoved,
    events.RecordingSet,
    events.TrafficRolledBack,
    events.ModelShared,
    events.ModelUnshared,
    events.ModelDeleted,
    events.PipelineRemoved,
    events.PipelineShared,
    events.PipelineUnshared,
    events.RunsForgotten,
    events.DatasetShared,
    events.DatasetUnshared,
    events.DatasetDeleted,
    events.SessionCommitted,
    events.SessionDiscarded,
    events.SessionExpiring,
    events.SessionKept,
    events.SessionExpired,
    events.ExperimentDeleted,
    events.SessionShared,
    events.SessionUnshared,
    events.Refused,
    events.CommandFailed,
    events.CommandQuarantined,
    commands.StartRun,
    commands.CancelRun,
    commands.ReportRunLost,
    events.RunStarted,
    events.RunCancelled,
    events.RunLost,
}
"""The messages that say nothing but ids, names, attempts, workers and users. Whoever adds a
message decides: it is in `confidential.CLEAR`, or here."""


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def vault(log: MemoryLog) -> Iterator[SessionCipher]:
    with vault_of(log) as vault:
        yield vault


def test_every_message_of_a_session_is_confidential_or_known_not_to_be():
    others = {
        command
        for kind, decider in DECIDERS.items()
        if kind not in ("session", "dataset", "model", "pipeline")
        for command in decider.commands
    }
    of_sessions = set(map(type, samples.COMMANDS.values())) - others
    of_others = (
        "EstimatorRegistered",
        "MetricRegistered",
        "StepRegistered",
        "User",
        "Role",
        "Password",
        "Token",
        "Term",
        "Quota",
        "Group",
        "Member",
    )
    of_sessions |= {
        event
        for event in map(type, samples.EVENTS.values())
        if not any(word in event.__name__ for word in of_others)
    }
    assert of_sessions == set(CLEAR) | PLAIN
    assert not set(CLEAR) & PLAIN


SEALED_EVENTS = [name for name, one in samples.EVENTS.items() if type(one) in CLEAR]


def sealed_event(vault: SessionCipher, event: Event) -> EventRecord:
    name = type_of(type(event))
    return vault.seal(event_record(name, event), event, key_for(vault, SESSION))


@pytest.mark.parametrize("name", SEALED_EVENTS)
def test_an_event_is_sealed_and_opened(vault, name):
    event = samples.EVENTS[name]
    record = sealed_event(vault, event)
    value = encode(record)
    assert decode_event(value) == record
    assert "data" not in json.loads(value)
    for word in (
        b"Irises",
        b"decision-tree",
        b"max_depth",
        b"setosa",
        b"iris",
        b":0.97",
        b"memory",
    ):
        assert word not in value
    assert event_of(vault.open(record)) == event
    assert without_envelope(vault.open(record)) == event_record(name, event)
    assert vault.open_kept(samples.SESSION, kept(record)) == raw(event)
    with pytest.raises(MalformedRecord, match="encrypted"):
        event_of(record)


@pytest.mark.parametrize(
    "name", [name for name, one in samples.COMMANDS.items() if type(one) in CLEAR]
)
def test_a_command_is_sealed_and_opened(vault, name):
    command = samples.COMMANDS[name]
    record = command_record(name, command)
    sealed = vault.seal(record, command, key_for(vault, SESSION))
    assert decode_command(encode(sealed)) == sealed
    assert vault.open(sealed).data == raw(command)


def words_in(value: object) -> Iterator[str]:
    """Every text in JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from words_in(one)


@pytest.mark.parametrize("name", SEALED_EVENTS)
def test_the_outline_says_what_is_in_clear_and_nothing_else(vault, name):
    event = samples.EVENTS[name]
    record = sealed_event(vault, event)
    outline = outline_of(record)
    assert type(outline) is type(event)
    told = clear_part(event)
    for attribute, value in told.items():
        assert getattr(record, attribute) == value
    assert clear_part(outline) == told
    data = json.loads(bytes(raw(outline)))
    data.pop("spec", None)  # whose name is that of the stream
    nothing = words_in(json.loads(bytes(raw(empty(type(event))))))  # such as the first of choices
    clear = [*map(str, told.values())]
    parts = {part for value in clear for one in value.split(",") for part in (one, *one.split("="))}
    assert {*words_in(data)} <= {*clear, *parts, *nothing, ""}


def test_an_event_is_of_its_place_alone(vault):
    record = sealed_event(vault, samples.EVENTS["autolearn.SessionOpened.v1"])
    other = key_for(vault, samples.OTHER_SESSION.partition("/")[2])
    for moved in (
        replace(record, id="2-42-7"),
        replace(record, type="autolearn.RunFailed.v1"),
        replace(record, subject=samples.OTHER_SESSION),
        replace(record, subject=samples.OTHER_SESSION, keyid=other),
        replace(record, keyid=other),
        replace(record, keyid=UNSET),
        replace(record, data_base64=record.data_base64[:-4]),
        replace(record, data_base64="A" + record.data_base64),
        replace(record, data_base64="?"),
    ):
        with pytest.raises(Unreadable) as error:
            vault.open(moved)
        assert error.value.diagnostics() == Unreadable().diagnostics()


# A whole history, told in clear and encrypted


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_is_decided(vault, seed):
    sealed = 0
    for clear, hidden in histories(vault, Random(seed), 200):
        assert without_envelope(vault.open(hidden)) == clear
        sealed += hidden.data_base64 is not UNSET
    assert sealed > 2


def folded(pairs: list[Pair], *, sealed: bool) -> MemoryStore:
    store = MemoryStore()
    models = ReadModels(store)
    for offset, pair in enumerate(pairs):
        models.fold(pair.sealed if sealed else pair.clear, 0, offset)
    models.commit({})
    return store


def everything(snapshot: Snapshot) -> list[object]:
    """All that can be asked of sessions, experiments, models and pipelines."""
    found: list[object] = [list(snapshot.sessions.newest()), list(snapshot.experiments.newest())]
    for name in snapshot.models.names():
        found += [list(snapshot.models.versions(name)), list(snapshot.models.timeline(name, ""))]
    for name in snapshot.pipelines.names():
        runs = [run for _, run in snapshot.pipelines.newest_runs(name)]
        found += [snapshot.pipelines.get(name), list(snapshot.pipelines.versions(name)), runs]
        found += [snapshot.pipelines.outcomes(name, run) for run in runs]
        found += [snapshot.runs.of_any(runs_of(name), "pipeline", run) for run in runs]
        found.append(snapshot.pipelines.cached(name, samples.outcome().key))
    for session in snapshot.sessions.ids_ever():
        found += [
            snapshot.sessions.ended(session),
            snapshot.sessions.owner(session),
            list(snapshot.runs.all(session)),
        ]
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_with_the_keys_the_same_is_seen(vault, seed):
    pairs = histories(vault, Random(seed), 150)
    clear, sealed = (folded(pairs, sealed=which) for which in (False, True))
    assert everything(Snapshot(sealed, vault.open_kept)) == everything(Snapshot(clear))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_fold_needs_no_key_and_a_shredding_changes_nothing(vault, seed):
    pairs = histories(vault, Random(seed), 150)
    before = folded(pairs, sealed=True)
    for keyid in list(vault.ring.all()):
        vault.ring.shred(keyid)
    vault.catch_up()
    after = folded(pairs, sealed=True)
    assert digests_of(before) == digests_of(after)
    catalog = (b"estimator", b"dataset", b"dataset-version")
    ours = [value for at, value in after.rows.items() if at.split(b"\0")[0] not in catalog]
    assert not any(word in value for value in ours for word in (b"Irises", b"max_depth"))
    shown = Snapshot(after, vault.open_kept)
    known = Snapshot(folded(pairs, sealed=False))
    for row, full in zip(shown.sessions.newest(), known.sessions.newest(), strict=True):
        assert row == replace(full, title="", notes=(), tags=(), unreadable=True)
        for run, told in zip(shown.runs.all(row.id), known.runs.all(row.id), strict=True):
            same = ("id", "status", "attempt", "worker", "started", "ended", "number")
            assert run.unreadable
            assert all(getattr(run, name) == getattr(told, name) for name in same)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_agents_know_the_same_without_a_key(vault, seed):
    pairs = histories(vault, Random(seed), 150)
    states, runs = (
        [DeciderStateStore(MemoryStore()) for _ in "ab"],
        [OpenRuns(MemoryStore()) for _ in "ab"],
    )
    for offset, pair in enumerate(pairs):
        for record, state, run in zip(pair, states, runs, strict=True):
            state.fold(record, 0, offset)
            run.fold(record, 0, offset)
    for one in (*states, *runs):
        one.commit({})
    names = {pair.clear.subject for pair in pairs}
    for name in names:
        assert replace(states[1].load(name), keyid="") == states[0].load(name)
    open_runs, hidden = (run.all() for run in runs)
    for one, other in zip(open_runs, hidden, strict=True):
        request = vault.open_kept(other.stream, other.request)
        assert request == one.request
        limits = {"time_limit": one.time_limit, "memory_limit": one.memory_limit}
        assert replace(other, request=request, **limits) == one
        assert key_of_kept(other.request)


# What cannot be read


def told(vault: SessionCipher, command: Command, keyid: str, **changes: str):
    record = command_record(type_of(type(command)), command)
    record = replace(record, actor=entitled(command, record.actor).name)
    return replace(vault.seal(record, command, keyid), **changes)


KEPT = Stream(1, Committed(owner="ada"))
OPEN = Stream(1, decider_of(samples.SESSION).evolve(Unopened(), events.SessionOpened(""), "ada"))


def test_a_command_that_cannot_be_read_is_refused(vault):
    keyid = key_for(vault, SESSION)
    opened = replace(OPEN, keyid=keyid)
    request = samples.request_training(hyperparameters={"max_depth": CANARY})
    good = told(vault, request, keyid)
    assert type(decide(opened, good, PLACE, vault).event) is events.TrainingRequested
    for bad, have in ((replace(good, id="another"), vault), (good, SessionCipher())):
        decision = decide(opened, bad, PLACE, have)
        assert decision.event.reason == "unreadable"
        assert CANARY.encode() not in decision.value
        assert decision.after.state == opened.state


def test_what_comes_after_the_end_is_refused_as_ever_although_its_key_is_gone(vault):
    keyid = key_for(vault, SESSION)
    request = told(vault, samples.complete_training(), keyid)
    vault.ring.shred(keyid)
    vault.catch_up()
    for event, reason in (
        (events.SessionDiscarded(), "session-discarded"),
        (events.SessionExpired(), "session-expired"),
        (events.ExperimentDeleted(), "session-deleted"),
    ):
        before = KEPT if isinstance(event, events.ExperimentDeleted) else OPEN
        ended = Stream(5, decider_of(samples.SESSION).evolve(before.state, event, ""), keyid)
        assert decide(ended, request, PLACE, vault).event.reason == reason


def test_the_fault_of_a_rule_says_nothing_of_what_is_confidential(vault, monkeypatch):
    def raising(*_: object) -> None:
        raise ValueError(CANARY)

    keyid = key_for(vault, SESSION)
    monkeypatch.setitem(DECIDERS, "session", DECIDERS["session"]._replace(decide=raising))
    decision = decide(
        replace(OPEN, keyid=keyid), told(vault, samples.request_training(), keyid), PLACE, vault
    )
    assert decision.event == events.CommandFailed("ValueError")
    assert (
        CANARY
        in decide(
            OPEN, command_record("autolearn.CommitSession.v1", commands.CommitSession()), PLACE
        ).event.detail
    )


def test_a_key_of_another_session_is_malformed(vault):
    other = key_for(vault, samples.OTHER_SESSION.partition("/")[2])
    record = told(vault, commands.OpenSession(), other)
    with pytest.raises(MalformedRecord, match="no key of"):
        check_stream(record, samples.SESSION.encode())


def test_what_was_written_in_clear_stays_readable(vault):
    record = event_record("autolearn.SessionOpened.v1", events.SessionOpened("Irises"))
    assert vault.open(record) is record
    assert vault.open_kept(samples.SESSION, kept(record)) == Raw(b'{"title":"Irises"}')
    # and such a session stays in clear: its rows and commands have no key
    assert key_of_kept(kept(record)) == ""


# Fingerprints


def test_a_fingerprint_cannot_be_guessed_without_the_key(vault):
    keyid = key_for(vault, SESSION)
    told = vault.fingerprint(keyid, "a-request")
    assert "a-request" not in told
    assert vault.same_request(told, "a-request")
    assert not vault.same_request(told, "another")
    assert vault.same_request("9f2c", "9f2c")
    assert not vault.same_request("9f2c", "9f2d")
    vault.ring.shred(keyid)
    vault.catch_up()
    assert vault.same_request(told, "another"), "nobody can tell any more"


def test_another_master_key_reads_nothing(vault, log):
    record = sealed_event(vault, events.SessionOpened(CANARY))
    with vault_of(log, MasterKey.new()) as stranger:
        stranger.catch_up()
        with pytest.raises(Unreadable):
            stranger.open(record)
