"""The three-broker cluster: what one of three may do."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from autolearn.eventlog.embedded import probe
from autolearn.eventlog.embedded.cluster import EmbeddedCluster
from autolearn.eventlog.embedded.errors import BrokerError
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.schemas.topics import Topic
from tests.support.cli_processes import command, environment

pytestmark = pytest.mark.kafka
SAFE = {"min.insync.replicas": "2"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    with EmbeddedCluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def append(log: KafkaLog, *values: bytes) -> list[object]:
    """Append values, and return what went wrong with each."""
    errors: list[object] = []
    for value in values:
        log.append("kept", value, key="k", delivered=lambda error, _, __: errors.append(error))
    log.flush(60)
    return errors


def ask_for_ends(cluster: EmbeddedCluster, stop: Event) -> int:
    """Append, and ask where a topic ends, again and again; return how often."""
    log, count = KafkaLog(cluster.bootstrap), 0
    while not stop.is_set():
        for partition in range(9):
            log.append("asked", b"x", key=None, partition=partition)
        assert log.ends("asked").keys() == set(range(9))
        count += 1
    log.close()
    return count


@pytest.mark.long
def test_any_broker_may_be_killed_and_nothing_acknowledged_is_lost(cluster: EmbeddedCluster):
    log = KafkaLog(cluster.bootstrap)
    log.create([Topic("kept", 1, 3, SAFE), Topic("asked", 9, 3, SAFE)])
    with ThreadPoolExecutor() as threads:
        stop = Event()
        asking = threads.submit(ask_for_ends, cluster, stop)
        try:
            for number, broker in enumerate(cluster.brokers):
                assert append(log, b"before %d" % number) == [None]
                broker.kill()
                assert append(log, b"while %d is gone" % number) == [None]
                broker.start()
        finally:
            stop.set()
        assert asking.result() > 10, "whoever asks meanwhile gets an answer"
    assert log.ends("kept") == {0: 2 * len(cluster.brokers)}
    log.close()


def test_a_port_that_is_taken_is_named(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} of 127.0.0.1 is in use"):
            EmbeddedCluster(tmp_path, port=port).start()


@pytest.mark.long
def test_a_folder_that_is_in_use_is_named_and_the_others_are_ended(cluster: EmbeddedCluster):
    second = EmbeddedCluster(cluster.folder)
    with pytest.raises(BrokerError, match="another broker uses"):
        second.start()
    assert not any(broker.alive for broker in second.brokers)


@pytest.mark.long
def test_the_command_line_runs_one_and_says_how_to_use_it(tmp_path: Path):
    words = ("dev", "cluster", "--folder", tmp_path / "cluster", "--port", 0)
    with subprocess.Popen(
        command(*words),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        kafka, copies = running.stdout.readline().split(), running.stdout.readline().split()
        assert kafka[0] == "export"
        bootstrap = kafka[1].removeprefix("AUTOLEARN_KAFKA=")
        assert copies == ["export", "AUTOLEARN_REPLICATION=3", "AUTOLEARN_MIN_INSYNC_REPLICAS=2"]
        log = KafkaLog(bootstrap)
        log.create([Topic("kept", 1, 3, SAFE)])
        assert append(log, b"a") == [None]
        log.close()
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0
        said = running.stderr.read()
    assert said.splitlines()[-2:] == ["Stopping …", "Stopped."]
    assert not any(probe.answers(int(at.rpartition(":")[2])) for at in bootstrap.split(","))
