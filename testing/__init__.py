"""For tests of steps and deciders, and of other logs, stores and executors.

    table, report, files = run_step(clean, pa.table({"age": [1, None]}), gaps="drop")

    given(session, SessionOpened("a")).when(DiscardSession()).then(SessionDiscarded())

`MemoryLog` and `MemoryStore` are the in-memory twins of Kafka and RocksDB. `LogContract`,
`StoreContract` and `ExecutorContract` are the tests that each of those passes, for pytest.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autolearn.agents.deciders.specification import Refused, given
    from autolearn.eventlog.memory.log import MemoryLog
    from autolearn.projections.storage.memory import MemoryStore
    from autolearn.testing.executor_contract import ExecutorContract
    from autolearn.testing.log_contract import LogContract
    from autolearn.testing.step_runs import StepRun, run_step
    from autolearn.testing.store_contract import StoreContract

__all__ = [
    "ExecutorContract",
    "LogContract",
    "MemoryLog",
    "MemoryStore",
    "Refused",
    "StepRun",
    "StoreContract",
    "given",
    "run_step",
]

_PLACES = {
    "ExecutorContract": "testing.executor_contract",
    "LogContract": "testing.log_contract",
    "MemoryLog": "eventlog.memory.log",
    "MemoryStore": "projections.storage.memory",
    "Refused": "agents.deciders.specification",
    "StepRun": "testing.step_runs",
    "StoreContract": "testing.store_contract",
    "given": "agents.deciders.specification",
    "run_step": "testing.step_runs",
}

if "pytest" in sys.modules:
    import pytest

    pytest.register_assert_rewrite(
        *(f"autolearn.{place}" for place in _PLACES.values() if place.startswith("testing."))
    )


def __getattr__(name: str) -> object:
    """Load a name when it is used: only contracts need pytest, and `executor_kinds` none of it."""
    if name in _PLACES:
        return getattr(importlib.import_module(f"autolearn.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
