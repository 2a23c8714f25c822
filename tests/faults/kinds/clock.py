"""A worker whose clock is an hour off."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.faults.ground import Ground
from tests.support import log_checker
from tests.support.waiting import until

HOUR = 3600


def can_shift() -> bool:
    """Whether this machine can compile the few lines of C that move a process's clock."""
    return shutil.which("cc") is not None


def shift_clock(ground: Ground, seconds: int) -> None:
    """Let only workers with a wrong clock work, and see that the runs do not care."""
    library = ground.folder / "clock.so"
    if not library.exists():
        source = Path(__file__).with_name("clock.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    off = {"LD_PRELOAD": str(library), "FAULTS_CLOCK_SHIFT": str(seconds)}
    for part in ground.fleet.of("work"):
        part.environment = {**part.environment, **off}
        starts = part.starts
        part.kill()
        until(lambda p=part, s=starts: p.starts > s, f"{part.name} starts again")
    ground.fleet.until_ready()
    with ground.client() as client:
        session = client.open()
        run = client.train(session, {"estimator": "decision-tree", "dataset": "iris"})
        done = client.ended(session, "training", run)
    assert done["status"] == "completed", done
    # The worker's clock shows where it says when its attempt began; the log's order does not care.
    heard = now_of(ground, done["worker"])
    assert abs(heard - datetime.now(UTC) - timedelta(seconds=seconds)) < timedelta(minutes=5)
    for part in ground.fleet.of("work"):
        part.environment = {k: v for k, v in part.environment.items() if k not in off}
        part.kill()
    ground.tally.counts["clock_shifts"] += 1


def now_of(ground: Ground, worker: str) -> datetime:
    """What a worker's newest heartbeat says that the time is."""
    (beats,) = log_checker.read_topic(ground.kafka, f"{ground.prefix}.workers").values()
    newest = [json.loads(beat.value or b"") for beat in beats if beat.key == worker.encode()][-1]
    return datetime.fromisoformat(newest["time"])
