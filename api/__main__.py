"""`python -m autolearn.api [--services …] [--host …] [--port …]`: one API process.

Exit codes: 0 stopped by a signal, 2 bad arguments or settings, 3 no Kafka, 4 another process holds
this instance's name, 70 fail stop.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from autolearn.api.server.app import SERVICES, make_app
from autolearn.api.server.server import serve
from autolearn.runtime.process import end_with_parent, read_settings
from autolearn.schemas.errors import AlreadyRunning, AutoLearnError, SettingsError

_SWITCH = 0.0005
"""Seconds after which a thread yields to another. With Python's 5 ms a query of the past takes
three times as long beside a folding thread, because it waits so long after each of its reads."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the API, and return the exit code."""
    parser = argparse.ArgumentParser(prog="autolearn run api", description="Serve the REST API.")
    parser.add_argument(
        "--services",
        type=_names,
        default=tuple(SERVICES),
        help=f"comma-separated, of {', '.join(SERVICES)} (default: all)",
    )
    parser.add_argument("--host", help="address to listen on (default: AUTOLEARN_API_HOST)")
    parser.add_argument("--port", type=int, help="port, 0 for a free one (AUTOLEARN_API_PORT)")
    parser.add_argument(
        "--with-parent", action="store_true", help="end with the process that started this one"
    )
    options = parser.parse_args(arguments)
    if options.with_parent:
        end_with_parent()
    sys.setswitchinterval(_SWITCH)
    try:
        settings = read_settings()
        host = options.host or settings.api.host
        port = settings.api.port if options.port is None else options.port
        return serve(settings, partial(make_app, services=options.services), host, port)
    except AutoLearnError as error:
        print(error.diagnostics(), file=sys.stderr)
        return (
            2 if isinstance(error, SettingsError) else 4 if isinstance(error, AlreadyRunning) else 3
        )


def _names(text: str) -> tuple[str, ...]:
    """Return the services of an option."""
    chosen = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in chosen if name not in SERVICES]
    if unknown or not chosen:
        raise argparse.ArgumentTypeError(
            f"there is no service {', '.join(unknown) or 'given'}; there are {', '.join(SERVICES)}"
        )
    return chosen


if __name__ == "__main__":
    sys.exit(main())
