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
from autolearn.api.server.command_line import parser_of, run
from autolearn.api.server.server import serve
from autolearn.schemas.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the API, and return the exit code."""
    parser = parser_of("autolearn run api", "Serve the REST API.", "AUTOLEARN_API_PORT")
    parser.add_argument(
        "--services",
        type=_names,
        default=tuple(SERVICES),
        help=f"comma-separated, of {', '.join(SERVICES)} (default: all)",
    )
    options = parser.parse_args(arguments)

    def serving(settings: Settings, host: str, port: int) -> int:
        return serve(settings, partial(make_app, services=options.services), host, port)

    return run(options, lambda settings: settings.api.port, serving)


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
