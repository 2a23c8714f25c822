"""`autolearn up` for tests: the real processes, on the tests' broker, with topics of their own."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from autolearn.client.local.system import System
from autolearn.client.sdk.client import AutoLearn
from autolearn.schemas.settings import Settings
from tests.support.settings import FEW_PARTITIONS, settings_of

QUICK = {"session_timeout": 3.0, "worker_timeout": 3.0, "heartbeat": 0.3} | FEW_PARTITIONS
"""Settings under which a loss is noticed soon, and a start is quick."""


class RunningSystem:
    """A system that runs, and a client of it."""

    def __init__(self, settings: Settings) -> None:
        self.said: list[str] = []
        self.settings = settings
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def start(self) -> None:
        self.system = System(self.settings, self.said.append)
        self.started = ExitStack()
        self.started.callback(lambda: self.wait_for(self.system.stop()))
        self.wait_for(self.system.start())
        self.client = AutoLearn(self.system.url)
        self.started.callback(self.client.close)

    def stop(self) -> None:
        """Stop what was started, also if a start has failed half-way."""
        self.started.close()

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def pid(self, name: str) -> int:
        """The process id of a part: agents, workers, api."""
        return self.system.processes[name].pid

    def wait_for(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)


@contextmanager
def running_system(kafka: str, home: Path, **settings: Any) -> Iterator[RunningSystem]:
    prefix = f"system-{uuid.uuid4().hex[:8]}"
    system = RunningSystem(
        settings_of(
            home=str(home),
            kafka=kafka,
            api_port=0,
            topic_prefix=prefix,
            **({"auth": "none"} | QUICK | settings),
        )
    )
    try:
        system.start()
        yield system
    finally:
        system.stop()
        system.end()
