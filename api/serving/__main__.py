"""`python -m autolearn.api.serving [--host …] [--port …]`: one process that serves models.

Exit codes: as those of `autolearn.api`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from autolearn.api.server.command_line import parser_of, run
from autolearn.api.server.server import serve
from autolearn.api.serving.app import make_app
from autolearn.projections.read_models import ServedModels
from autolearn.schemas.settings import Settings, serve_port


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve models, and return the exit code."""
    parser = parser_of("autolearn run serve", "Serve models.", "AUTOLEARN_SERVE_PORT")

    def serving(settings: Settings, host: str, port: int) -> int:
        os.environ["OMP_NUM_THREADS"] = "1"  # for each thread that answers, from its first call on
        return serve(settings, make_app, host, port, kind="serve", models=ServedModels)

    return run(parser.parse_args(arguments), serve_port, serving)


if __name__ == "__main__":
    sys.exit(main())
