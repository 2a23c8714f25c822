"""Kinds of work that no one should do, for the tests of the executor."""

import ctypes
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.cluster import withdraw
from autolearn.testing import executor_kinds
from autolearn.testing.executor_kinds import decoded
from tests.support.attacks import attack

Report = Callable[[str], None]


def facts(_request: Any, store: Artifacts, _report: Report) -> Any:
    """Say what kind of process this is."""
    import tempfile

    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "leader": os.getsid(0) == os.getpgid(0) == os.getpid(),
        "store": type(store).__name__,
        "scratch": tempfile.gettempdir(),
        "secrets": [name for name in os.environ if name.startswith(("AUTOLEARN_", "AWS_"))],
        "threads": os.environ["OMP_NUM_THREADS"],
        "seed": os.environ["PYTHONHASHSEED"],
        "term": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
        "main": sys.modules["__main__"].__spec__.name,
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
    }


def die(request: Any, _store: Artifacts, _report: Report) -> Any:
    """End the process in some way."""
    if request == "segfault":
        ctypes.string_at(0)
    os.kill(os.getpid(), 40 if request == "signal" else signal.SIGABRT)


def garbage(request: Any, _store: Artifacts, _report: Report) -> Any:
    """Write something else than a result on every descriptor there is."""
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, request.encode())
        except OSError:
            continue
    os._exit(0)


def eat(_request: Any, _store: Artifacts, report: Report) -> Any:
    """Use more and more memory."""
    eaten = []
    while True:
        eaten.append(bytearray(os.urandom(1 << 20)))
        time.sleep(0.002)


def stay(_request: Any, _store: Artifacts, report: Report) -> Any:
    """Ignore every signal that can be ignored, have children of all sorts, and never end.

    The phase names them all.
    """
    import tempfile

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    folder = Path(tempfile.gettempdir())
    (folder / f"pid-{os.getpid()}").touch()
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    for session in (False, True):
        if not os.fork():
            if session:
                os.setsid()
                if os.fork():
                    time.sleep(1000)
                os.setsid()
            (folder / f"pid-{os.getpid()}").touch()
            time.sleep(1000)
            os._exit(0)
    while len(list(folder.glob("pid-*"))) < 3:
        time.sleep(0.01)
    report(" ".join(path.name.removeprefix("pid-") for path in folder.glob("pid-*")))
    time.sleep(1000)


def abandon(_request: Any, _store: Artifacts, report: Report) -> Any:
    """Start a process, of which nobody is the parent soon, say its number, and go on."""
    if (child := os.fork()) == 0:
        os.setsid()
        if (orphan := os.fork()) == 0:
            time.sleep(1000)
        report(str(orphan))
        os._exit(0)
    os.waitpid(child, 0)
    time.sleep(1000)


def patience(request: Any, _store: Artifacts, _report: Report) -> Any:
    """Wait for a file."""
    while not Path(request).exists():
        time.sleep(0.002)
    return {}


def litter(request: Any, _store: Artifacts, _report: Report) -> Any:
    """Leave a temporary file, and a child that keeps the channel open."""
    import tempfile

    descriptor, name = tempfile.mkstemp()
    if not os.fork():
        os.setsid()
        time.sleep(1000)
        os._exit(0)
    os.close(descriptor)
    if request == "die":
        os._exit(1)
    return name


def breaks_out(request: Any, _store: Artifacts, _report: Report) -> Any:
    """Try to reach what a run should not."""
    return attack(**request)


def withdrawn(request: Any, _store: Artifacts, _report: Report) -> Any:
    """Try the same once the run's cluster is withdrawn, as before code of a package runs."""
    withdraw()
    return attack(**request)


def online(request: Any, _store: Artifacts, _report: Report) -> Any:
    """Want something of the network, as a plug-in may, and say it in words of its own."""
    try:
        socket.create_connection(("127.0.0.1", request), 5)
    except OSError as error:
        raise RuntimeError("the licence server does not answer") from error


KINDS = executor_kinds.KINDS | {
    kind.__name__: decoded(kind)
    for kind in (
        facts,
        die,
        garbage,
        eat,
        stay,
        abandon,
        patience,
        litter,
        breaks_out,
        online,
        withdrawn,
    )
}
RESULTS: dict[str, Any] = {**dict.fromkeys(KINDS, dict), "litter": str}
