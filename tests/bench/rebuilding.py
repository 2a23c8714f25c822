"""How fast the log is folded again: a million events of 50,000 sessions, beside a bare consumer."""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from autolearn.eventlog.embedded import EmbeddedBroker
from autolearn.eventlog.kafka import KafkaLog
from autolearn.projections.rebuilding import rebuild
from autolearn.schemas.topics import Topic
from tests.bench.history import history, write

__all__ = ["rebuilding"]

PARTITIONS = 4
LARGE, SMALL = "bench-1m.events", "bench-100k.events"
ROUNDS = 3


async def rebuilding() -> dict[str, float]:
    """Measure on a broker of its own. The rounds of what is compared alternate."""
    return await asyncio.to_thread(measure)


def measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as home, EmbeddedBroker(Path(home) / "kafka") as broker:
        log = KafkaLog(broker.bootstrap)
        log.create([Topic(name, PARTITIONS, 1, {}) for name in (LARGE, SMALL)])
        log.close()
        write(broker.bootstrap, LARGE, history(50_000, PARTITIONS))
        write(broker.bootstrap, SMALL, history(5_000, PARTITIONS))
        bare, one, two, peaks = [], [], [], []
        for _ in range(ROUNDS):
            bare.append(consumed(broker.bootstrap, LARGE))
            rate, peak = folded(broker.bootstrap, LARGE, 1)
            one.append(rate)
            peaks.append(peak)
            two.append(folded(broker.bootstrap, LARGE, 2)[0])
        _, small_peak = folded(broker.bootstrap, SMALL, 1)
    rate = statistics.median(one)
    return {
        "rebuild_events_per_s_1p": rate,
        "rebuild_events_per_s_2p": statistics.median(two),
        "rebuild_2p_vs_1p": statistics.median(two) / rate,
        "rebuild_vs_bare_consumer": rate / statistics.median(bare),
        "rebuild_peak_pss_mb_100k": small_peak,
        "rebuild_peak_pss_mb_1m": statistics.median(peaks),
    }


def consumed(bootstrap: str, topic: str) -> float:
    """Records per second of a consumer with our settings that only reads."""
    log = KafkaLog(bootstrap)
    ends = log.ends(topic)
    began, left = time.perf_counter(), sum(ends.values())
    reader = log.reader(topic, dict.fromkeys(ends, 0))
    while left > 0:
        left -= len(reader.read(2000, 1.0))
    seconds = time.perf_counter() - began
    reader.close()
    return sum(ends.values()) / seconds


def folded(bootstrap: str, topic: str, processes: int) -> tuple[float, float]:
    """Records per second of so many processes that share the partitions; their peak PSS in MiB."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.bench.rebuilding"])
    pipes, workers = [], []
    for number in range(processes):
        ours, theirs = context.Pipe()
        arguments = (theirs, bootstrap, topic, range(number, PARTITIONS, processes))
        worker = context.Process(target=fold, args=arguments)
        worker.start()
        pipes.append(ours)
        workers.append(worker)
    for pipe in pipes:
        assert pipe.recv() == "ready"
    began, peak = time.perf_counter(), 0.0
    for pipe in pipes:
        pipe.send("go")
    records = 0
    for pipe in pipes:
        while not pipe.poll(0.2):
            peak = max(peak, sum(pss(worker.pid) for worker in workers))
        records += pipe.recv()
    seconds = time.perf_counter() - began
    for worker in workers:
        worker.join()
    return records / seconds, peak


def fold(to: Connection, bootstrap: str, topic: str, partitions: range) -> None:
    """Rebuild from some partitions into a folder of its own (in a process)."""
    log = KafkaLog(bootstrap)
    ends = log.ends(topic)
    with tempfile.TemporaryDirectory() as folder:
        to.send("ready")
        to.recv()
        rebuilt = rebuild(log, topic, Path(folder) / "views", {p: ends[p] for p in partitions})
        assert rebuilt.events == rebuilt.records, "some events were ignored"
        to.send(rebuilt.records)


def pss(pid: int | None) -> float:
    """The proportional memory of a process in MiB; 0 once it is gone."""
    try:
        return float(psutil.Process(pid).memory_full_info().pss) / 2**20
    except psutil.NoSuchProcess:
        return 0.0
