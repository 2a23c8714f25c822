"""What a run, or a reader of a hostile file, may try: each attempt with how it ended."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

REFUSED = {"EPERM", "EACCES"}
PTRACE_SEIZE = 0x4206


def attack(port: int, secret: str, other: str) -> dict[str, Any]:
    """Try everything: a listener on this machine, a file with a key, and one that can be written.

    An attempt that is refused is told by its error's name, one that succeeds by `done`.
    """
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    attempts: dict[str, Callable[[], object]] = {
        "connect": lambda: socket.create_connection(("127.0.0.1", port), 5),
        "unix socket": lambda: socket.socket(socket.AF_UNIX),
        "read a key": lambda: Path(secret).read_bytes(),
        "make a key readable": lambda: Path(secret).chmod(0o644),
        "write elsewhere": lambda: Path(other).write_text("x"),
        "parent's environment": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
        "parent's memory": lambda: os.close(os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY)),
        "ptrace": lambda: _ptrace(os.getppid()),
        "kill": lambda: os.kill(os.getppid(), 0),
        "limit": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, files),
    }
    found: dict[str, Any] = {name: _tried(attempt) for name, attempt in attempts.items()}
    environment = Path("/proc/self/environ").read_text()
    found["secrets"] = sorted({*_names(environment.split("\0")), *_names(os.environ)})
    found["niceness"] = os.nice(0)
    found["core"] = resource.getrlimit(resource.RLIMIT_CORE)
    return found


def _names(variables: Any) -> list[str]:
    return [one.partition("=")[0] for one in variables if one.startswith(("AUTOLEARN_", "AWS_"))]


def _tried(attempt: Callable[[], object]) -> str:
    try:
        result = attempt()
        if isinstance(result, socket.socket):
            result.close()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def _ptrace(pid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_SEIZE, pid, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")
