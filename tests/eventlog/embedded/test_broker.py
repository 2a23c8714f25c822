import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from autolearn.eventlog.embedded import broker as embedded
from autolearn.eventlog.embedded import jars, probe
from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.errors import BrokerError, PortTaken
from autolearn.eventlog.embedded.install import install

pytestmark = pytest.mark.kafka
QUIET = {"log_level": 0}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(install(), tmp_path / "kafka") as one:
        yield one


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """A broker that nothing happens to."""
    with EmbeddedBroker(install(), tmp_path_factory.mktemp("standing") / "kafka") as one:
        yield one


def append(bootstrap: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, **QUIET})
    for value in values:
        producer.produce("kept", value)
    assert producer.flush(20) == 0


def make_topic(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    admin.create_topics([NewTopic("kept", 1, 1, config={"flush.messages": "1"})])["kept"].result(10)


def content(bootstrap: str, count: int) -> list[bytes | None]:
    settings = {"bootstrap.servers": bootstrap, "group.id": "x", "auto.offset.reset": "earliest"}
    consumer = Consumer({**settings, **QUIET})
    consumer.assign([TopicPartition("kept", 0, 0)])
    try:
        return [message.value() for message in consumer.consume(count, 20)]
    finally:
        consumer.close()


def eventually(true: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def test_a_second_install_is_quick_and_loads_no_downloader():
    first = install()
    code = (
        "import sys; from autolearn.eventlog.embedded.install import install;"
        "print(install().classpath, 'jgo' in sys.modules or 'requests' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == [first.classpath, "False"]


def test_a_tampered_jar_is_refused(tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    copy.mkdir()
    for jar in install().files:
        (copy / jar.name).symlink_to(jar)
    monkeypatch.setattr(jars, "cache_folder", lambda: copy)
    assert jars.fetch().folder == copy
    victim = next(copy.glob("kafka_2.13*"))
    changed = victim.read_bytes() + b"!"
    victim.unlink()
    victim.write_bytes(changed)
    with pytest.raises(BrokerError, match="is not the file") as caught:
        jars.fetch()
    assert str(victim) in caught.value.advice


@pytest.fixture
def mirror(tmp_path, monkeypatch) -> Iterator[dict[str, bytes]]:
    """A Maven repository on this machine, named in jgo's settings; return what it falsifies."""
    cached = {jar.name: jar for jar in install().files}
    false: dict[str, bytes] = {}

    class Maven(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rpartition("/")[2]
            self.send_response(200 if name in cached else 404)
            self.end_headers()
            if name in cached:
                self.wfile.write(false.get(name) or cached[name].read_bytes())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Maven)
    thread = Thread(target=server.serve_forever)
    thread.start()
    config = tmp_path / "jgo.conf"
    config.write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(config))
    monkeypatch.setattr(jars, "cache_folder", lambda: tmp_path / "cache")
    yield false
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_false_download_is_refused_and_the_next_install_repairs(mirror):
    name = next(jar.name for jar in jars.locked() if "kafka_2.13" in jar.coordinate)
    mirror[name] = b"cut short"
    with pytest.raises(BrokerError, match="could not download") as caught:
        jars.fetch()
    assert "embedded install" in caught.value.advice
    assert not (jars.cache_folder() / name).exists()
    mirror.clear()
    steps: list[int] = []
    with ThreadPoolExecutor() as pool:  # and two at once do not disturb each other
        one = pool.submit(jars.fetch, lambda _what, done, _total: steps.append(done))
        other = pool.submit(jars.fetch)
        assert one.result() == other.result()
    assert steps == sorted(steps)
    assert not list(jars.cache_folder().glob(".partial-*"))


def test_without_a_network_the_error_says_what_to_do(mirror, tmp_path, monkeypatch):
    (tmp_path / "jgo.conf").write_text("[repositories]\ncentral = http://127.0.0.1:9\n")
    with pytest.raises(BrokerError, match="could not download") as caught:
        jars.fetch()
    assert "jgo.conf" in caught.value.advice


@pytest.mark.long
def test_data_survive_a_restart_on_another_port(broker):
    make_topic(broker.bootstrap)
    append(broker.bootstrap, b"1", b"2")
    broker.stop()
    with EmbeddedBroker(install(), broker.folder) as again:
        assert again.bootstrap != broker.bootstrap
        assert content(again.bootstrap, 2) == [b"1", b"2"]


@pytest.mark.long
def test_data_survive_kill_9(broker):
    make_topic(broker.bootstrap)
    append(broker.bootstrap, b"1")
    address = broker.bootstrap
    broker.kill()
    assert not broker.alive
    broker.start()
    assert broker.bootstrap == address
    append(address, b"2")
    assert content(address, 2) == [b"1", b"2"]


class Raced(probe.HeldPorts):
    """The first time, somebody else listens on one of the ports before the broker does."""

    others: ClassVar[list[socket.socket]] = []
    place = 0

    def lend(self) -> None:
        super().lend()
        if not self.others:
            self.others.append(socket.create_server((probe.HOST, self.numbers[self.place])))


@pytest.fixture(params=[0, 1], ids=["client", "controller"])
def raced(request, monkeypatch) -> Iterator[type[Raced]]:
    """Have either of the two ports taken, between its choice and the broker's start."""
    monkeypatch.setattr(Raced, "place", request.param)
    monkeypatch.setattr(Raced, "others", [])
    monkeypatch.setattr(embedded, "HeldPorts", Raced)
    yield Raced
    for other in Raced.others:
        other.close()


@pytest.mark.long
def test_a_port_lost_to_somebody_else_is_chosen_again(tmp_path, raced):
    with EmbeddedBroker(install(), tmp_path / "kafka") as broker:
        (other,) = raced.others
        assert f":{other.getsockname()[1]}" not in (broker.folder / "server.properties").read_text()


def test_the_controller_never_gets_the_port_of_the_clients():
    (port,) = probe.HeldPorts(0).numbers
    for _ in range(500):
        client, controller = probe.HeldPorts(port, 0).numbers
        assert client == port != controller


def test_a_held_port_is_free_for_a_server_of_ours_alone():
    held = probe.HeldPorts(0)
    with socket.create_server((probe.HOST, held.numbers[0])), pytest.raises(PortTaken):
        probe.HeldPorts(*held.numbers)
    assert probe.HeldPorts(*held.numbers).numbers == held.numbers


@pytest.mark.long
def test_a_second_broker_on_a_folder_is_refused(standing):
    with pytest.raises(BrokerError, match="another broker uses") as caught:
        EmbeddedBroker(install(), standing.folder).start()
    assert str(os.getpid()) in caught.value.detail
    assert standing.alive


def test_a_port_in_use_is_said(standing, tmp_path):
    port = int(standing.bootstrap.partition(":")[2])
    with pytest.raises(BrokerError, match=f"port {port} .* in use"):
        EmbeddedBroker(install(), tmp_path / "other", port=port).start()


def test_an_early_end_carries_the_log(broker):
    broker.stop()
    (broker.folder / "data" / "meta.properties").write_text("broken")
    with pytest.raises(BrokerError, match=r"ended before it was ready(?s:.)*node ID not found"):
        broker.start()
    assert not broker.alive


def test_the_broker_ends_with_a_killed_parent(tmp_path):
    code = (
        "import sys, pathlib, time\n"
        "from autolearn.eventlog.embedded.broker import EmbeddedBroker\n"
        "from autolearn.eventlog.embedded.install import install\n"
        "b = EmbeddedBroker(install(), pathlib.Path(sys.argv[1])).start();"
        "print(b.pid, flush=True); time.sleep(300)"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "kafka")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    eventually(lambda: not running(pid))
    with EmbeddedBroker(install(), tmp_path / "kafka"):
        pass


@pytest.mark.long
def test_the_command_runs_until_it_is_told_to_stop(tmp_path):
    with in_foreground(tmp_path) as process:
        assert process.stdout.readline().startswith("ready 127.0.0.1:")
        process.terminate()
        assert process.wait(20) == 0


@pytest.mark.long
def test_the_command_can_be_stopped_while_it_starts(tmp_path):
    with in_foreground(tmp_path) as process:
        eventually((tmp_path / "kafka" / "data" / ".lock").exists)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stdout.read() == ""


@pytest.mark.long
def test_the_command_says_when_kafka_ended_by_itself(tmp_path):
    with in_foreground(tmp_path) as process:
        process.stdout.readline()
        jvm = [one for one in psutil.Process(process.pid).children() if one.name() == "java"]
        jvm[0].kill()
        assert process.wait(20) == 3
        assert "Kafka ended by itself" in process.stderr.read()


def in_foreground(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "autolearn.eventlog.embedded", "run"]
    return subprocess.Popen(
        [*command, "--folder", str(folder / "kafka")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
