"""A Dask cluster on this machine: a scheduler and workers, each a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from autolearn.eventlog.embedded.probe import free_ports

_ROOT = Path(__file__).parents[3]


class LocalDask:
    """A scheduler at `address`, and workers that can be killed."""

    def __init__(self, folder: Path, *options: str, protocol: str = "tcp") -> None:
        self.folder, self.options, self.protocol = folder, options, protocol
        (self.port,) = free_ports(1)
        self.address = f"{protocol}://127.0.0.1:{self.port}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.start_scheduler()

    def start_scheduler(self) -> None:
        """Start a scheduler at the address."""
        given = ("--host", "127.0.0.1", "--port", str(self.port), "--protocol", self.protocol)
        self.scheduler = self._start("dask_scheduler", *given)

    def start_worker(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a worker with one thread."""
        given = (self.address, "--nthreads", "1", "--no-nanny", "--memory-limit", "0", *options)
        worker = self._start("dask_worker", *given)
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        """Kill everything."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _start(self, module: str, *given: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{module}.log").open("ab")
        command = [sys.executable, "-m", f"distributed.cli.{module}", *given, "--no-dashboard"]
        with log:
            return subprocess.Popen(
                [*command, *self.options],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(_ROOT), "DASK_CONFIG": str(self.folder)},
                stdout=log,
                stderr=log,
            )
