"""What is imported where names that only Linux has are missing, as on macOS."""

import subprocess
import sys

import pytest

PROGRAM = """
import fcntl, importlib, os, pkgutil, resource, select, signal, socket, sys

# What others do there is theirs: their packages have wheels for macOS.
for name in LIBRARIES:
    importlib.import_module(name)
for module, names in {
    os: "O_PATH O_TMPFILE P_PIDFD copy_file_range eventfd getxattr memfd_create pidfd_open pipe2 "
    "posix_fadvise posix_fallocate sched_getaffinity sched_setaffinity setns splice unshare waitid",
    signal: "SIGPOLL SIGPWR SIGRTMIN SIGSTKFLT pidfd_send_signal sigtimedwait sigwaitinfo",
    socket: "SOCK_CLOEXEC SO_DOMAIN SO_PEERCRED TCP_KEEPIDLE TCP_USER_TIMEOUT",
    select: "epoll",
    resource: "prlimit RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_SIGPENDING",
    fcntl: "F_ADD_SEALS F_OFD_SETLK F_SETPIPE_SZ",
}.items():
    for name in names.split():
        module.__dict__.pop(name, None)
sys.platform = "darwin"

import autolearn

for module in pkgutil.walk_packages(autolearn.__path__, "autolearn."):
    importlib.import_module(module.name)
"""
LIBRARIES = [
    *("aiokafka", "argon2", "asyncio", "clevercsv", "confluent_kafka", "cryptography", "faust"),
    *(
        "fastapi",
        "fsspec",
        "httpx",
        "joserfc",
        "pandas",
        "pyarrow",
        "rich",
        "rocksdict",
        "skops.io",
    ),
    *("scipy.stats", "sklearn.ensemble", "structlog", "typer", "uvicorn.main", "uvloop"),
]


@pytest.mark.long
def test_every_module_is_imported_without_what_only_linux_has() -> None:
    program = PROGRAM.replace("LIBRARIES", repr(LIBRARIES))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
