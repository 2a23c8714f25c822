"""Commands put on the log by hand, and how long it takes until they are answered."""

from __future__ import annotations

import json
import time
import uuid
from random import Random

from confluent_kafka import Consumer, Producer, TopicPartition


class Probe:
    """Writes plain commands to chosen partitions of `commands`, and watches `events`."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int, seed: int) -> None:
        self.commands, self.events = f"{prefix}.commands", f"{prefix}.events"
        self.partitions, self.random = partitions, Random(seed)
        quick = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "log_level": 0}
        self.producer = Producer(
            {"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True, **quick}
        )
        self.consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "probe", **quick})
        self.sent = 0

    def send(self, partition: int) -> str:
        """Put OpenSession of a new session on a partition; return the command's id.

        Ours need not know which stream belongs where: a decider answers on the partition on which
        it finds the command.
        """
        identity, session = (str(uuid.UUID(int=self.random.getrandbits(128))) for _ in range(2))
        command = {
            "specversion": "1.0",
            "id": identity,
            "source": "tests/faults",
            "type": "autolearn.OpenSession.v1",
            "subject": f"session/{session}",
            "time": "2026-01-01T00:00:00Z",
            "actor": "probe",
            "fingerprint": "",
            "datacontenttype": "application/json",
            "data": {"title": identity},
        }
        value, key = json.dumps(command).encode(), command["subject"].encode()
        self.producer.produce(self.commands, value, key, partition)
        self.sent += 1
        return identity

    def burst(self, count: int) -> None:
        """Put many commands on all partitions, and wait until they are there."""
        for number in range(count):
            self.send(number % self.partitions)
        assert self.producer.flush(60) == 0

    def places(self) -> dict[int, int]:
        """The ends of `events`."""
        places = [TopicPartition(self.events, number) for number in range(self.partitions)]
        return {at.partition: self.consumer.get_watermark_offsets(at, 10)[1] for at in places}

    def answered(self, since: dict[int, int], began: float, seconds: float = 90) -> float:
        """Ask on every partition, and return the seconds from `began` until all have answered.

        `since` are the ends of `events` from before. Every partition is asked at once.
        """
        waiting = {self.send(partition) for partition in range(self.partitions)}
        self.consumer.assign([TopicPartition(self.events, p, at) for p, at in since.items()])
        try:
            while waiting:
                assert time.monotonic() < began + seconds, f"{len(waiting)} are not answered"
                self.producer.poll(0)
                message = self.consumer.poll(0.02)
                if message is not None and message.error() is None:
                    waiting.discard(json.loads(message.value() or b"").get("causationid"))
        finally:
            self.consumer.unassign()
        return time.monotonic() - began

    def close(self) -> None:
        self.producer.flush(10)
        self.consumer.close()
