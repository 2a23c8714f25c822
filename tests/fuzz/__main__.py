"""`make fuzz`, or `python -m tests.fuzz [SEED [REQUESTS [BOUND_REQUESTS]]]`: build/fuzz.json.

The HTTP API is fuzzed, and then asked for what is around every bound (`tests.fuzz.bounds`).

The same seed makes the same requests, as far as the ids in them are the same.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.fuzz.bounds import around_bounds
from tests.fuzz.campaign import Report, fuzz
from tests.fuzz.world import world

RESULT = Path("build/fuzz.json")
REQUESTS, BOUND_REQUESTS = 21_000, 20_000


def main(seed: int, wanted: int, around: int) -> int:
    """Run it, and return the exit code."""
    print(f"seed {seed}, {wanted} requests at least, {around} around bounds", flush=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, world(Path(folder)) as on:
        report = fuzz(on, seed, wanted) if wanted else Report(seed)
        report.take(around_bounds(on, seed, around))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    for fault in report.faults:
        print(fault)
    print(
        f"{report.requests} requests in {report.seconds:g} s: "
        f"{report.server_errors} server errors, "
        f"{report.schema_violations} schema violations, {report.crossings} crossings; "
        f"{report.bound_requests} around bounds: {report.restarts} restarts"
    )
    return 0 if report.clean else 1


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    chosen = [time.time_ns() % 2**32, REQUESTS, BOUND_REQUESTS]
    sys.exit(main(*given, *chosen[len(given) :]))
