"""For tests of deciders, and of other logs and stores.

    given(session, SessionOpened("a")).when(DiscardSession()).then(SessionDiscarded())

`MemoryLog` and `MemoryStore` are the in-memory twins of Kafka and RocksDB. `LogContract` and
`StoreContract` are the tests that each log and store passes, for pytest.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from autolearn.agents.deciders.specification import Refused, given
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.storage.memory import MemoryStore

if TYPE_CHECKING:
    from autolearn.testing.log_contract import LogContract
    from autolearn.testing.store_contract import StoreContract

__all__ = ["LogContract", "MemoryLog", "MemoryStore", "Refused", "StoreContract", "given"]

if "pytest" in sys.modules:
    import pytest

    pytest.register_assert_rewrite(f"{__name__}.log_contract", f"{__name__}.store_contract")


def __getattr__(name: str) -> object:
    """Load a contract suite when it is asked for: only these need pytest."""
    if name == "LogContract":
        from autolearn.testing.log_contract import LogContract

        return LogContract
    if name == "StoreContract":
        from autolearn.testing.store_contract import StoreContract

        return StoreContract
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
