"""`make fuzz`, or `python -m tests.fuzz [SEED [REQUESTS]]`: fuzz the HTTP API; build/fuzz.json.

The same seed makes the same requests, as far as the ids in them are the same.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.fuzz.fuzzing import fuzz
from tests.fuzz.world import world

RESULT = Path("build/fuzz.json")
REQUESTS = 21_000


def main(seed: int, wanted: int) -> int:
    """Run it, and return the exit code."""
    print(f"seed {seed}, {wanted} requests at least", flush=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, world(Path(folder)) as on:
        report = fuzz(on, seed, wanted)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    for fault in report.faults:
        print(fault)
    print(
        f"{report.requests} requests in {report.seconds:g} s: "
        f"{report.server_errors} server errors, "
        f"{report.schema_violations} schema violations, {report.crossings} crossings"
    )
    return 0 if report.clean else 1


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(main(given[0] if given else time.time_ns() % 2**32, (given[1:] or [REQUESTS])[0]))
