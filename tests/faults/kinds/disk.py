"""A disk that is full: under the read models of a process, and under the broker.

The disk is a small tmpfs, which only root can mount.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.probe import free_ports
from tests.faults.ground import Ground
from tests.faults.load import Client
from tests.support.waiting import until


def can_mount() -> bool:
    """Whether this process may mount a tmpfs."""
    return os.geteuid() == 0


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of its own at a folder."""
    folder.mkdir(parents=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "faults", folder], check=True
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextlib.contextmanager
def full(disk: Path, left: int = 0) -> Iterator[None]:
    """Take all the space but so many bytes, and give it back."""
    ballast = disk / "ballast"
    try:
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        os.truncate(ballast, ballast.stat().st_size - left)
        yield
    finally:
        ballast.unlink()


def fill_under_api(ground: Ground, disk: Path) -> None:
    """An API process whose disk is full says so and stops; with space again, it is ready."""
    (port,) = free_ports(1)
    home = {"AUTOLEARN_HOME": str(disk)}
    part = ground.fleet.add("api-full", "autolearn.api", "--port", str(port), **home)
    ground.ready(part)

    def noticed(client: Client) -> bool:
        client.open()  # every session is a row of the read models
        return "No space left on device" in part.log.read_text()

    starts = part.starts
    with full(disk), ground.client() as client:
        until(lambda: noticed(client), "the process says that the disk is full")
        until(lambda: part.starts > starts, "it ends, and is started again")
    url = f"http://127.0.0.1:{port}"
    until(lambda: ground.digests_of(url)["views"], "with space again, the process is ready", 180)
    part.wanted = False
    part.kill()
    ground.tally.counts["disks_full"] += 1


def fill_under_broker(ground: Ground, disk: Path, broker: EmbeddedBroker) -> None:
    """A broker whose disk is full ends; what it had acknowledged is there after its restart.

    Its log is on the same disk: why it ended may not be in it.
    """

    def ended() -> bool:
        ground.probe.send(0)
        ground.probe.producer.poll(0)
        return not broker.alive

    since = ground.probe.places()
    with full(disk):
        until(ended, "the broker ends", 180)
    broker.kill()
    broker.start(120)
    ground.probe.answered(since, time.monotonic(), 180)
    ground.fleet.until_ready(180)
    ground.tally.counts["disks_full"] += 1
