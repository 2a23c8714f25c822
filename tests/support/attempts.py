"""A runner of attempts without a worker around it."""

from __future__ import annotations

import asyncio

from autolearn.agents.command_client import CommandClient
from autolearn.agents.executors.local.executor import LocalExecutor
from autolearn.agents.worker.attempt_runner import AttemptRunner
from autolearn.eventlog.encryption.session_cipher import open_vault
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.work.open_runs import OpenRuns
from autolearn.runtime.home import artifacts_url
from autolearn.runtime.meter import Meter
from autolearn.schemas.actors import worker
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

WORKER = "host-0-0123456789ab"


def attempt_runner(settings: Settings, log: MemoryLog) -> AttemptRunner:
    """The real parts of a worker whose executor is not started; nothing is on its log."""
    vault = open_vault(settings, log)
    actor, source = worker(WORKER), f"work/{WORKER}"
    commands = CommandClient(log, Topics.of(settings), actor, source, vault)
    return AttemptRunner(
        worker=WORKER,
        settings=settings.workers,
        commands=commands,
        vault=vault,
        executor=LocalExecutor(artifacts_url(settings)),
        runs=OpenRuns(MemoryStore()),
        meter=Meter("work"),
        changed=asyncio.Event(),
    )
