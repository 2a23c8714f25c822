"""Real decide processes on a real broker, with topics and a folder of their own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.schemas.codec import CommandRecord, encode
from autolearn.schemas.settings import load
from autolearn.schemas.topics import Topics
from tests.support import log_checker
from tests.support.random_histories import check_content
from tests.support.waiting import until

SESSION_TIMEOUT = 3


class Process:
    """One `python -m autolearn.agents decide`."""

    def __init__(self, bench: Bench, instance: str, code: str = "") -> None:
        self.bench, self.instance = bench, instance
        self.command = ("-c", code) if code else ("-m", "autolearn.agents", "decide")
        self.log = bench.folder / f"decide-{instance}.log"
        self.start()

    def start(self) -> None:
        """Start it, also again after a kill; `claimed()` counts from here."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AUTOLEARN_")}
        environment |= self.bench.environment | {"AUTOLEARN_INSTANCE": self.instance}
        with self.log.open("ab") as log:
            self.from_here = log.tell()
            self.popen = subprocess.Popen(
                [sys.executable, *self.command],
                cwd=self.bench.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        """What it has logged since its start."""
        return self.log.read_bytes()[self.from_here :].decode(errors="replace")

    def claimed(self) -> int:
        """How many tenures it has begun since its start."""
        code = self.popen.poll()
        assert code is None, f"the process ended with {code}:\n{self.said()[-3000:]}"
        return self.said().count("partition claimed")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process only."""
        self.popen.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        self.popen.kill()
        self.popen.wait(10)

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        self.popen.terminate()
        return self.popen.wait(20)


class Bench:
    """Topics and a folder; processes on them; a client that sends commands."""

    def __init__(self, kafka: str, folder: Path, partitions: int = 2) -> None:
        self.kafka, self.folder = kafka, folder
        self.environment = {
            "AUTOLEARN_KAFKA": kafka,
            "AUTOLEARN_HOME": str(folder / "home"),
            "AUTOLEARN_TOPIC_PREFIX": f"test-{uuid.uuid4().hex[:12]}",
            "AUTOLEARN_PARTITIONS": str(partitions),
            "AUTOLEARN_SESSION_TIMEOUT": str(SESSION_TIMEOUT),
        }
        self.partitions = partitions
        self.topics = Topics.of(load(self.environment))
        log = KafkaLog(kafka)
        log.create(self.topics.all())
        log.close()
        self.processes: list[Process] = []
        self.producer = Producer(
            {
                "bootstrap.servers": kafka,
                "partitioner": "murmur2_random",
                "message.max.bytes": 8_000_000,
                "log_level": 0,
            }
        )
        self.consumer = Consumer({"bootstrap.servers": kafka, "group.id": "tests", "log_level": 0})

    def process(self, instance: str = "0", code: str = "") -> Process:
        """Start a decide process; `code` is run in the place of `python -m autolearn.agents`."""
        self.processes.append(Process(self, instance, code))
        return self.processes[-1]

    def send(self, *records: CommandRecord) -> None:
        """Send commands; return before they are written."""
        for record in records:
            self.send_raw(record.subject.encode(), encode(record))

    def send_raw(self, key: bytes | None, value: bytes | None, partition: int = -1) -> None:
        """Send any record to the commands."""
        self.producer.produce(self.topics.commands.name, value, key, partition)
        self.producer.poll(0)

    def flush(self) -> None:
        """Wait until what was sent is written."""
        assert self.producer.flush(20) == 0

    def events(self) -> int:
        """How many records are on the events."""
        return self.count(self.topics.events.name, self.partitions)

    def count(self, topic: str, partitions: int = 1) -> int:
        """How many records a topic holds."""
        places = [TopicPartition(topic, partition) for partition in range(partitions)]
        return sum(self.consumer.get_watermark_offsets(place, 10)[1] for place in places)

    def records(self, topic: str) -> log_checker.Topic:
        """A topic's records."""
        return log_checker.read_topic(self.kafka, topic)

    def answered(self, count: int) -> log_checker.Found:
        """Wait until so many commands are answered, and check everything."""
        self.flush()
        found: list[log_checker.Found] = []

        def all_there() -> bool:
            if self.events() < count:
                return False
            commands = self.records(self.topics.commands.name)
            events = self.records(self.topics.events.name)
            counts = [len(log_checker.admitted(p, records)[0]) for p, records in events.items()]
            if sum(counts) < count:
                return False
            found.append(log_checker.check(commands, events))
            check_content(commands, events)
            return True

        until(all_there, pause=0.1)
        assert found[0].answered == count
        return found[0]

    def close(self) -> None:
        """End every process that was started here."""
        for process in self.processes:
            if process.popen.poll() is None:
                process.signal(signal.SIGCONT)
                process.kill()
        self.consumer.close()
        shutil.rmtree(self.folder / "home", ignore_errors=True)


@contextlib.contextmanager
def deciding(kafka: str, folder: Path, partitions: int = 2) -> Iterator[Bench]:
    """A bench that ends what it started; what the processes said shows when a test fails."""
    bench = Bench(kafka, folder, partitions)
    try:
        yield bench
    except BaseException:
        for process in bench.processes:
            print(f"--- {process.log.name}\n{process.log.read_text(errors='replace')[-4000:]}")
        raise
    finally:
        bench.close()
