"""What every process of ours does at its start: settings, folder, lock, logs, the log itself."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from autolearn.runtime.child_process import child_environment, python_command
from autolearn.runtime.home import home_of
from autolearn.runtime.variables import variables
from autolearn.schemas.settings import Settings, load

__all__ = ["Child", "child", "end_with_parent", "read_settings", "say_ready"]


def read_settings() -> Settings:
    """Return the settings from the environment and the files `.env` (`runtime.variables`).

    Raises:
        SettingsError: a variable is unknown, or its value does not fit; a `.env` cannot be read.
    """
    return load(variables())


class Child(NamedTuple):
    """How a module of ours is run as a process of its own."""

    command: list[str]
    environment: dict[str, str]
    folder: Path


def child(module: str, *arguments: str) -> Child:
    """Return how a module is run with our settings: in the home, whatever folder we are in.

    Paths among the arguments must be absolute.
    """
    given = variables()
    folder = home_of(load(given))
    return Child(python_command(module, *arguments), child_environment(given), folder)


def say_ready(what: str = "") -> None:
    """Tell whoever started this process that it is ready: one line on standard output."""
    print(f"ready {what}".rstrip(), flush=True)


def end_with_parent() -> None:
    """End this process by SIGTERM when the one that started it ends, however it ends.

    The parent holds the other end of standard input; the system closes it with the parent.
    """

    def wait_for_end() -> None:
        # Of a socket in which the parent left something unread, the end is a reset connection.
        with suppress(ConnectionResetError):
            while os.read(0, 4096):
                continue
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_end, name="end-with-parent", daemon=True).start()
