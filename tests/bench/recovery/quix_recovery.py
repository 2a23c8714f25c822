"""`PYTHON quix_recovery.py BOOTSTRAP SOURCE`: recover a Quix Streams state store, time it.

A process of its own, with the Python of `requirements/bench.txt`, which has nothing of ours. The
clock runs while Quix's recovery runs, as its log says. Then one event of the source topic is
processed, whose change Quix has left out, because it was not committed: the state must hold the row
of its session as the event before left it. Prints one line of JSON: the seconds.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import tempfile
from typing import Any

from quixstreams import Application

GROUP = "bench-quix"


class Clock(logging.Handler):
    """Notes when recovery began and when it was complete (time of the log's record)."""

    def __init__(self) -> None:
        super().__init__()
        self.began = self.ended = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg.startswith("Beginning recovery check"):
            self.began = record.created
        elif record.msg.startswith("Recovery process complete"):
            self.ended = record.created


def recovered(bootstrap: str, source: str, folder: str) -> float:
    """Run the application until it has seen an event; return the seconds of the recovery."""
    clock = Clock()
    logging.getLogger("quixstreams.state.recovery").addHandler(clock)
    app = Application(
        broker_address=bootstrap,
        consumer_group=GROUP,
        state_dir=folder,
        auto_offset_reset="earliest",
        loglevel="INFO",
    )
    seen: list[tuple[int, int]] = []

    def look(event: bytes, state: Any) -> None:
        if not seen:
            seen.append((state.get("row")["sequence"], json.loads(event)["sequence"]))
            app.stop()

    topic = app.topic(source, key_deserializer="bytes", value_deserializer="bytes")
    app.dataframe(topic).update(look, stateful=True)
    app.run()
    assert seen[0][0] == seen[0][1] - 1, seen
    return clock.ended - clock.began


if __name__ == "__main__":
    signal.alarm(600)  # nobody may be left to end it
    with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder:
        seconds = recovered(sys.argv[1], sys.argv[2], folder)
    print(json.dumps({"seconds": seconds}), flush=True)
