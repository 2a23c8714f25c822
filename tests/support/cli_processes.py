"""The command line and our tools in this process, and `autolearn up` in a process of its own."""

import functools
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple, TextIO
from unittest.mock import patch

import httpx
import psutil
import pytest
import typer

from autolearn.client.cli.app import main
from autolearn.operations import tool

built = functools.cache(typer.main.get_command)
"""The commands: Typer makes all of them anew each time, which takes longer than most of them."""
STARTED_WITHIN = 180.0
STOPPED_WITHIN = 30.0


class Ended(NamedTuple):
    """How a tool ended, its result, and what it complained about."""

    code: int
    result: Any
    err: str


class Said(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def environment(**settings: object) -> dict[str, str]:
    """This process's environment without settings of ours, and with these."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("AUTOLEARN_")}
    return plain | {f"AUTOLEARN_{k.upper()}": str(v) for k, v in settings.items()}


def autolearn(*words: object, **settings: object) -> Said:
    """Run a command in this process, as the entry point does."""
    written, err = BytesIO(), StringIO()
    out = TextIOWrapper(written, "utf-8", newline="", write_through=True)
    code: object = 0
    with (
        patch.dict(os.environ, environment(**settings), clear=True),
        patch.object(sys, "argv", ["autolearn", *map(str, words)]),
        patch.object(typer.main, "get_command", built),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return Said(code, written.getvalue().decode(), err.getvalue())


Played = Callable[[httpx.Request], httpx.Response]
"""An API that is played."""
Cli = Callable[..., Said]
"""Runs a command against it."""


class Desk:
    """A user at a machine: a config folder of one's own, and what is typed."""

    def __init__(self, home: Path, config: Path) -> None:
        self.home, self.config = home, config

    def __call__(
        self, *words: object, typed: str = "", stdin: TextIO | None = None, **settings: object
    ) -> Said:
        with (
            patch.object(sys, "stdin", stdin or StringIO(typed)),
            pytest.MonkeyPatch.context() as env,
        ):
            env.setenv("XDG_CONFIG_HOME", str(self.config))
            return autolearn(*words, home=self.home, **settings)

    def does(self, *words: object, typed: str = "", **settings: object) -> str:
        said = self(*words, typed=typed, **settings)
        assert said.code == 0, said.err
        return said.out

    def says(self, *words: object) -> Any:
        return json.loads(self.does(*words, "-o", "json"))


def run_tool(module: str, *words: object, given: Mapping[str, str]) -> Ended:
    """Run a tool (`operations.tool`) in this process: another takes longer than most of them.

    It sees these variables of ours and no others.
    """
    out, err = TextIOWrapper(BytesIO(), write_through=True), StringIO()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    code: object = 0
    with (
        patch.dict(os.environ, environment() | dict(given), clear=True),
        patch.object(sys, "argv", [module, *map(str, words)]),
        patch.object(tool, "configure_logs"),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            runpy.run_module(module, run_name="__main__")
        except SystemExit as end:
            code = end.code
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    assert isinstance(code, int), err.getvalue()
    lines = out.buffer.getvalue().splitlines()  # type: ignore[attr-defined]
    result = json.loads(lines[-1]).get("result", {}) if lines else {}
    return Ended(code, result, err.getvalue())


def command(*words: object) -> list[str]:
    """The words that run a command in a process of its own, as a user does."""
    return [str(Path(sys.executable).with_name("autolearn")), *map(str, words)]


class Up:
    """`autolearn up` on a home. `said` is what it has printed so far."""

    def __init__(self, home: Path, folder: Path | None = None, **settings: object) -> None:
        self.home, self.settings = home, settings
        self.log = home.with_name(f"{home.name}.out")
        with self.log.open("wb") as out:
            self.process = psutil.Popen(
                command("up", "--home", home, "--port", 0),
                stdout=out,
                stderr=out,
                cwd=folder,
                env=environment(**settings),
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def until(self, words: str, times: int = 1) -> None:
        """Wait until it has said something."""
        end = time.monotonic() + STARTED_WITHIN
        while self.said.count(words) < times:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, f"{words!r} does not come: {self.said}"
            time.sleep(0.05)

    def family(self) -> list[psutil.Process]:
        """All processes that it started, and what those started."""
        return self.process.children(recursive=True)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOPPED_WITHIN)


@contextmanager
def up(home: Path, folder: Path | None = None, **settings: object) -> Iterator[Up]:
    """Run `autolearn up` until the end of the block, and await that it is ready.

    It is started in `folder`, by default in this process's own.
    """
    running = Up(home, folder, **settings)
    try:
        running.until("Ctrl-C stops it.")
        yield running
    finally:
        if running.process.poll() is None:
            try:
                running.stop()
            except psutil.TimeoutExpired:
                for process in [*running.family(), running.process]:
                    process.kill()
                running.process.wait()
                raise


def run_alone(*words: object, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, with pipes."""
    return subprocess.run(
        command(*words),
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
