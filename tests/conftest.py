"""What every test can ask for."""

from collections.abc import Iterator

import pytest

from autolearn.eventlog.embedded import EmbeddedBroker


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address of a real broker that the tests share: name your topics uniquely."""
    with EmbeddedBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker.bootstrap
