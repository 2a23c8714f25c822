"""Kinds of work for the contract of executors, with only Python in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from autolearn.ml.errors import InputError

Report = Callable[[str], None]


def echo(request: Any, _store: Any, report: Report) -> Any:
    """Report the phases and return the rest."""
    for phase in request["phases"]:
        report(phase)
    return request["answer"]


def wrong(request: Any, _store: Any, _report: Report) -> Any:
    """Raise."""
    raise {"input": InputError("bad", advice="Be good."), "memory": MemoryError()}.get(
        request, ValueError("no such thing")
    )


def leave(_request: Any, _store: Any, _report: Report) -> Any:
    """End without a result."""
    os._exit(3)


def eat_in_a_child(_request: Any, _store: Any, _report: Report) -> Any:
    """Use more and more memory in another process."""
    program = "import os\nall = []\nwhile True: all.append(os.urandom(1 << 20))"
    subprocess.run([sys.executable, "-c", program], check=True)


def idle(_request: Any, _store: Any, report: Report) -> Any:
    """Report a phase, and never end."""
    report("idle")
    while True:
        time.sleep(1000)


def decoded(kind: Callable[[Any, Any, Report], Any]) -> Callable[[bytes, Any, Report], Any]:
    """Return a kind of work that takes its request as JSON."""
    return lambda request, store, report: kind(json.loads(request), store, report)


KINDS = {each.__name__: decoded(each) for each in (echo, wrong, leave, eat_in_a_child, idle)}
RESULTS: dict[str, Any] = dict.fromkeys(KINDS, dict)
"""The type of each kind's result."""
