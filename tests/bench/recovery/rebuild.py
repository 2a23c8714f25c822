"""How fast the log is folded again: a million events of 50,000 sessions.

Beside it: a bare consumer of the same records, and what others do instead (`recoveries`).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.projections.rebuild.rebuild import rebuild
from tests.bench.history import PARTITIONS, history
from tests.bench.peers import peer_python
from tests.bench.recovery import compare
from tests.bench.recovery.changelogs import faust_changelog, quix_changelog
from tests.bench.written_log import create, write

LARGE, SMALL = "bench-1m.events", "bench-100k.events"
LARGE_SESSIONS, SMALL_SESSIONS = 50_000, 5_000
ROUNDS = 3


async def rebuilding() -> dict[str, float]:
    """Measure on a broker of its own. The rounds of what is compared alternate."""
    return await asyncio.to_thread(measure)


def measure() -> dict[str, float]:
    peer_python()
    with (
        tempfile.TemporaryDirectory() as home,
        EmbeddedBroker(install(), Path(home) / "kafka") as broker,
    ):
        at = broker.bootstrap
        fill(at)
        bare, one, two, peaks, faust, quix = [], [], [], [], [], []
        for _ in range(ROUNDS):
            bare.append(consumed(at, LARGE))
            rate, peak = folded(at, LARGE, 1)
            one.append(rate)
            peaks.append(peak)
            two.append(folded(at, LARGE, 2)[0])
            faust.append(compare.faust(at, SMALL, SMALL_SESSIONS))
            quix.append(compare.quix(at, LARGE))
        _, small_peak = folded(at, SMALL, 1)
    rate = statistics.median(one)
    return {
        "rebuild_events_per_s_1p": rate,
        "rebuild_events_per_s_2p": statistics.median(two),
        "rebuild_2p_vs_1p": statistics.median(two) / rate,
        "rebuild_vs_bare_consumer": rate / statistics.median(bare),
        "rebuild_vs_faust_recovery": rate / statistics.median(faust),
        "rebuild_vs_quix_recovery": rate / statistics.median(quix),
        "faust_recovery_records_per_s": statistics.median(faust),
        "quix_recovery_records_per_s": statistics.median(quix),
        "rebuild_peak_pss_mb_100k": small_peak,
        "rebuild_peak_pss_mb_1m": statistics.median(peaks),
    }


def fill(bootstrap: str) -> None:
    """Write the two logs, and the changelogs of what others would have folded from them."""
    faust, quix = compare.FAUST_CHANGELOG, compare.quix_changelog_of(LARGE)
    create(bootstrap, PARTITIONS, LARGE, SMALL, faust, quix)
    write(bootstrap, ((LARGE, record) for record in history(LARGE_SESSIONS)))
    write(bootstrap, ((SMALL, record) for record in history(SMALL_SESSIONS)))
    write(bootstrap, ((faust, one) for one in faust_changelog(history(SMALL_SESSIONS))))
    write(bootstrap, ((quix, one) for one in quix_changelog(history(LARGE_SESSIONS), LARGE)))


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
    context.set_forkserver_preload(["tests.bench.recovery.rebuild"])
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
        assert rebuilt.events == rebuilt.records, "not every event was admitted"
        to.send(rebuilt.records)


def pss(pid: int | None) -> float:
    """The proportional memory of a process in MiB; 0 once it is gone."""
    try:
        return float(psutil.Process(pid).memory_full_info().pss) / 2**20
    except psutil.NoSuchProcess:
        return 0.0
