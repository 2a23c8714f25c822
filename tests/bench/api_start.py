"""How soon an API process without any read models answers: 100,000 events are on the log."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.schemas.settings import Settings
from tests.bench.served import api_of, fill
from tests.support.settings import settings_of

SESSIONS = 5_000
ROUNDS = 5


async def api_start() -> dict[str, float]:
    """Measure on a broker of its own."""
    return await asyncio.to_thread(measure)


def measure() -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory() as home,
        EmbeddedBroker(install(), Path(home) / "kafka") as broker,
    ):
        settings = settings_of(kafka=broker.bootstrap)
        fill(settings, SESSIONS)
        times = [ready(settings) for _ in range(ROUNDS)]
    return {"api_ready_from_empty_100k_s": statistics.median(times)}


def ready(settings: Settings) -> float:
    """Start a process with an empty home; return the seconds until it says that it is ready."""
    with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder:
        began = time.perf_counter()
        with api_of(settings, Path(folder)) as api:
            url = api.ready()
            assert httpx.get(f"{url}/health/ready", trust_env=False).status_code == 200
            return time.perf_counter() - began
