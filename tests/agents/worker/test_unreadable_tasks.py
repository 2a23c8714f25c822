"""A worker that cannot decrypt a task gives the attempt back, unless its session has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from autolearn.agents.executors.executor import Limits
from autolearn.agents.worker.attempt_runner import AttemptRunner, Opened, WorkerAttempt
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.work.open_runs import OpenRuns
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, raw
from autolearn.schemas.commands import ReportRunLost
from autolearn.schemas.messages import Event, type_of
from autolearn.schemas.records.task import Task
from autolearn.schemas.values import DatasetRef
from tests.support import samples
from tests.support.attempts import WORKER, attempt_runner
from tests.support.encrypted_system import key_for, vault_of
from tests.support.settings import settings_of

SESSION = "a" * 8 + "-0000-4000-8000-000000000000"


def told(vault: SessionCipher, runs: OpenRuns, number: int, event: Event) -> None:
    """What happens in the session, encrypted as it is on the log."""
    record = EventRecord(
        id=f"0-{number}-1",
        source="tests",
        type=type_of(type(event)),
        subject=f"session/{SESSION}",
        time="2026-01-01T12:00:00.000Z",
        sequence=number,
        term=1,
        data=raw(event),
    )
    runs.fold(vault.seal(record, event, key_for(vault, SESSION)), 0, number)
    runs.commit({})


@contextmanager
def started(folder: Path) -> Iterator[tuple[AttemptRunner, Task, Callable[[int, Event], None]]]:
    """A runner with a run that it has started, the run's task, and what tells of more events."""
    log = MemoryLog()
    runner = attempt_runner(settings_of(home=str(folder)), log)
    with vault_of(log) as vault:
        tell = partial(told, vault, runner.runs)
        tell(1, samples.training_requested("t1"))
        tell(2, events.RunStarted("t1", 1, WORKER))
        run = runner.runs.get(f"session/{SESSION}", "t1")
        assert run is not None
        yield runner, Task("training", "t1", run.stream, 1, run.request, 0, 0), tell


def test_what_is_cancelled_while_it_is_opened_is_not_started(tmp_path: Path):
    async def story() -> None:
        with started(tmp_path) as (runner, task, tell):

            def meanwhile(task: Task) -> Any:
                tell(3, events.RunCancelled("t1"))
                return Opened(task.request, Limits(1.0, 256), DatasetRef("x", "a" * 64), b"", b"")

            runner.open = meanwhile  # type: ignore[method-assign]
            with mock.patch.object(runner.executor, "start", side_effect=AssertionError):
                assert await runner.do(WorkerAttempt(task, None)) is None

    asyncio.run(story())


@pytest.mark.parametrize("ended", [False, True])
def test_what_cannot_be_decrypted_is_given_back_or_not_wanted(tmp_path: Path, ended: bool):
    async def story() -> None:
        with started(tmp_path) as (runner, task, tell):
            opened = runner.open

            def meanwhile(task: Task) -> Any:
                found = opened(task)
                if ended:
                    tell(3, events.SessionDiscarded(("t1",)))
                return found

            runner.open = meanwhile  # type: ignore[method-assign]
            given_back = await runner.do(WorkerAttempt(task, None))
            assert given_back == (None if ended else ReportRunLost("t1", 1, WORKER))

    asyncio.run(story())
