"""`autolearn up` as on somebody's laptop, which the tests of the command line share."""

import os
import shutil
import socket
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.cli_processes import Up, up
from tests.support.settings import FEW_PARTITIONS

MODULES = ("statistics", "random", "csv", "sklearn", "structlog", "py", "resource", "pandas")
"""Names that scripts in a user's folder may have by chance."""


SHOP = Path(__file__).parents[2] / "examples" / "shop-steps"


def install_steps(folder: Path) -> Path:
    """Write what pip leaves of the example's package of steps, which takes pip seconds."""
    project = tomllib.loads((SHOP / "pyproject.toml").read_text())["project"]
    info = folder / f"shop_steps-{project['version']}.dist-info"
    info.mkdir(parents=True)
    shutil.copy(SHOP / "shop_steps.py", folder)
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(about)
    (info / "RECORD").write_text(f"shop_steps.py,,\n{info.name}/METADATA,,\n")
    steps = project["entry-points"]["autolearn.steps"]
    lines = [f"{name} = {place}" for name, place in steps.items()]
    (info / "entry_points.txt").write_text("\n".join(["[autolearn.steps]", *lines, ""]))
    return folder


class Laptop:
    """A home, and the system that runs on it: tests may stop it, and start it again.

    It is started in a folder with scripts of well-known names and a `.env`; the port that its
    settings name for metrics is taken.
    """

    def __init__(self, kafka: str, place: Path, metrics: str, stack: ExitStack) -> None:
        self.home, self.folder = place / "home", place / "folder"
        self.settings = {
            "kafka": kafka,
            "topic_prefix": f"laptop-{place.name}",
            "metrics": metrics,
            "slots": 1,
            "auth": "tokens",
            **FEW_PARTITIONS,
        }
        self._stack = stack
        self.packages = install_steps(place / "packages")
        self.folder.mkdir()
        for name in MODULES:
            touched = self.folder / f"{name}.imported"
            (self.folder / f"{name}.py").write_text(f"open({str(touched)!r}, 'w').close()\n")
        ran = f"AUTOLEARN_MASTER_KEY_COMMAND=touch {self.folder}/command.ran\n"
        (self.folder / ".env").write_text(f"{ran}AUTOLEARN_TOPIC_PREFIX=elsewhere\n")
        self.start()
        self.said_first = self.running.said

    def start(self) -> None:
        """Start the system."""
        with pytest.MonkeyPatch.context() as env:
            env.setenv("PYTHONPATH", str(self.packages), prepend=os.pathsep)
            self.running = self._stack.enter_context(up(self.home, self.folder, **self.settings))


@pytest.fixture(scope="package")
def laptop(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    with ExitStack() as stack:
        taken = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        metrics = f"127.0.0.1:{taken.getsockname()[1]}"
        yield Laptop(kafka, tmp_path_factory.mktemp("laptop"), metrics, stack)


@pytest.fixture
def running(laptop: Laptop) -> Up:
    """The system as it runs now."""
    return laptop.running
