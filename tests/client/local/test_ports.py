"""`autolearn up` when somebody else takes a port that it has drawn."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from autolearn.client.local import system
from autolearn.client.local.system import CannotStart, Part, System
from autolearn.eventlog.embedded.probe import HOST, HeldPorts
from tests.support.settings import settings_of

pytestmark = pytest.mark.kafka
QUICK = ("tests.client.local.quick_part",)


class Raced(HeldPorts):
    """Somebody else listens on the port before Kafka does, as often as `times` says."""

    others: ClassVar[list[socket.socket]] = []
    times = 1

    def lend(self) -> None:
        super().lend()
        if len(self.others) < self.times:
            self.others.append(socket.create_server((HOST, self.numbers[0])))


@pytest.fixture
def raced(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Raced]]:
    monkeypatch.setattr(system, "HeldPorts", Raced)
    monkeypatch.setattr(Raced, "others", [])
    # Children do not look for modules in the current folder.
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    for name in ("agents", "workers", "api"):
        monkeypatch.setattr(system, f"_{name.upper()}", Part(name, QUICK))
    yield Raced
    for other in Raced.others:
        other.close()


def test_a_process_that_cannot_be_started_again_is_tried_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    said, tries = list[str](), list[str]()

    class Ended:
        async def wait(self) -> int:
            return 1

    async def launch(part: Part) -> str:
        tries.append(part.name)
        if len(tries) < 3:
            raise OSError(28, "No space left on device")
        raise asyncio.CancelledError

    async def at_once(_: float) -> None:
        """Let no time pass."""

    up = System(settings_of(home=str(tmp_path)), said.append)
    up.processes["api"] = Ended()
    monkeypatch.setattr(up, "launch", launch)
    monkeypatch.setattr(system.asyncio, "sleep", at_once)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(up.watch(Part("api", QUICK)))
    assert len(tries) == 3
    assert said.count("  api      cannot be started now: [Errno 28] No space left on device") == 2


def started(home: Path, told: Callable[[str], None] = lambda _: None) -> System:
    """Start a system and stop it; return it."""

    async def start_and_stop() -> System:
        async with System(settings_of(home=str(home), api_port=0, auth="none"), told) as running:
            return running

    return asyncio.run(start_and_stop())


def test_other_ports_are_drawn_when_one_is_lost(raced: type[Raced], tmp_path: Path):
    said: list[str] = []
    kafka = started(tmp_path, said.append).kafka
    (other,) = raced.others
    assert kafka not in ("", f"{HOST}:{other.getsockname()[1]}")
    assert "  another program has taken Kafka's port; once more with another" in said


def test_a_start_is_given_up_when_every_port_is_lost(
    raced: type[Raced], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(raced, "times", 9)
    with pytest.raises(CannotStart, match=r"port \d+ of 127.0.0.1 is in use"):
        started(tmp_path)
    assert len(raced.others) == system.PORT_ATTEMPTS
