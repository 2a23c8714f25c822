"""What every test can ask for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from autolearn.eventlog.embedded import EmbeddedBroker


def pytest_configure() -> None:
    """Forget the width of the terminal that xdist sets: what the tests start writes to pipes."""
    os.environ.pop("COLUMNS", None)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address of a real broker that the tests share: name your topics uniquely."""
    with EmbeddedBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session", autouse=True)
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A config folder for all tests: the tokens of whoever runs them stay untouched and unused."""
    folder = tmp_path_factory.mktemp("config")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        patch.delenv("AUTOLEARN_TOKEN", raising=False)
        yield folder
