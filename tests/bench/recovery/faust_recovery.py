"""`python -m tests.bench.recovery.faust_recovery BOOTSTRAP SOURCE`: recover a Faust table, time it.

A process of its own, with Faust's RocksDB store, rocksdict under it, and uvloop. The clock runs
from the assignment of the partitions until Faust says that the table is recovered. Then one event
of the source topic is processed, and the table must hold the row of its session as that event left
it. Prints one line of JSON: the seconds, and the number of rows.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from typing import Any

import faust
import msgspec
import uvloop

from tests.bench.history import PARTITIONS

APP, TABLE = "bench-faust", "sessions"
CHANGELOG = f"{APP}-{TABLE}-changelog"


async def recovered(bootstrap: str, source: str, folder: str) -> dict[str, float]:
    """Run the application until its agent has seen an event; return what it found."""
    app = faust.App(
        APP,
        broker=f"kafka://{bootstrap}",
        datadir=folder,
        store="rocksdb://",
        web_enabled=False,
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        stream_recovery_delay=0.0,
    )
    table = app.Table(TABLE, partitions=PARTITIONS, options={"driver": "rocksdict"})
    times: dict[str, float] = {}
    seen: asyncio.Future[tuple[int, Any, Any]] = asyncio.get_running_loop().create_future()

    @app.on_partitions_assigned.connect
    async def assigned(*_: Any, **__: Any) -> None:
        times.setdefault("assigned", time.perf_counter())

    @table.on_recover
    async def recovered() -> None:
        times.setdefault("recovered", time.perf_counter())

    @app.agent(app.topic(source, key_type=str))
    async def look(events: Any) -> None:
        async for event in events.events():
            if not seen.done():
                seen.set_result((len(table), table.get(event.key), event.value))

    await app.start()
    crash = asyncio.ensure_future(app.wait_until_stopped())
    await asyncio.wait([seen, crash], return_when=asyncio.FIRST_COMPLETED)
    if app.crash_reason is not None:
        raise app.crash_reason
    await app.stop()
    crash.cancel()
    rows, row, event = seen.result()
    assert row is not None, event
    assert row["sequence"] == event["sequence"], (row, event)
    return {"seconds": times["recovered"] - times["assigned"], "rows": rows}


if __name__ == "__main__":
    signal.alarm(600)  # nobody may be left to end it
    with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder:
        found = uvloop.run(recovered(sys.argv[1], sys.argv[2], folder))
    print(msgspec.json.encode(found).decode(), flush=True)
