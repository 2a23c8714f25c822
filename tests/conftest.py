"""What every test can ask for."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from autolearn.eventlog.embedded import EmbeddedBroker

settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared machine")


SHARED = {"api": {"known", "system"}, "client": {"laptop"}}
"""By folder, the fixtures of the systems that its files share: to start one takes seconds."""


def pytest_configure() -> None:
    """See to it that what the tests start behaves the same wherever they run.

    xdist sets the width of a terminal, but the tests read pipes. A shell that runs the tests in the
    background has them ignore Ctrl-C, and what they start would inherit that.
    """
    os.environ.pop("COLUMNS", None)
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of brokers first: at the end the short ones fill up the time that is left.

    Files whose tests share a system go to the same process, one after the other; first of all.
    """
    shared = {
        item.path: fixture
        for item in items
        for fixture in SHARED.get(item.path.parent.name, set()) & fixtures(item)
    }
    for item in items:
        if "kafka" in fixtures(item):
            item.add_marker("kafka")
        item.add_marker(pytest.mark.xdist_group(shared.get(item.path, str(item.path))))

    def place(item: pytest.Item) -> tuple[object, ...]:
        return shared.get(item.path, "~"), item.get_closest_marker("kafka") is None

    items.sort(key=place)


def fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


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
