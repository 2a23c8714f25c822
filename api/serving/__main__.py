"""`python -m autolearn.api.serving [--host …] [--port …]`: one process that serves models.

Exit codes: as those of `autolearn.api`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from autolearn.api.server.server import serve
from autolearn.api.serving.app import make_app
from autolearn.projections.read_models import ServedModels
from autolearn.runtime.process import end_with_parent, read_settings
from autolearn.schemas.errors import AlreadyRunning, AutoLearnError, SettingsError
from autolearn.schemas.settings import serve_port

_SWITCH = 0.0005
"""Seconds after which a thread yields to another, as in `autolearn.api`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve models, and return the exit code."""
    parser = argparse.ArgumentParser(prog="autolearn run serve", description="Serve models.")
    parser.add_argument("--host", help="address to listen on (default: AUTOLEARN_API_HOST)")
    parser.add_argument("--port", type=int, help="port, 0 for a free one (AUTOLEARN_SERVE_PORT)")
    parser.add_argument(
        "--with-parent", action="store_true", help="end with the process that started this one"
    )
    options = parser.parse_args(arguments)
    if options.with_parent:
        end_with_parent()
    sys.setswitchinterval(_SWITCH)
    os.environ["OMP_NUM_THREADS"] = "1"  # for each thread that answers, from its first call on
    try:
        settings = read_settings()
        host = options.host or settings.api.host
        port = serve_port(settings) if options.port is None else options.port
        return serve(settings, make_app, host, port, kind="serve", models=ServedModels)
    except AutoLearnError as error:
        print(error.diagnostics(), file=sys.stderr)
        return (
            2 if isinstance(error, SettingsError) else 4 if isinstance(error, AlreadyRunning) else 3
        )


if __name__ == "__main__":
    sys.exit(main())
