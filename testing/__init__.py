"""For tests of deciders, and of other logs, stores and executors.

    given(session, SessionOpened("a")).when(DiscardSession()).then(SessionDiscarded())

`MemoryLog` and `MemoryStore` are the in-memory twins of Kafka and RocksDB. `LogContract`,
`StoreContract` and `ExecutorContract` are the tests that each of those passes, for pytest.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

from autolearn.agents.deciders.specification import Refused, given
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.storage.memory import MemoryStore

if TYPE_CHECKING:
    from autolearn.testing.executor_contract import ExecutorContract
    from autolearn.testing.log_contract import LogContract
    from autolearn.testing.store_contract import StoreContract

__all__ = [
    "ExecutorContract",
    "LogContract",
    "MemoryLog",
    "MemoryStore",
    "Refused",
    "StoreContract",
    "given",
]

_CONTRACTS = {
    "ExecutorContract": f"{__name__}.executor_contract",
    "LogContract": f"{__name__}.log_contract",
    "StoreContract": f"{__name__}.store_contract",
}

if "pytest" in sys.modules:
    import pytest

    pytest.register_assert_rewrite(*_CONTRACTS.values())


def __getattr__(name: str) -> object:
    """Load a contract suite when it is asked for: only these need pytest."""
    if name in _CONTRACTS:
        return getattr(importlib.import_module(_CONTRACTS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
