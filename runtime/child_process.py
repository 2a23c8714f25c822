"""The command line and the environment of our Python processes.

A user's current folder must not add modules to them: Python runs with `-P`, so that neither the
current folder nor an empty entry of PYTHONPATH is on `sys.path`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_BARE = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "CUDA_VISIBLE_DEVICES"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONWARNINGS", "PYTHONUNBUFFERED"),
        *("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"),
        # They choose the numeric kernels, so the last bits of every result.
        *("OPENBLAS_CORETYPE", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS"),
    }
)
"""Variables that a process without secrets inherits, with those that begin with `LC_`."""


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module of ours, but none of the current folder."""
    return [sys.executable, "-P", "-m", module, *arguments]


def child_environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment (by default ours) for a child that runs in another folder.

    Python's own children exclude the current folder likewise. Relative entries of PYTHONPATH keep
    their meaning here; empty ones, which name the current folder, are left out.
    """
    environment = {**(os.environ if given is None else given), "PYTHONSAFEPATH": "1"}
    if entries := [entry for entry in environment.pop("PYTHONPATH", "").split(os.pathsep) if entry]:
        environment["PYTHONPATH"] = os.pathsep.join(
            str(Path(entry).absolute()) for entry in entries
        )
    return environment


def bare_environment() -> dict[str, str]:
    """Return the environment of a process that gets no secret: an allow-list of ours."""
    known = {k: v for k, v in os.environ.items() if k in _BARE or k.startswith("LC_")}
    return child_environment(known)
