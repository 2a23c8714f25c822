"""The environment of a run: everything that can change a result, and nothing else.

Host names, paths and times are not in it, so two equal machines have equal environments.
"""

from __future__ import annotations

import functools
import platform
import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from threadpoolctl import ThreadpoolController

from autolearn.schemas.values import JsonValue

_LIBRARIES = ("autolearn", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")
POOL = ("internal_api", "version", "architecture")
"""The recorded properties of each numeric library."""


@functools.cache
def controller() -> ThreadpoolController:
    """Return the thread pools of the loaded numeric libraries."""
    return ThreadpoolController()


def one_thread() -> None:
    """Limit the numeric libraries of this process to one thread."""
    controller().limit(limits=1)


@functools.cache
def _fixed_environment() -> dict[str, JsonValue]:
    return {
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        "blas": _pools(),
        "threads": 1,
        "system": f"{platform.system()} {platform.machine()} {' '.join(platform.libc_ver())}",
        "processor": _processor(),
    }


def _pools() -> list[JsonValue]:
    """Return the numeric libraries' versions and processor kernels, in a fixed order.

    Several copies without a version are one: that of OpenMP that a plug-in's library has loaded
    says nothing about the others' results.
    """
    found = [{key: pool.get(key) for key in POOL} for pool in controller().info()]
    kept = [one for place, one in enumerate(found) if one["version"] or one not in found[:place]]
    return sorted(kept, key=lambda pool: [str(value) for value in pool.values()])


def environment(library: str, version: str) -> dict[str, JsonValue]:
    """Return the environment of an artifact that `library` implements."""
    fixed = _fixed_environment()
    return {**fixed, "libraries": {**fixed["libraries"], library: version}}


def environment_now(libraries: Iterable[str]) -> dict[str, JsonValue]:
    """Return this machine's environment, with the versions of `libraries` (null: not installed)."""
    fixed = _fixed_environment()
    versions = dict(fixed["libraries"])
    for name in libraries:
        if name not in versions:
            try:
                versions[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                versions[name] = None
    return {**fixed, "libraries": versions}


def _processor() -> str:
    """Return the processor's model name, where the system has it."""
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else platform.processor()
