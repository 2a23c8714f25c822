"""The start of every process: settings, folder, lock, logs, the log itself."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from autolearn.runtime.child_process import child_environment, python_command
from autolearn.runtime.home import home_of
from autolearn.runtime.variables import variables
from autolearn.schemas.errors import AlreadyRunning, AutoLearnError, SettingsError
from autolearn.schemas.settings import Settings, load


def read_settings() -> Settings:
    """Return the settings from the environment and the files `.env` (`runtime.variables`).

    Raises:
        SettingsError: a variable is unknown, or its value does not fit; a `.env` cannot be read.
    """
    return load(variables())


class Child(NamedTuple):
    """The command line and environment of a module as a process of its own."""

    command: list[str]
    environment: dict[str, str]
    folder: Path


def child(module: str, *arguments: str) -> Child:
    """Return the process of a module with our settings: in the home, not the current folder.

    Paths among the arguments must be absolute.
    """
    given = variables()
    folder = home_of(load(given))
    return Child(python_command(module, *arguments), child_environment(given), folder)


def failed(error: AutoLearnError) -> int:
    """Say on standard error why a process ends, and return its exit code.

    2: a setting does not fit; 4: another process holds the instance's name; 3: all else.
    """
    print(error.diagnostics(), file=sys.stderr)
    if isinstance(error, SettingsError):
        return 2
    return 4 if isinstance(error, AlreadyRunning) else 3


def say_ready(what: str = "") -> None:
    """Report to the parent that this process is ready: one line on standard output."""
    print(f"ready {what}".rstrip(), flush=True)


def end_with_parent() -> None:
    """End this process by SIGTERM when its parent ends, in any way.

    The parent holds the other end of standard input; the system closes it with the parent.
    """

    def wait_for_end() -> None:
        # If the parent left something unread in a socket, its end is a reset connection.
        with suppress(ConnectionResetError):
            while os.read(0, 4096):
                continue
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_end, name="end-with-parent", daemon=True).start()
