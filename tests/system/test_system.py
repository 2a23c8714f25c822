"""The whole system as `autolearn up` runs it: work, its limits, losses, and a rebuild."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import psutil
import pytest
from confluent_kafka import Producer

from autolearn.client.sdk.client import AutoLearn
from autolearn.client.sdk.errors import Problem, TrainingFailed
from autolearn.runtime.state_folders import state_folders
from tests.support.log_checker import read_topic
from tests.support.running_system import RunningSystem, running_system
from tests.support.waiting import until

pytestmark = pytest.mark.kafka

LONG = {"n_estimators": 20_000}
"""Hyperparameters of a random forest that takes half a minute on digits."""


@pytest.fixture(scope="module")
def system(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    with running_system(kafka, tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture
def client(system: RunningSystem) -> AutoLearn:
    return system.client


def fitting(client: AutoLearn, session: str, run: str) -> bool:
    """Whether a run is at the heart of its work."""
    return any(
        now.run == run and now.phase == "fitting" for now in client.session(id=session).running
    )


def working(system: RunningSystem) -> list[psutil.Process]:
    """The processes that are at work: those that have computed for a while already.

    The workers' children are the guards of their fork servers, whose children are the servers.
    """
    guards = psutil.Process(system.pid("workers")).children()
    servers = [server for guard in guards for server in guard.children()]
    children = [child for server in servers for child in server.children(recursive=True)]
    return [child for child in children if computed(child) > 0.5]


def computed(process: psutil.Process) -> float:
    """Seconds of processor time that a process has used; 0 when it has ended."""
    try:
        return process.cpu_times().user
    except psutil.NoSuchProcess:
        return 0.0


def ends(client: AutoLearn, run: str) -> Counter[str]:
    """How often each kind of end of a run stands in the log."""
    found: Counter[str] = Counter()
    after = ""
    while (page := client.events(after=after, limit=1000)).items:
        for event in page.items:
            name = event["type"].split(".")[1]
            if event["data"].get("run") == run and name.endswith(
                ("Completed", "Failed", "Cancelled")
            ):
                found[name] += 1
        after = page.next
    return found


def test_a_cancelled_training_ends_at_once_and_its_process_with_it(system, client):
    session = client.sessions.open()
    run = session.train("random-forest", "digits", hyperparameters=LONG, wait=False)
    until(lambda: fitting(client, session.id, run.id) and working(system))
    assert run.cancel().status == "cancelled"
    until(lambda: not working(system))
    assert session.content().running == []
    assert ends(client, run.id) == {"RunCancelled": 1}


def test_discarding_a_session_ends_what_it_runs(system, client):
    session = client.sessions.open()
    run = session.train("random-forest", "digits", hyperparameters=LONG, wait=False)
    until(lambda: fitting(client, session.id, run.id) and working(system))
    assert session.discard().cancelled == (run.id,)
    until(lambda: not working(system))
    with pytest.raises(Problem) as gone:
        session.content()
    assert gone.value.status == 410


@pytest.mark.parametrize(
    ("limit", "reason", "words"),
    [
        ({"time_limit": 0.5}, "time", "0.5 s"),
        pytest.param({"memory_limit": 256}, "memory", "256", marks=pytest.mark.long),
    ],
)
def test_a_training_beyond_its_limits_fails_with_the_reason(client, limit, reason, words):
    session = client.sessions.open()
    with pytest.raises(TrainingFailed, match=words) as failed:
        session.train("random-forest", "digits", hyperparameters=LONG, wait=60, **limit)
    assert (failed.value.run.status, failed.value.run.reason) == ("failed", reason)


def test_a_training_that_raises_fails_with_what_it_said(client):
    session = client.sessions.open()
    bad_mix = {"solver": "lbfgs", "l1_ratio": 1.0}
    run = session.train(
        "logistic-regression", "iris", hyperparameters=bad_mix, wait=60, raise_on_failure=False
    )
    assert (run.status, run.reason) == ("failed", "input")
    assert "lbfgs" in run.detail


@pytest.mark.long
def test_the_same_request_gives_the_same_model(client):
    session = client.sessions.open()
    runs = [session.train("random-forest", "wine", seed=7, wait=60) for _ in range(2)]
    other = session.train("random-forest", "wine", seed=8, wait=60)
    assert runs[0].artifact.digest == runs[1].artifact.digest != other.artifact.digest


@pytest.mark.long
def test_a_killed_worker_loses_nothing_and_nothing_ends_twice(system, client):
    session = client.sessions.open()
    long = session.train(
        "random-forest", "digits", hyperparameters={"n_estimators": 2000}, wait=False
    )
    until(lambda: fitting(client, session.id, long.id))
    short = [session.train("naive-bayes", "iris", seed=seed, wait=False) for seed in range(6)]
    os.kill(system.pid("workers"), signal.SIGKILL)
    done = [run.wait(60) for run in [long, *short]]
    assert {run.status for run in done} == {"completed"}
    assert done[0].attempt == 2
    for run in done:
        assert ends(client, run.id) == {"RunCompleted": 1}


def test_tasks_that_come_again_take_no_slot_for_ever(kafka, system, client):
    session = client.sessions.open()
    runs = [
        session.train("naive-bayes", "iris", seed=seed, wait=60)
        for seed in range(2 * system.settings.workers.slots)
    ]
    topic = f"{system.settings.kafka.topic_prefix}.trainings"
    tasks = [task for tasks in read_topic(kafka, topic).values() for task in tasks]
    producer = Producer({"bootstrap.servers": kafka, "log_level": 0})
    for task in tasks:
        if any(run.id.encode() in (task.value or b"") for run in runs):
            producer.produce(topic, task.value, task.key)
    assert producer.flush(20) == 0
    assert session.train("naive-bayes", "iris", wait=60).status == "completed"
    for run in runs:
        assert ends(client, run.id) == {"RunCompleted": 1}


def test_commands_are_answered_after_the_deciders_were_killed(system, client):
    os.kill(system.pid("agents"), signal.SIGKILL)
    session = client.sessions.open("asked while nobody decides")
    assert client.session(id=session.id).title == "asked while nobody decides"


@pytest.mark.long
def test_two_workers_share_the_work(system, client):
    environment = {**os.environ, **system.system.environment(), "AUTOLEARN_INSTANCE": "second"}
    with subprocess.Popen(
        [sys.executable, "-m", "autolearn.agents", "work"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as second:
        try:
            assert second.stdout is not None
            assert second.stdout.readline() == "ready\n"
            session = client.sessions.open()
            workers: set[str] = set()
            deadline = time.monotonic() + 30
            while len(workers) < 2:
                assert time.monotonic() < deadline, workers
                runs = [
                    session.train("naive-bayes", "iris", seed=seed, wait=False) for seed in range(8)
                ]
                workers |= {run.wait(60).worker for run in runs}
        finally:
            second.terminate()
            assert second.wait(20) == 0


def settled(views: dict[str, str]) -> dict[str, str]:
    """The digests of views that a worker which starts again does not change.

    A task that it was given, and had not acknowledged yet, is claimed once more, and refused.
    """
    return {name: digest for name, digest in views.items() if name not in ("answers", "streams")}


@pytest.mark.long
def test_everything_is_rebuilt_from_the_log(system):
    session = system.client.sessions.open("to keep")
    training = session.train("decision-tree", "iris", wait=60)
    session.evaluate(training.id, ["precision", "recall"], wait=60)
    experiment = session.commit()
    kept = experiment.content()
    open_one = system.client.sessions.open("to stay open")
    before = settled(system.client.digests().views)
    system.stop()

    folders = state_folders(system.system.home)
    assert len(folders) >= 3
    for folder in folders:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    system.start()
    assert settled(system.client.digests().views) == before
    assert system.client.experiments.get(experiment.id).content() == kept
    assert system.client.session(id=open_one.id).title == "to stay open"

    verified = subprocess.run(
        [sys.executable, "-m", "autolearn.client.cli.app", "replay", "verify"],
        env={**os.environ, **system.system.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stderr
