"""The status without an API: `python -m autolearn.projections.status --without-api WHY`.

It asks the brokers and looks at this machine's folders, and prints `{"result": {…}}`, a `Status`,
as one line on standard output. Exit codes: 0 printed, 2 bad settings, 3 no Kafka is named.
"""

from __future__ import annotations

import argparse
import logging
import socket
import sys
import time

from autolearn.eventlog.cluster import Cluster
from autolearn.eventlog.log import Log
from autolearn.eventlog.process import configure_logs, home_of, kafka_of, open_log, read_settings
from autolearn.projections.beats import FORGOTTEN_AFTER_MS, Beats
from autolearn.projections.status.findings import findings
from autolearn.projections.status.looking import Looking
from autolearn.projections.status.places import places_of, topic_bytes
from autolearn.schemas.codec import to_json
from autolearn.schemas.errors import AutoLearnError, LogError, SettingsError
from autolearn.schemas.settings import Settings
from autolearn.schemas.status import (
    DeadLetterCount,
    Finding,
    Status,
    WorkerState,
)
from autolearn.schemas.topics import Topics
from autolearn.schemas.workers import Supervision

__all__ = ["main"]

PATIENCE = 5.0
"""Seconds without any heartbeat after which those that have come must do."""


def status_of(settings: Settings, without_api: str) -> Status:
    """Return what is known without an API (blocks).

    Raises:
        LogError: no Kafka is named.
    """
    log, cluster = open_log(settings), Cluster(*kafka_of(settings))
    looking, topics, home = Looking(cluster, log, settings), Topics.of(settings), home_of(settings)
    try:
        status = looking.look(f"the command line on {socket.gethostname()}")
        if "brokers" not in status.unknown:
            records = {topic.name: topic.records for topic in status.topics}
            status.dead_letters = DeadLetterCount(records.get(topics.dead_letters.name, 0))
            status.workers, status.supervision = heard(log, topics.workers.name)
    except LogError as error:
        status.unknown["workers"] = error.detail
    finally:
        looking.close()
        log.close()
    status.disk = places_of(settings, home)
    sizes = topic_bytes(home)
    for topic in status.topics:
        topic.bytes = sizes.get(topic.name)
    status.findings = [
        Finding("no-api", without_api, "Start one: `autolearn run api`, or `autolearn up`."),
        *findings(status, [topic.name for topic in topics.all()], settings),
    ]
    return status


def heard(log: Log, topic: str) -> tuple[list[WorkerState], Supervision | None]:
    """Return the workers that were heard of lately, and what the supervising process said.

    Raises:
        LogError: the log cannot be read.
    """
    ends, limit = log.ends(topic), time.time_ns() // 1_000_000 - FORGOTTEN_AFTER_MS
    start = log.offsets_at(topic, limit)
    beats, left = Beats(), {p: end for p, end in ends.items() if start[p] < end}
    reader = log.reader(topic, {p: start[p] for p in left})
    try:
        while left and (messages := reader.read(1000, PATIENCE)):
            beats.take(messages, limit)
            for message in messages:
                partition = message.partition() or 0
                if (message.offset() or 0) + 1 >= left.get(partition, 0):
                    left.pop(partition, None)
    finally:
        reader.close()
    return WorkerState.all_of(beats.since(limit), time.time()), beats.supervision(limit)


def main(arguments: list[str]) -> int:
    """Run the tool and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m autolearn.projections.status")
    parser.add_argument("--without-api", metavar="WHY", default="No API was asked.")
    chosen = parser.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say is in the status
    try:
        settings = read_settings()
        configure_logs(settings)  # standard output is for the status alone
        status = status_of(settings, chosen.without_api)
    except AutoLearnError as error:
        print(error.diagnostics(), file=sys.stderr)
        return 2 if isinstance(error, SettingsError) else 3
    sys.stdout.buffer.write(to_json({"result": status}) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
