"""`python kedro_peer.py`: what Kedro's runners take for the same pipelines; a line of JSON.

It runs in an environment of its own (requirements/peer-kedro.txt), and imports nothing of ours.
Its nodes are functions in processes of its own too (ParallelRunner), which has no cache, no log and
no encryption. The datasets between nodes are in memory, shared by its manager.
"""

from __future__ import annotations

import json
import time

from kedro.io import SharedMemoryDataCatalog
from kedro.pipeline import node, pipeline
from kedro.runner import ParallelRunner

STEPS, WIDE, SLEEP, SLOTS = 10, 100, 0.1, 2


def nothing(value: int) -> int:
    return value


def slept(value: int) -> int:
    time.sleep(SLEEP)
    return value


def first() -> int:
    return 1


def chain() -> object:
    nodes = [node(first, None, "d0", name="n0")]
    nodes += [node(nothing, f"d{at - 1}", f"d{at}", name=f"n{at}") for at in range(1, STEPS + 1)]
    return pipeline(nodes)


def fan() -> object:
    nodes = [node(first, None, "d", name="n")]
    nodes += [node(slept, "d", f"s{at}", name=f"s{at}") for at in range(WIDE)]
    return pipeline(nodes)


def seconds(of: object) -> float:
    began = time.perf_counter()
    ParallelRunner(max_workers=SLOTS).run(of, SharedMemoryDataCatalog())
    return time.perf_counter() - began


def main() -> None:
    seconds(chain())  # loads what it needs
    chained = min(seconds(chain()) for _ in range(3))
    print(
        json.dumps(
            {
                "per_step_ms": 1000 * chained / (STEPS + 1),
                "fanout_ratio": seconds(fan()) / (WIDE * SLEEP / SLOTS),
            }
        )
    )


if __name__ == "__main__":
    main()
