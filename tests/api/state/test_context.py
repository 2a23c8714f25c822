"""The life of the components of one process: what was made ends, in the order from the last."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from autolearn.api.state.context import make_context
from autolearn.api.state.dead_letters import DeadLetters
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.storage.memory import MemoryStore
from tests.support.settings import settings_of


class Closing(MemoryStore):
    """A store that knows whether it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


def test_no_member_is_forgotten_when_another_cannot_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(_: object) -> None:
        raise OSError("It cannot be stopped.")

    monkeypatch.setattr(DeadLetters, "close", fail)
    store, before = Closing(), set(threading.enumerate())

    async def story() -> None:
        artifacts = ArtifactStore((tmp_path / "artifacts").as_uri())
        settings = settings_of(partitions=1, instance="tests")
        context = make_context(settings, MemoryLog(), store, artifacts, tmp_path, lambda: None)
        async with asyncio.timeout(20), context.lifetime:
            context.reader.start()
            await context.reader.until_ready()
            await context.executors.lists.run(lambda: None)
            await context.trail.until_holds(10)
            assert {"feed", "trail", "heartbeats", "brokers"} <= names() - {t.name for t in before}
        left = names() - {thread.name for thread in before}
        assert {one for one in left if not one.startswith("asyncio_")} <= {"brokers"}
        assert context.brokers.stopped.is_set()

    with pytest.raises(OSError, match="cannot be stopped"):
        asyncio.run(story())
    assert store.closed


def names() -> set[str]:
    """The names of the threads that run."""
    return {thread.name for thread in threading.enumerate()}
