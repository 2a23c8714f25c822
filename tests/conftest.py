"""What every test can ask for."""

import gc
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install

settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", settings.get_profile("shared machine"), max_examples=30)
settings.load_profile("shared machine")


BROKER = pytest.StashKey[EmbeddedBroker]()

SHARED = {
    "known": """
        api/services/catalog: dataset_expectations dataset_labels dataset_values
        api/services: audit authorization dataset_keys dataset_owners groups users
            sensitive_columns
        api/services/comparisons: router
        api/services/lineage: router
        api/services/models: backtests batches erasures prediction_proofs router truths
        api/services/predictions: keys
        api/serving: serve
        api/system: wire""",
    "system": """
        api/http: bad_input idempotency openapi prefer
        api/services: datasets dead_letters feed_http history id_prefixes read_hints runs
            sessions status system
        api/services/pipelines: forecasts gate router
        api/services/predictions: router
        api/services/trainings: columns preprocess splits studies thresholds
        api/state: damaged_tables live_rebuild
        api/system: client hostile process""",
    "laptop": """
        client/cli: again predict sessions story users
        client/cli/pipelines: examples pipeline_commands
        client/local: up
        client/sdk: notebook python_page sessions""",
}
"""The systems that files share, for it takes seconds to start one: the fixture, and the files."""
GROUPS = {
    f"tests/{folder}/test_{name}.py": fixture
    for fixture, files in SHARED.items()
    for folder, names in re.findall(r"([a-z/]+):([^:]*)(?= [a-z/]+:|$)", " ".join(files.split()))
    for name in names.split()
}


def pytest_configure() -> None:
    """See to it that what the tests start behaves the same wherever they run.

    xdist sets the width of a terminal, but the tests read pipes. A shell that runs the tests in the
    background has them ignore Ctrl-C, and what they start would inherit that.
    """
    gc.disable()  # until all is collected: see pytest_collection_finish
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


def pytest_collection_finish() -> None:
    """Leave modules and tests, which stay to the end, out of every garbage collection."""
    gc.freeze()
    gc.enable()


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
        group, room = group_of(item.nodeid), item.nodeid.split("/")[1]
        for shared in SHARED.keys() & fixtures:
            if f" {room}/" in SHARED[shared] and group != shared:
                raise pytest.UsageError(f"{item.path} uses {shared}: name it in SHARED")

    def place(item: pytest.Item) -> tuple[bool, str, bool]:
        group = group_of(item.nodeid)
        shared = group if group in SHARED else ""
        return not shared, shared, item.get_closest_marker("kafka") is None

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """End what files share after the last of them: it would cost a fifth of a core until the end.

    Its scope is wider: pytest would keep it while the tests that follow are of the same folder.
    """
    try:
        yield
    finally:
        group = group_of(item.nodeid)
        if group in SHARED and (nextitem is None or group_of(nextitem.nodeid) != group):
            for fixture in item.session._fixturemanager.getfixturedefs(group, item) or ():
                fixture.finish(item._request)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Start one broker for all processes that run tests, before the first of them."""
    if "not kafka" in node.config.option.markexpr:
        return
    if BROKER not in node.config.stash:
        folder = node.config._tmp_path_factory.mktemp("kafka")
        broker = EmbeddedBroker(install(), folder, heap_mb=512).start()
        node.config.stash[BROKER] = broker
        node.config.add_cleanup(broker.stop)
    node.workerinput["kafka"] = node.config.stash[BROKER].bootstrap


@pytest.fixture
def logged(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[[], str]:
    """What the test has logged, also where another test of the process has set up the logs."""
    return lambda: f"{capsys.readouterr().out}{caplog.text}"


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address of a real broker that the tests share: name your topics uniquely."""
    if "kafka" in getattr(pytestconfig, "workerinput", ()):
        yield pytestconfig.workerinput["kafka"]
        return
    with EmbeddedBroker(install(), tmp_path_factory.mktemp("kafka")) as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session", autouse=True)
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A config folder for all tests: the tokens of whoever runs them stay untouched and unused."""
    folder = tmp_path_factory.mktemp("config")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        patch.delenv("AUTOLEARN_TOKEN", raising=False)
        yield folder
