"""The status without an API: `python -m autolearn.operations.status --without-api WHY`.

It asks the brokers and looks at this machine's folders; its result is a `Status`.
"""

from __future__ import annotations

import argparse
import logging
import socket
import time
from contextlib import closing

from autolearn.eventlog.kafka.cluster import Cluster
from autolearn.eventlog.kafka.connect import kafka_of, open_log
from autolearn.eventlog.log import RecordSource
from autolearn.operations.status.findings import findings
from autolearn.operations.status.inspector import StatusInspector
from autolearn.operations.tool import ProgressLines, ToolResult, run_as_tool
from autolearn.projections.work.heartbeats import FORGOTTEN_AFTER_MS, Beats
from autolearn.runtime.folders import places_of, topic_bytes
from autolearn.runtime.home import home_of
from autolearn.schemas.errors import ExitCode, LogError
from autolearn.schemas.records.heartbeat import Supervision
from autolearn.schemas.reports.status import DeadLetterCount, Finding, Status, WorkerState
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

_PATIENCE = 5.0
"""Seconds without any heartbeat after which the received ones must do."""


def _status_of(settings: Settings, without_api: str) -> Status:
    """Return the status without an API (blocks).

    Raises:
        LogError: no Kafka is named.
    """
    log, cluster = open_log(settings), Cluster(*kafka_of(settings))
    looking, topics = StatusInspector(cluster, log, settings), Topics.of(settings)
    try:
        status = looking.look(f"the command line on {socket.gethostname()}")
        if "brokers" not in status.unknown:
            records = {topic.name: topic.records for topic in status.topics}
            status.dead_letters = DeadLetterCount(records.get(topics.dead_letters.name, 0))
            status.workers, status.supervision = _heard(log, topics.workers.name)
    except LogError as error:
        status.unknown["workers"] = error.detail
    finally:
        looking.close()
        log.close()
    status.disk = places_of(settings)
    sizes = topic_bytes(home_of(settings))
    for topic in status.topics:
        topic.bytes = sizes.get(topic.name)
    status.findings = [
        Finding("no-api", without_api, "Start one: `autolearn run api`, or `autolearn up`."),
        *findings(status, [topic.name for topic in topics.all()], settings),
    ]
    return status


def _heard(log: RecordSource, topic: str) -> tuple[list[WorkerState], Supervision | None]:
    """Return the recent workers, and the state of the supervising process.

    Raises:
        LogError: the log cannot be read.
    """
    ends, limit = log.ends(topic), time.time_ns() // 1_000_000 - FORGOTTEN_AFTER_MS
    start = log.offsets_at(topic, limit)
    beats, left = Beats(), {p: end for p, end in ends.items() if start[p] < end}
    with closing(log.reader(topic, {p: start[p] for p in left})) as reader:
        while left and (records := reader.read(1000, _PATIENCE)):
            beats.take(records, limit)
            for record in records:
                partition = record.partition
                if record.offset + 1 >= left.get(partition, 0):
                    left.pop(partition, None)
    return WorkerState.all_of(beats.workers(limit), time.time()), beats.supervision(limit)


def work(settings: Settings, chosen: argparse.Namespace, _: ProgressLines) -> ToolResult:
    """Ask the brokers of the settings."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its report is in the status
    return _status_of(settings, chosen.without_api), ExitCode.DONE


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m autolearn.operations.status")
    parser.add_argument("--without-api", metavar="WHY", default="No API was asked.")
    run_as_tool(work, parser)
