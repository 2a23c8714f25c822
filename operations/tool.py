"""The frame of our tools: processes of their own that the command line starts.

Standard output has one JSON document a line: `{"progress": {done, total, stage}}` as it goes, and
last `{"result": …}`. Errors are printed on standard error. Exit codes are those of `ExitCode`.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from autolearn.runtime.logs import configure_logs
from autolearn.runtime.process import end_with_parent, read_settings
from autolearn.schemas.errors import AutoLearnError, ExitCode
from autolearn.schemas.settings import Settings

ToolResult = tuple[Any, ExitCode]
"""The result of a tool, and its exit code."""
_INTERVAL = 0.1
"""Seconds between two progress lines of a stage."""


class ProgressLines:
    """Prints stage, progress and total, seldom enough to cost nothing."""

    def __init__(self) -> None:
        self.printed, self.stage = 0.0, ""

    def __call__(self, done: int, total: int, stage: str = "") -> None:
        """Print a progress line, if it is due."""
        now = time.monotonic()
        if stage != self.stage or done == total or now - self.printed > _INTERVAL:
            self.printed, self.stage = now, stage
            progress = {"done": done, "total": total, "stage": stage}
            print(json.dumps({"progress": progress}), flush=True)


def run_as_tool(
    work: Callable[[Settings, argparse.Namespace, ProgressLines], ToolResult],
    parser: argparse.ArgumentParser,
) -> NoReturn:
    """Run `work` with the settings and the arguments, print its result, and exit.

    The first SIGINT or SIGTERM raises KeyboardInterrupt in it; further ones do not disturb the
    cleaning up. With `--with-parent` it ends with the process that started it.
    """
    parser.add_argument("--with-parent", action="store_true")
    chosen = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    sys.exit(_run(work, chosen))


def _run(
    work: Callable[[Settings, argparse.Namespace, ProgressLines], ToolResult],
    chosen: argparse.Namespace,
) -> ExitCode:
    if chosen.with_parent:
        end_with_parent()
    try:
        settings = read_settings()
        configure_logs(settings.observability)  # standard output is for the documents alone
        result, code = work(settings, chosen, ProgressLines())
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except AutoLearnError as error:
        print(error.diagnostics(), file=sys.stderr)
        return error.exit_code
    except Exception:  # noqa: BLE001 - Python's exit code would be NO
        traceback.print_exc()
        return ExitCode.FAULT
    sys.stdout.buffer.write(msgspec.json.encode({"result": result}) + b"\n")
    return code


def _interrupt(*_: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
