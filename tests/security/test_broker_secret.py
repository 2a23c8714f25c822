"""A broker with a secret: whoever has it may do everything, and nobody else may do anything."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from autolearn.eventlog.embedded import probe
from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.kafka.connect import kafka_of
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.schemas.errors import LogError, SettingsError
from autolearn.schemas.topics import Topic
from autolearn.security.broker_secret import announced, credentials, runs_here, secret_of
from tests.support.settings import settings_of

NOBODY = 65534
TOPIC = Topic("kept", 1, 1, {"flush.messages": "1"})


def append(log: KafkaLog, value: bytes) -> None:
    log.append(TOPIC.name, value, key=None)
    log.flush(20)


def content(log: KafkaLog, count: int) -> list[bytes | None]:
    reader, found = log.reader(TOPIC.name, {0: 0}), list[bytes | None]()
    while len(found) < count:
        found += [message.value for message in reader.read(10, 5)]
    reader.close()
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secret")


@pytest.fixture(scope="module")
def broker(home: Path) -> Iterator[EmbeddedBroker]:
    """A broker that ran without a secret before, as those of earlier versions did."""
    earlier = EmbeddedBroker(install(), home / "kafka")
    with earlier:
        log = KafkaLog(earlier.bootstrap)
        log.create([TOPIC])
        append(log, b"1")
        log.close()
    (home / "kafka" / "server.properties").chmod(0o644)
    with EmbeddedBroker(install(), home / "kafka", secret=secret_of(home)) as running:
        yield running


@pytest.fixture
def log(broker: EmbeddedBroker) -> Iterator[KafkaLog]:
    log = KafkaLog(broker.bootstrap, broker.client)
    yield log
    log.close()


@pytest.mark.kafka
def test_what_was_there_before_is_there_for_whoever_has_the_secret(log: KafkaLog):
    append(log, b"2")
    assert content(log, 2) == [b"1", b"2"]


STRANGER = """
import json, os, sys
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

uid, home, address, clients = sys.argv[1:]
if int(uid):
    os.setgroups([]); os.setgid(int(uid)); os.setuid(int(uid))
    for secret in ("keys/kafka.secret", "kafka/server.properties"):
        try:
            open(f"{home}/{secret}")
            print(f"opened {secret}")
        except PermissionError:
            pass
going = []
for client in json.loads(clients):
    given = {"bootstrap.servers": address, "log_level": 0, **client}
    producer, admin = Producer(given), AdminClient(given)
    producer.produce("kept", b"written by a stranger")
    consumer = Consumer(given | {"group.id": "x", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition("kept", 0, 0)])
    made = admin.create_topics([NewTopic("new", 1, 1)])["new"]
    going.append((producer, consumer, admin, made))
for producer, consumer, admin, made in going:
    if any(message.error() is None for message in consumer.consume(1, 3)):
        print("read")
    if not producer.flush(0.5):
        print("written")
    producer.purge()
    try:
        made.result(0.5)
        print("made")
    except (KafkaException, TimeoutError):
        pass
os._exit(0)  # what is still connecting would be waited for
"""


def as_stranger(broker: EmbeddedBroker, home: Path, *clients: dict[str, str]) -> list[str]:
    """Try everything as somebody with these credentials, and return what could be done.

    Not as another user unless the tests run as root, who alone can become one.
    """
    uid = str(NOBODY if os.geteuid() == 0 else 0)
    arguments = [sys.executable, "-uc", STRANGER, uid, str(home), broker.bootstrap]
    said = subprocess.run(
        [*arguments, json.dumps(clients)], capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stderr) == (0, "")
    return said.stdout.splitlines()


@pytest.mark.long
@pytest.mark.kafka
def test_another_user_of_the_machine_reads_and_writes_nothing(
    broker: EmbeddedBroker, log: KafkaLog, home: Path
):
    before = log.ends(TOPIC.name)
    wrong = credentials("x" * 43)
    as_launcher = wrong | {"sasl.mechanism": "PLAIN", "sasl.username": probe.LAUNCHER}
    assert as_stranger(broker, home, {}, wrong, as_launcher) == []
    assert log.ends(TOPIC.name) == before
    assert as_stranger(broker, home, broker.client) == ["read", "written", "made"]


@pytest.mark.kafka
def test_the_controller_answers_nobody_either(broker: EmbeddedBroker):
    properties = (broker.folder / "server.properties").read_text()
    found = re.search(r"CONTROLLER://127.0.0.1:(\d+)", properties)
    assert found is not None
    for port in (int(found[1]), int(broker.bootstrap.partition(":")[2])):
        assert not probe.answers(port)
        assert not probe.answers(port, "not the password")


@pytest.mark.kafka
def test_the_secret_is_on_no_command_line_in_no_environment_and_no_log(
    broker: EmbeddedBroker, home: Path
):
    secret = secret_of(home)
    ours = [psutil.Process(), *psutil.Process().children(recursive=True)]
    assert broker.pid in {one.pid for one in ours}
    for one in ours:
        assert secret not in " ".join([*one.cmdline(), *one.environ().values()])
    assert secret not in "".join(log.read_text() for log in (broker.folder / "logs").iterdir())
    files = [home / "keys" / "kafka.secret", broker.folder / "server.properties"]
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]


@pytest.mark.long
@pytest.mark.kafka
def test_a_deleted_secret_is_replaced_and_the_old_one_counts_no_more(tmp_path: Path):
    old = secret_of(tmp_path)
    with EmbeddedBroker(install(), tmp_path / "kafka", secret=old):
        (tmp_path / "keys" / "kafka.secret").unlink()
    new = secret_of(tmp_path)
    assert new != old
    with EmbeddedBroker(install(), tmp_path / "kafka", secret=new) as broker:
        KafkaLog(broker.bootstrap, broker.client).create([TOPIC])
        with pytest.raises(LogError, match="cannot be created"):
            KafkaLog(broker.bootstrap, credentials(old)).create([TOPIC], timeout=3)


def test_a_secret_that_others_may_read_or_that_is_none_is_refused(tmp_path: Path):
    secret = secret_of(tmp_path)
    assert secret_of(tmp_path) == secret
    file = tmp_path / "keys" / "kafka.secret"
    file.chmod(0o644)
    with pytest.raises(SettingsError, match=r"may be read by others \(mode 0644\)"):
        secret_of(tmp_path)
    file.chmod(0o600)
    file.write_text('short"; user_root="')
    with pytest.raises(SettingsError, match="holds something that is no secret"):
        secret_of(tmp_path)


def test_clients_have_the_secret_for_the_brokers_of_their_home_alone(tmp_path: Path):
    here, one, other = str(tmp_path), "127.0.0.1:9", "127.0.0.1:10"
    given = {"client.id": "a"}
    own = given | credentials(secret_of(tmp_path))
    with announced(tmp_path, [one, other]):
        for kafka, client in ((one, own), (f"{one},{other}", own), (f"{one},far:9", given)):
            settings = settings_of(home=here, kafka=kafka, kafka_client_id="a")
            assert kafka_of(settings) == (kafka, client)
    assert kafka_of(settings_of(home=here, kafka=one)) == (one, {})


def test_what_a_killed_process_announced_does_not_count(tmp_path: Path):
    killed = subprocess.Popen(["true"])
    killed.wait()
    with announced(tmp_path, ["127.0.0.1:9"]):
        assert runs_here(tmp_path, "127.0.0.1:9")
        (tmp_path / "brokers" / "127.0.0.1:9").write_text(str(killed.pid))
        assert not runs_here(tmp_path, "127.0.0.1:9")
