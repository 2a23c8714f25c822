"""A fold that raises: the process says so, lets go of all who wait, and ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from autolearn.api.server.app import make_app
from autolearn.api.state.context import ApiContext, make_context
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.eventlog.log import Log
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.storage.memory import MemoryStore
from autolearn.schemas.codec import EventRecord, encode, raw
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.events import SessionCommitted, TermStarted
from autolearn.schemas.messages import Event, type_of
from tests.api.system.test_process import environment
from tests.support.api_assertions import problem
from tests.support.api_processes import Api
from tests.support.settings import settings_of
from tests.support.waiting import soon

SESSION = "session/00000000-0000-4000-8000-000000000000"


def break_log(log: Log, topic: str) -> None:
    """Append an event that counts, and that no fold can take: of a session that is not open."""

    def append(what: Event, subject: str, offset: int) -> None:
        record = EventRecord(
            id=f"0-{offset}",
            source="tests",
            type=type_of(type(what)),
            subject=subject,
            time="2026-01-01T00:00:00.000Z",
            sequence=max(0, offset + 1),
            causationid=f"c{offset}",
            commandoffset=offset,
            prev=-1,
            term=1000,
            data=raw(what),
        )
        log.append(topic, encode(record), key=subject, partition=0)

    append(TermStarted("tests"), "partition/0", -1)
    append(SessionCommitted((), ()), SESSION, 0)


def test_the_process_ends_with_the_reason(kafka: str, tmp_path: Path):
    settings = environment(tmp_path, kafka)
    with Api(tmp_path, settings, instance="0") as api:
        api.client().close()
        log = KafkaLog(kafka)
        break_log(log, f"{settings['AUTOLEARN_TOPIC_PREFIX']}.events")
        log.close()
        assert api.popen.wait(60) == 70
        assert "for a session that is not open" in api.log.read_text()
    with Api(tmp_path, settings, instance="0") as api:
        assert api.popen.wait(60) == 70, "also when it happens before it is ready"
        assert api.popen.stdout is not None
        assert "ready" not in api.popen.stdout.read()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[ApiContext, httpx.AsyncClient, MemoryLog]]:
    """An app on a log in memory, without deciders, and a client of it."""
    log = MemoryLog()
    settings = settings_of(partitions=1, instance="tests", auth="none")
    store = ArtifactStore(folder.as_uri())
    context = make_context(settings, log, MemoryStore(), store, folder, on_failure=lambda: None)
    app = make_app(context)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
    ):
        await context.reader.until_ready()
        yield context, http, log


def test_health_is_red_and_nobody_waits_for_ever(tmp_path: Path):
    async def story() -> None:
        async with running(tmp_path) as (context, http, log):
            for health in ("live", "ready"):
                assert (await http.get(f"/health/{health}")).status_code == 200
            slow = asyncio.create_task(http.post("/v1/sessions", headers={"Prefer": "wait=300"}))
            await soon(lambda: context.arrivals.waiting)
            break_log(log, context.topics.events.name)
            async with asyncio.timeout(10):
                pending = await slow
            assert pending.status_code == 202, "it is on the log: another process will know"
            for health in ("live", "ready"):
                answer = await http.get(f"/health/{health}")
                assert (answer.status_code, answer.json()["status"]) == (503, "failed")
                assert "for a session that is not open" in answer.json()["detail"]
            problem(await http.get("/v1/sessions"), 503, "not-ready", "not open")
            problem(await http.post("/v1/sessions"), 503, "not-ready", "not open")
            with pytest.raises(AutoLearnError, match="not open"):
                await context.reader.until_ready()

    asyncio.run(story())
