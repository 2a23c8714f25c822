"""What is measured beside us, in an environment of its own: `requirements/bench.txt`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

PYTHON = Path("build/bench-venv/bin/python")


def peer_python() -> str:
    """Return the Python that has DuckDB and Quix Streams.

    Raises:
        SystemExit: `make bench` has not made it yet.
    """
    if not PYTHON.exists():
        sys.exit(f"The bench needs what others use: `make {PYTHON.parent.parent}/.installed`.")
    return str(PYTHON)


def told(command: list[str]) -> Any:
    """Run a process that measures itself; return what it says, a line of JSON.

    Raises:
        RuntimeError: it failed; the message has what it said.
    """
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return msgspec.json.decode(done.stdout.splitlines()[-1])
