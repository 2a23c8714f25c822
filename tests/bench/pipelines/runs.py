"""What a step costs beside its work, a run from the cache, and a fan of steps on two slots.

Kedro's ParallelRunner does the same in the same run, in an environment of its own
(`kedro_peer`): its nodes are processes too; it has no log, no cache and no encryption.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from pathlib import Path

from autolearn.client.local.system import System
from autolearn.client.sdk.client import AsyncAutoLearn
from tests.bench.main_job import home
from tests.bench.peers import told

PEER = "build/peers/kedro/bin/python"
STEPS, WIDE, SLEEP, SLOTS, ROUNDS = 10, 100, 0.1, 2, 5
PACKAGE = f"""import time

import pyarrow as pa


def nothing(table: pa.Table, *, at: int = 0) -> pa.Table:
    \"\"\"Give the table.\"\"\"
    return table


def sleeps(table: pa.Table, *, at: int = 0) -> pa.Table:
    \"\"\"Sleep, and give the table.\"\"\"
    time.sleep({SLEEP})
    return table
"""


async def runs() -> dict[str, float]:
    """Measure a chain of steps that do nothing, run and from the cache, and a fan that sleeps."""
    async with home() as settings:
        folder = Path(settings.home, "packages")
        await asyncio.to_thread(write_package, folder)
        os.environ["PYTHONPATH"] = str(folder)
        try:
            async with (
                System(settings) as system,
                AsyncAutoLearn(system.url, token=system.token) as client,
            ):
                figures = await measured(client)
        finally:
            del os.environ["PYTHONPATH"]
    peer = await asyncio.to_thread(told, [PEER, "tests/bench/pipelines/kedro_peer.py"])
    return {
        **figures,
        "kedro_per_step_ms": peer["per_step_ms"],
        "kedro_fanout_ratio": peer["fanout_ratio"],
    }


async def measured(client: AsyncAutoLearn) -> dict[str, float]:
    """Measure one system."""
    chain = await client.pipelines.apply(
        {"pipeline": "chain", "steps": [{"source": {"dataset": "iris"}}, *steps("nothing", STEPS)]}
    )
    await chain.run()  # loads what it needs
    seconds = [await lasted(chain, no_cache=True) for _ in range(ROUNDS)]
    cached = [await lasted(chain) for _ in range(ROUNDS)]
    fan = steps("sleeps", WIDE, "source")
    wide = await client.pipelines.apply(
        {"pipeline": "fan", "steps": [{"source": {"dataset": "iris"}}, *fan]}
    )
    return {
        "pipeline_overhead_per_step_ms": 1000 * statistics.median(seconds) / STEPS,
        "cached_pipeline_10_steps_s": statistics.median(cached),
        "fanout_100_steps_ratio": await lasted(wide) / (WIDE * SLEEP / SLOTS),
    }


def steps(kind: str, many: int, source: str = "") -> list[dict[str, object]]:
    """Return steps one after the other, or all after one."""
    after = {"from": source} if source else {}
    return [{kind: {"at": at}, "name": f"s{at}", **after} for at in range(many)]


async def lasted(pipeline: object, **how: bool) -> float:
    """Return the seconds of a run."""
    began = time.perf_counter()
    await pipeline.run(**how)  # type: ignore[attr-defined]
    return time.perf_counter() - began


def write_package(folder: Path) -> None:
    """Write what pip leaves of an installed package that offers two steps."""
    info = folder / "benched-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "benched.py").write_text(PACKAGE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: benched\nVersion: 1.0\n")
    (info / "RECORD").write_text("benched.py,,\nbenched-1.0.dist-info/METADATA,,\n")
    points = "[autolearn.steps]\nnothing = benched:nothing\nsleeps = benched:sleeps\n"
    (info / "entry_points.txt").write_text(points)
