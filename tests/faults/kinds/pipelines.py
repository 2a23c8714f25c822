"""kill -9, SIGSTOP and SIGTERM of the processes of a run of a pipeline, in the middle of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.faults.parts import Part
from tests.faults.pipeline_ground import NAP, PipelineClient, PipelineGround, fork_server_of
from tests.support.waiting import until


class Going(NamedTuple):
    """A run of four steps, one after the other, that has done the first."""

    client: PipelineClient
    run: str

    def done(self) -> int:
        """Return how many steps have ended."""
        return sum(step["ended"] is not None for step in self.client.seen(self.run)["steps"])


@contextmanager
def going(on: PipelineGround) -> Iterator[Going]:
    """Have a run that is at some moment of its second or third step; after it, it completes."""
    with on.client() as client:
        assert isinstance(client, PipelineClient)
        one = Going(client, client.begin("slow", on.random.getrandbits(30), no_cache=True))
        until(lambda: one.done() >= 2, "a step is done")
        time.sleep(NAP * on.random.random())
        yield one
        found = client.until_ended(one.run)
        assert found["status"] == "completed", found


def goes_on(on: PipelineGround, one: Going, fault: str, since: float, before: int) -> None:
    """Wait until a run goes on: another step of it has ended."""
    until(lambda: one.done() > before, f"{fault}: its run goes on", 120, 0.05)
    on.tally.recovered(f"{fault}: the next step of its run has ended", time.monotonic() - since)


def kill_worker(on: PipelineGround) -> None:
    """Kill the worker that does a step."""
    with going(on) as one:
        part = on.working(one.client, one.run)
        before, killed = one.done(), part.kill()
        goes_on(on, one, "kill -9 of a worker", killed, before)
    on.tally.counts["kills of a worker with a step"] += 1
    on.ready(part)


def kill_fork_server(on: PipelineGround) -> None:
    """Kill the fork server of the worker that does a step."""
    with going(on) as one:
        part = on.working(one.client, one.run)
        server = until(lambda: fork_server_of(part), "it has a fork server")
        before, killed = one.done(), time.monotonic()
        server.kill()
        goes_on(on, one, "kill -9 of a fork server", killed, before)
    on.tally.counts["kills of a fork server with a step"] += 1


def kill_driver(on: PipelineGround) -> None:
    """Kill the API process that conducts a run."""
    _end_driver(on, "kill -9 of the driver", lambda part: part.kill())


def stop_driver(on: PipelineGround) -> None:
    """End the API process that conducts a run as an operator does, by SIGTERM."""

    def end(part: Part) -> float:
        part.killed = True
        part.popen.terminate()
        return time.monotonic()

    _end_driver(on, "SIGTERM of the driver", end)


def _end_driver(on: PipelineGround, fault: str, end: Callable[[Part], float]) -> None:
    with going(on) as one:
        part = on.conducting(one.client, one.run)
        starts, before, ended = part.starts, one.done(), end(part)
        taken_over(on, one, part, fault, ended)
        goes_on(on, one, fault, ended, before)
    on.tally.counts[f"{fault}"] += 1
    until(lambda: part.starts > starts, f"{part.name} starts again")  # it may still be stopping
    on.ready(part)


def pause_driver(on: PipelineGround) -> None:
    """SIGSTOP of the API process that conducts a run, until another one does; then SIGCONT."""
    fault = "SIGSTOP of the driver"
    with going(on) as one:
        part = on.conducting(one.client, one.run)
        before = one.done()
        urls, on.urls = on.urls, {name: url for name, url in on.urls.items() if name != part.name}
        part.pause()
        try:
            paused = time.monotonic()
            taken_over(on, one, part, fault, paused)
            goes_on(on, one, fault, paused, before)
        finally:
            part.resume()
            on.urls = urls
    on.tally.counts[fault] += 1
    on.ready(part)


def taken_over(on: PipelineGround, one: Going, part: Part, fault: str, since: float) -> None:
    """Wait until another attempt of a run is conducted."""

    def again() -> bool:
        seen = one.client.seen(one.run)
        return seen["attempt"] > 1 and seen["status"] != "open"

    until(again, f"{fault}, {part.name}: another process conducts its run", 120, 0.05)
    on.tally.recovered(f"{fault}: another process conducts its run", time.monotonic() - since)


FAULTS = (kill_worker, kill_fork_server, kill_driver, pause_driver, stop_driver)
