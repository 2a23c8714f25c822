"""Our processes as tests start them: for real, with a home and topics of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

import httpx


class Process:
    """One `python -m MODULE ARGUMENTS…`; what it logs is in `folder/<name>.log`."""

    def __init__(self, folder: Path, name: str, environment: dict[str, str], *command: str) -> None:
        self.log = folder / f"{name}.log"
        clean = {k: v for k, v in os.environ.items() if not k.startswith("AUTOLEARN_")}
        clean["AUTOLEARN_AUTH"] = "none"  # what is about identity says so itself
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=folder,
                env=clean | environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def ready(self, seconds: float = 240) -> str:
        """Wait for the line `ready …`, and return what follows the word."""
        assert self.popen.stdout is not None
        timer = threading.Timer(seconds, self.popen.kill)
        timer.start()
        try:
            for line in self.popen.stdout:
                if line.startswith("ready"):
                    return line.removeprefix("ready").strip()
        finally:
            timer.cancel()
        raise AssertionError(f"not ready in {seconds} s: {self.log.read_text()[-3000:]}")

    def stop(self) -> int:
        """End it in good order; return its exit code."""
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            return self.popen.wait(20)
        finally:
            self.popen.kill()
            self.popen.wait()
            if self.popen.stdout is not None:
                self.popen.stdout.close()


class Api(Process):
    """One API process, on a free port."""

    def __init__(
        self, folder: Path, environment: dict[str, str], *options: str, instance: str
    ) -> None:
        environment = environment | {"AUTOLEARN_INSTANCE": instance}
        arguments = ("autolearn.api", "--port", "0", *options)
        super().__init__(folder, f"api-{instance}", environment, *arguments)

    def client(self) -> httpx.Client:
        """Wait until it is ready, and return a client of it."""
        self.url = self.ready()
        return httpx.Client(base_url=self.url, timeout=60, trust_env=False, verify=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
