"""kill -9 of the processes of a Dask cluster, in the middle of a step that works there."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.faults.dask_ground import DaskGround
from tests.support.waiting import until


def kill_dask_worker(on: DaskGround) -> None:
    """Kill a worker of Dask; another one is started."""
    _kill(on, "kill -9 of a Dask worker", lambda: on.random.choice(on.dask.workers).kill())


def kill_dask_scheduler(on: DaskGround) -> None:
    """Kill the scheduler of Dask; it is started again, and its workers, which end with it."""

    def kill() -> None:
        on.dask.scheduler.kill()
        on.dask.scheduler.wait()
        for worker in on.dask.workers:
            worker.kill()
            worker.wait()

    _kill(on, "kill -9 of the Dask scheduler", kill)


def _kill(on: DaskGround, fault: str, kill: Callable[[], None]) -> None:
    with on.far() as (client, run):
        time.sleep(0.6 * on.random.random())
        in_the_middle = not on.has_ended(client, run)
        began = time.monotonic()
        kill()
        on.man_dask()
        until(lambda: on.has_ended(client, run), f"{fault}: its step has ended", 240, 0.05)
        if in_the_middle:
            on.tally.recovered(f"{fault}: its step has ended", time.monotonic() - began)
    on.tally.counts[fault if in_the_middle else f"{fault}, after the step"] += 1


FAULTS = (kill_dask_worker, kill_dask_scheduler)
