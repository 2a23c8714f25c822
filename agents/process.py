"""Runs process types until a signal ends them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Protocol, runtime_checkable

import structlog
from aiokafka.errors import KafkaError

from autolearn.agents.delivery_watch import Deliveries
from autolearn.agents.fail_stop import spawn
from autolearn.eventlog.kafka.connect import brokers, open_log
from autolearn.eventlog.log import START_TIMEOUT, Log
from autolearn.runtime.home import lock, state_folder
from autolearn.runtime.meter import Meter
from autolearn.runtime.process import say_ready
from autolearn.runtime.prometheus_server import exposed
from autolearn.runtime.watchdog import Watchdog, teller
from autolearn.schemas.errors import LogError
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

TYPES = ("decide", "dispatch", "supervise", "monitor", "work")
_STOPPING = 12.0
"""Seconds that a process may take to stop: without brokers its consumers would never leave."""
logger = structlog.get_logger(__name__)


class _Agent(Protocol):
    """A part of a process: a Faust application, with steps before its start and after its end."""

    app: Any
    deliveries: Deliveries

    async def start(self) -> None:
        """Make ready, before the applications start."""

    async def ready(self) -> None:
        """Return once it can do its work."""

    async def stop(self) -> None:
        """Release everything, after the applications have stopped."""


@runtime_checkable
class _Draining(Protocol):
    """An agent that ends what it has begun, before the process stops."""

    async def drain(self) -> None:
        """Return when that has ended, or has had its time."""


async def main(types: Sequence[str], settings: Settings) -> None:
    """Run the process types until SIGTERM or SIGINT.

    Raises:
        AutoLearnError: they cannot start.
    """
    address = brokers(settings)
    log = open_log(settings)
    meter = Meter(*types)
    with ExitStack() as held:
        for name in types:
            folder = state_folder(settings, name)
            path = folder.with_name(f"{folder.name}.lock")
            held.enter_context(lock(path, f"`autolearn run {name}`"))
        held.enter_context(exposed(meter, settings, f"{'-'.join(types)}-{settings.instance}"))
        dog = Watchdog(teller())
        dog.watch("the event loop", asyncio.get_running_loop())
        dog.start()  # before the wait for brokers: a waiting process does not hang
        await asyncio.to_thread(log.create, Topics.of(settings).all(), START_TIMEOUT)
        await _run(_agents_of(types, settings, log, address, meter), dog)
        await asyncio.to_thread(log.close)


def _agents_of(
    types: Sequence[str], settings: Settings, log: Log, address: str, meter: Meter
) -> list[_Agent]:
    """Return the agents of the process types."""
    # Imported here, so that a process loads only what it runs.
    agents: list[_Agent] = []
    if "decide" in types:
        from autolearn.agents.command_handling.agent import DecideAgent

        agents.append(DecideAgent(settings, log, address, meter))
    if "dispatch" in types:
        from autolearn.agents.dispatch.agent import DispatchAgent

        agents.append(DispatchAgent(settings, log, address, meter))
    if "supervise" in types:
        from autolearn.agents.supervision.agent import SuperviseAgent

        agents.append(SuperviseAgent(settings, log, address, meter))
    if "monitor" in types:
        from autolearn.agents.monitor.agent import MonitorAgent

        agents.append(MonitorAgent(settings, log, address, meter))
    if "work" in types:
        from autolearn.agents.worker.worker import Worker

        agents.append(Worker(settings, log, address, meter))
    return agents


async def _run(agents: Sequence[_Agent], dog: Watchdog) -> None:
    """Run agents until a signal comes, or one of their applications crashes."""
    stop, hurry = asyncio.Event(), asyncio.Event()

    def signalled() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signalled)
    apps = [agent.app for agent in agents]
    await asyncio.gather(*(agent.start() for agent in agents))
    await asyncio.gather(*(start(app) for app in apps))
    for app in apps:
        dog.watch(f"the consumer of {app.conf.id}", app.consumer._thread.thread_loop)
    logger.info("running", apps=[app.conf.id for app in apps])
    ready = spawn(_announce_ready(agents), "the process cannot be made ready")
    watching = [
        spawn(agent.deliveries.watch(), "what is delivered cannot be watched") for agent in agents
    ]
    crashed = [asyncio.ensure_future(app.wait_until_stopped()) for app in apps]
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait([stopping, *crashed], return_when=asyncio.FIRST_COMPLETED)
    drains = [agent.drain() for agent in agents if isinstance(agent, _Draining)]
    draining, hurried = asyncio.gather(*drains), asyncio.ensure_future(hurry.wait())
    await asyncio.wait([draining, hurried, *crashed], return_when=asyncio.FIRST_COMPLETED)
    logger.info("stopping")
    asyncio.get_running_loop().call_later(_STOPPING, _give_up, 0 if stop.is_set() else 70)
    for watch in watching:
        watch.cancel()
    await asyncio.gather(*(app.stop() for app in apps))
    await asyncio.gather(*(agent.stop() for agent in agents))
    for task in (stopping, hurried, draining, ready, *crashed):
        task.cancel()
    for app in apps:
        if app.crash_reason is not None:
            raise app.crash_reason


def _give_up(code: int) -> None:
    """End the process, which cannot leave its groups: others will take over its work."""
    logger.warning(
        "stopping has no end, perhaps for want of brokers: the process ends", after=_STOPPING
    )
    os._exit(code)


async def _announce_ready(agents: Sequence[_Agent]) -> None:
    await asyncio.gather(*(agent.ready() for agent in agents))
    say_ready()


async def start(app: Any) -> None:
    """Start a Faust application.

    Raises:
        LogError: no broker answers.
    """
    app.finalize()
    try:
        await app.start()
    except KafkaError as error:
        raise LogError(
            f"{app.conf.id} cannot join its group on {app.conf.broker}: {error!r}.",
            advice="Check that the brokers run, and AUTOLEARN_KAFKA.",
        ) from None
