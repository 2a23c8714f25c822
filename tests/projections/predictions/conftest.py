"""A log of predictions in memory, and the keys of a model and month."""

from collections.abc import Iterator

import pytest

from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.memory.log import MemoryLog
from tests.projections.predictions.test_hours import MODEL, TOPICS
from tests.support.encrypted_system import vault_of


@pytest.fixture
def log() -> MemoryLog:
    log = MemoryLog()
    log.create(TOPICS.all())
    return log


@pytest.fixture
def vault(log: MemoryLog) -> Iterator[SessionCipher]:
    with vault_of(log) as vault:
        for owner in (f"model/{MODEL}", f"model/{MODEL}/2026-01"):
            vault.make(owner, lambda *_: None)
        yield vault
