"""The command line of the processes that answer HTTP: an address, a port, and how they end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from autolearn.runtime.process import end_with_parent, failed, read_settings
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.settings import Settings

_SWITCH = 0.0005
"""Seconds after which a thread yields to another. With Python's 5 ms a query of the past takes
three times as long beside a folding thread, because it waits so long after each of its reads."""


def parser_of(prog: str, description: str, port: str) -> argparse.ArgumentParser:
    """Return the parser of a process type; `port` is the setting with its port."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--host", help="address to listen on (default: AUTOLEARN_API_HOST)")
    parser.add_argument("--port", type=int, help=f"port, 0 for a free one (default: {port})")
    parser.add_argument(
        "--with-parent", action="store_true", help="end with the process that started this one"
    )
    return parser


def run(
    options: argparse.Namespace,
    port_of: Callable[[Settings], int],
    serve: Callable[[Settings, str, int], int],
) -> int:
    """Serve with the settings at an address, and return the exit code.

    `port_of` the settings is used without an option.
    """
    if options.with_parent:
        end_with_parent()
    sys.setswitchinterval(_SWITCH)
    try:
        settings = read_settings()
        port = port_of(settings) if options.port is None else options.port
        return serve(settings, options.host or settings.api.host, port)
    except AutoLearnError as error:
        return failed(error)
