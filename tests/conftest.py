"""What every test can ask for."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from autolearn.eventlog.embedded import EmbeddedBroker

settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", settings.get_profile("shared machine"), max_examples=30)
settings.load_profile("shared machine")


SHARED = {
    "known": "api: audit authorisation dataset_keys dataset_owners identity sensitive wire",
    "system": "api: bad_input client datasets dead_letters feed_http hostile idempotency "
    "live_rebuild log openapi past prefer process runs sessions status",
    "laptop": "client: operations story up users",
}
"""The systems that files share, for it takes seconds to start one: the fixture, and the files."""
GROUPS = {
    f"tests/{folder}/test_{name}.py": fixture
    for fixture, (folder, names) in ((f, files.split(": ")) for f, files in SHARED.items())
    for name in names.split()
}


def pytest_configure() -> None:
    """See to it that what the tests start behaves the same wherever they run.

    xdist sets the width of a terminal, but the tests read pipes. A shell that runs the tests in the
    background has them ignore Ctrl-C, and what they start would inherit that.
    """
    os.environ.pop("COLUMNS", None)
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Scheduling(LoadScopeScheduling):
    """Give files that share a system to the same process, and every other file to either."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


def group_of(nodeid: str) -> str:
    """The system that a test's file shares with others, else the file."""
    file = nodeid.partition("::")[0]
    return GROUPS.get(file, file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of brokers first: at the end the short ones fill up the time that is left.

    The groups come before all others, for they take the longest.
    """
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "kafka" in fixtures:
            item.add_marker("kafka")
        group, folder = group_of(item.nodeid), item.path.parent.name
        for shared in SHARED.keys() & fixtures:
            if SHARED[shared].startswith(f"{folder}:") and group != shared:
                raise pytest.UsageError(f"{item.path} uses {shared}: name it in SHARED")

    def place(item: pytest.Item) -> tuple[bool, bool]:
        return group_of(item.nodeid) not in SHARED, item.get_closest_marker("kafka") is None

    items.sort(key=place)


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
