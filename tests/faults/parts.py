"""The processes of a system, each in several instances, that are killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from tests.support.waiting import until

PAUSE = 0.5
"""Seconds before a process that could not even start is started again."""


class Ended(NamedTuple):
    """A process that ended although nobody had killed it."""

    part: str
    code: int
    words: str


class Part:
    """One process of the system, started as an administrator starts it."""

    def __init__(
        self, name: str, module: tuple[str, ...], folder: Path, environment: dict[str, str]
    ) -> None:
        self.name, self.module, self.folder = name, module, folder
        self.environment = environment
        self.log = folder / f"{name}.log"
        self.wanted, self.killed, self.starts = True, False, 0
        self.start()

    def start(self) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("AUTOLEARN_")}
        self.killed, self.starts, self.began = False, self.starts + 1, time.monotonic()
        with self.log.open("ab") as log:
            self.from_here = log.tell()
            self.popen = subprocess.Popen(
                [sys.executable, "-m", *self.module],
                cwd=self.folder,
                env=clean | self.environment | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        """What it has said since its last start."""
        with self.log.open("rb") as log:
            log.seek(self.from_here)
            return log.read().decode(errors="replace")

    def is_ready(self) -> bool:
        return self.popen.poll() is None and any(
            line.startswith("ready") for line in self.said().splitlines()
        )

    def kill(self) -> float:
        """kill -9; whoever keeps the fleet starts it again. Return when that was."""
        self.killed = True
        self.popen.kill()
        return time.monotonic()

    def pause(self) -> None:
        self.popen.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.popen.send_signal(signal.SIGCONT)


class Fleet:
    """All processes, and what a service manager does for them: who ends is started again."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.parts: dict[str, Part] = {}
        self.ended: list[Ended] = []
        self.closing = threading.Event()
        self.keeper = threading.Thread(target=self.keep, name="keeper", daemon=True)
        self.keeper.start()

    def add(self, name: str, *module: str, **environment: str) -> Part:
        """Start a process `TYPE-INSTANCE`, and keep it running."""
        more = {"AUTOLEARN_INSTANCE": name.partition("-")[2], **environment}
        part = Part(name, module, self.folder, self.environment | more)
        self.parts = {**self.parts, name: part}
        return part

    def of(self, kind: str) -> list[Part]:
        """The processes of a type."""
        return [part for name, part in self.parts.items() if name.startswith(f"{kind}-")]

    def __getitem__(self, name: str) -> Part:
        return self.parts[name]

    def keep(self) -> None:
        """Start again whoever has ended, until closed (in a thread)."""
        while not self.closing.wait(0.01):
            for part in self.parts.values():
                code = part.popen.poll()
                if code is None or not part.wanted:
                    continue
                if not part.killed:
                    if time.monotonic() - part.began < PAUSE:
                        continue
                    self.ended.append(Ended(part.name, code, part.said()[-2000:]))
                part.start()

    def until_ready(self, seconds: float = 90) -> None:
        until(lambda: all(p.is_ready() for p in self.parts.values() if p.wanted), "ready", seconds)

    def close(self) -> None:
        """End everything that was started here."""
        self.closing.set()
        self.keeper.join()
        for part in self.parts.values():
            if part.popen.poll() is None:
                part.resume()
                part.popen.terminate()
        for part in self.parts.values():
            try:
                part.popen.wait(15)
            except subprocess.TimeoutExpired:
                part.popen.kill()
                part.popen.wait()
