import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from autolearn.eventlog import jars
from autolearn.eventlog.broker_errors import BrokerError
from autolearn.eventlog.embedded import EmbeddedBroker, install

pytestmark = pytest.mark.kafka
QUIET = {"log_level": 0}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path / "kafka") as one:
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
        "import sys; from autolearn.eventlog.embedded import install;"
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
    assert str(victim) in caught.value.remedy


def test_data_survive_a_restart_on_another_port(broker):
    make_topic(broker.bootstrap)
    append(broker.bootstrap, b"1", b"2")
    broker.stop()
    with EmbeddedBroker(broker.folder) as again:
        assert again.bootstrap != broker.bootstrap
        assert content(again.bootstrap, 2) == [b"1", b"2"]


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


def test_a_second_broker_on_a_folder_is_refused(broker):
    with pytest.raises(BrokerError, match="another broker uses") as caught:
        EmbeddedBroker(broker.folder).start()
    assert str(os.getpid()) in caught.value.why
    assert broker.alive


def test_a_port_in_use_is_said(broker, tmp_path):
    port = int(broker.bootstrap.partition(":")[2])
    with pytest.raises(BrokerError, match=f"port {port} .* in use"):
        EmbeddedBroker(tmp_path / "other", port=port).start()


def test_an_early_end_carries_the_log(broker):
    broker.stop()
    (broker.folder / "data" / "meta.properties").write_text("broken")
    with pytest.raises(BrokerError, match=r"ended before it was ready(?s:.)*node ID not found"):
        broker.start()
    assert not broker.alive


def test_the_broker_ends_with_a_killed_parent(tmp_path):
    code = (
        "import sys, pathlib, time; from autolearn.eventlog.embedded import EmbeddedBroker;"
        "b = EmbeddedBroker(pathlib.Path(sys.argv[1])).start();"
        "print(b.pid, flush=True); time.sleep(300)"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "kafka")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    eventually(lambda: not running(pid))
    with EmbeddedBroker(tmp_path / "kafka"):
        pass


def running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
