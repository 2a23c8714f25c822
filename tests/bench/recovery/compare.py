"""What others need for the same: how fast Faust and Quix Streams recover the state that they fold.

Neither folds its input again. Both write every change of their state to a changelog topic, and
copy that into RocksDB when the state is lost. So compared are the events per second of our rebuild,
which decodes each event, admits it and folds it into all views, with the records per second of
theirs, which copies a row (`changelogs` says which). Both have one process, an empty
folder, the same broker, as many partitions, and the settings that their makers ship; Faust has
uvloop. The time in which they join their group does not count.

Faust recovers the changelog of the small log only, because it is slow; with 20,000 records its rate
was the same, within the noise of a busy machine. Quix recovers one record per event of
the large log, and waits a second at the end to see that nothing comes.

A changelog that has been compacted is shorter, down to one record per session. How long a recovery
takes then depends on how far the cleaner has come; what one record costs does not.
"""

from __future__ import annotations

import sys
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from autolearn.eventlog.kafka.log import KafkaLog
from tests.bench.peers import peer_python, told
from tests.bench.recovery import faust_recovery

FAUST_CHANGELOG = faust_recovery.CHANGELOG
QUIX_GROUP = "bench-quix"
QUIX_SCRIPT = Path(__file__).with_name("quix_recovery.py")


def quix_changelog_of(source: str) -> str:
    """Return the name of the changelog of the state that is folded from a topic."""
    return f"changelog__{QUIX_GROUP}--{source}--default"


def faust(bootstrap: str, source: str, sessions: int) -> float:
    """Recover Faust's table, which has so many sessions; return the records per second."""
    rewind(bootstrap, source, faust_recovery.APP)
    command = [sys.executable, "-m", "tests.bench.recovery.faust_recovery", bootstrap, source]
    found = told(command)
    assert found["rows"] == sessions, found
    return length(bootstrap, FAUST_CHANGELOG) / found["seconds"]


def quix(bootstrap: str, source: str) -> float:
    """Recover Quix's state; return the records per second."""
    rewind(bootstrap, source, QUIX_GROUP)
    command = [peer_python(), str(QUIX_SCRIPT), bootstrap, source]
    return length(bootstrap, quix_changelog_of(source)) / told(command)["seconds"]


def length(bootstrap: str, topic: str) -> int:
    """Return how many records a topic has."""
    log = KafkaLog(bootstrap)
    found = sum(log.ends(topic).values())
    log.close()
    return found


def rewind(bootstrap: str, topic: str, group: str) -> None:
    """Commit, for a group, the offsets before the last record of each partition."""
    log = KafkaLog(bootstrap)
    offsets = [TopicPartition(topic, p, end - 1) for p, end in log.ends(topic).items()]
    log.close()
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()
