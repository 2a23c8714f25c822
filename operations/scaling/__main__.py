"""`python -m autolearn.operations.scaling slurm|kubernetes …`: see `autolearn worker`.

It prints a line for each change, until SIGTERM or SIGINT. The workers that it has started go on.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from types import FrameType

from msgspec.structs import replace

from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.kafka.connect import brokers, open_log
from autolearn.operations.scaling.demand import Pool, need_of
from autolearn.operations.scaling.kubernetes import Kubernetes
from autolearn.operations.scaling.provider import POOL, ProviderError, WorkerProvider
from autolearn.operations.scaling.slurm import Slurm
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.projections.work.heartbeats import FORGOTTEN_AFTER_MS, Beats
from autolearn.projections.work.open_runs import OpenRuns
from autolearn.runtime.child_process import child_environment
from autolearn.runtime.home import home_of, lock, state_folder
from autolearn.runtime.logs import configure_logs
from autolearn.runtime.process import end_with_parent, failed, read_settings, say_ready
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.records.heartbeat import Heartbeat
from autolearn.schemas.settings import Settings, variables_of
from autolearn.schemas.topics import Topics
from autolearn.schemas.workers.labels import fits, labels_in, text_of

_TICK = 1.0
"""Seconds between two looks at the queue."""

_PAUSE, _LONGEST_PAUSE = 5.0, 300.0
"""Seconds between two starts; it doubles while no worker comes of them."""


class Stopped(Exception):
    """A signal has come."""


def _stop(_: int, __: FrameType | None) -> None:
    raise Stopped


class Scaler:
    """Keeps the workers of a pool as many as are needed, through its provider."""

    def __init__(self, pool: Pool, provider: WorkerProvider) -> None:
        self.pool, self.provider = pool, provider
        self.busy_at: dict[str, float] = {}
        """When each host of the pool was last seen with a run, or first seen."""
        self.heard: set[str] = set()
        """The workers of the pool that were ever heard of."""
        self.pause, self.not_before = 0.0, float("-inf")

    def look(self, runs: OpenRuns, beats: list[Heartbeat], most: int, now: float) -> Iterator[str]:
        """Start workers, or let them go; yield what was done. Raises ProviderError.

        `most` are the runs that a user may run at a time by default.
        """
        pool, limits, jobs = self.pool, runs.limits(), self.provider.jobs()
        need = need_of(pool, runs.all(), beats, jobs, lambda user: limits.get(user, most))
        ours = [beat for beat in beats if fits(pool.labels, beat.labels)]
        before, self.busy_at = self.busy_at, {}
        for beat in ours:
            self.busy_at[beat.host] = now if beat.runs else before.get(beat.host, now)
        if not {beat.worker for beat in ours} <= self.heard:
            self.heard, self.pause = {beat.worker for beat in ours}, 0.0
        if need.workers and now >= self.not_before:
            names = self.provider.start(need.workers)
            unheard = "; none was heard of since the last start, see their logs" * bool(self.pause)
            yield f"{need.waiting} waiting, {jobs} workers: started {names}{unheard}"
            # Those that fail at once would be started again at once.
            self.pause = min(_LONGEST_PAUSE, 2 * self.pause or _PAUSE)
            self.not_before = now + self.pause
        elif jobs > pool.least and not need.workers:
            idle = {host: now - since for host, since in self.busy_at.items()}
            if gone := self.provider.let_go(idle, need.waiting, pool.least):
                yield f"0 waiting, {jobs} workers: let go {gone}"


def _follow(settings: Settings, scaler: Scaler) -> None:
    """Look at the queue until a signal comes."""
    log, topics, told = open_log(settings), Topics.of(settings), ""
    folder = state_folder(settings, "scale")
    with ExitStack() as held:
        held.callback(log.close)
        held.enter_context(lock(folder.with_name(f"{folder.name}.lock"), "`autolearn worker`"))
        store = held.enter_context(closing(RocksStore(folder)))
        runs, beats, workers = OpenRuns(store), Beats(), topics.workers.name
        projector = Projector(log, topics.events.name, runs, range(topics.events.partitions))
        projector.catch_up()
        since = time.time_ns() // 10**6 - FORGOTTEN_AFTER_MS
        start = log.offsets_at(workers, since)
        reader = held.enter_context(closing(log.reader(workers, start)))
        # A whole interval of heartbeats first: whom it does not know, it would start again.
        due = time.monotonic() + settings.workers.heartbeat + _TICK
        say_ready()
        while True:
            limit = time.time() * 1000 - settings.workers.timeout * 1000
            beats.take(reader.read(1000, _TICK), limit)
            projector.catch_up()
            if time.monotonic() < due:
                continue
            due = time.monotonic() + _TICK
            try:
                present = [beat for beat, _ in beats.since(limit)]
                most = settings.quotas.runs_running
                for line in scaler.look(runs, present, most, time.monotonic()):
                    print(line, flush=True)
                told = ""
            except ProviderError as error:
                if told != error.detail:  # it is tried again, and said once
                    print(error.diagnostics(), file=sys.stderr, flush=True)
                told = error.detail


def _provider_of(chosen: argparse.Namespace, pool: Pool, settings: Settings) -> WorkerProvider:
    """Return the provider of workers. Raises ProviderError if it is not there."""
    if chosen.where == "kubernetes":
        return Kubernetes(chosen.name, chosen.namespace, chosen.server, chosen.idle)
    kafka = replace(settings.kafka, brokers=brokers(settings))
    workers = replace(settings.workers, idle_exit=chosen.idle, labels=text_of(pool.labels))
    given = replace(settings, home=str(home_of(settings)), kafka=kafka, workers=workers)
    theirs = {name: value for name, value in os.environ.items() if name != "AUTOLEARN_TOKEN"}
    environment = {**child_environment(theirs), **variables_of(given)}
    logs = home_of(settings) / "logs"
    logs.mkdir(exist_ok=True)
    return Slurm(chosen.name, pool.labels, environment, logs, shlex.split(chosen.sbatch))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m autolearn.operations.scaling")
    parser.add_argument("where", choices=("slurm", "kubernetes"))
    parser.add_argument("--max", type=int, required=True)
    parser.add_argument("--min", type=int, default=0)
    parser.add_argument("--name", required=True)
    parser.add_argument("--labels", default="")
    parser.add_argument("--idle", type=float, default=60.0)
    parser.add_argument("--sbatch", default="")
    parser.add_argument("--namespace", default="")
    parser.add_argument("--server", default="")
    parser.add_argument("--with-parent", action="store_true")
    return parser.parse_args()


def main() -> int:
    """Run until a signal; return the exit code."""
    chosen = _arguments()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        settings = read_settings()
        configure_logs(settings.observability)
        if chosen.with_parent:
            end_with_parent()
        labels = {**labels_in(chosen.labels), POOL: chosen.name}
        pool = Pool(labels, settings.workers.slots, chosen.min, chosen.max)
        provider = _provider_of(chosen, pool, settings)
        provider.jobs()  # a fault is reported now
        _follow(settings, Scaler(pool, provider))
    except Stopped:
        return 0
    except AutoLearnError as error:
        return failed(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
