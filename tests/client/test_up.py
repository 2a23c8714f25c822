"""`autolearn up` on a real broker: refused twice, started again, stopped without a trace."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.processes import Up, autolearn, run_alone, up

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "home"


@pytest.fixture(scope="module")
def running(kafka: str, home: Path) -> Iterator[Up]:
    with up(home, kafka=kafka, topic_prefix="up-test", slots=1) as running:
        yield running


def test_it_says_what_starts_and_where_it_is(running, home):
    for part in ("agents", "workers", "api"):
        assert f"\n  {part:8} ready after " in running.said
    assert f"home   {home}" in running.said
    assert f"logs   {home / 'logs'}" in running.said
    assert f"export AUTOLEARN_HOME={home}" in running.said
    assert "API    http://127.0.0.1:" in running.said


def test_a_second_one_on_the_same_home_is_refused(running, home):
    said = run_alone("up", "--home", home, "--port", 0, **running.settings)
    assert said.returncode == 4
    assert said.stdout == ""
    assert said.stderr.startswith("AutoLearn is running already\n  `autolearn up` (process ")
    assert str(running.process.pid) in said.stderr


def test_a_process_that_dies_is_started_again_on_the_same_address(running, home):
    api = next(one for one in running.family() if "autolearn.api" in one.cmdline())
    api.kill()
    running.until("  api      ended with status -9; it is started again")
    running.until("  api      ready after", times=2)
    assert autolearn("session", "list", home=home).code == 0


def test_ctrl_c_stops_everything_and_a_restart_has_all_it_had(running, home):
    assert autolearn("session", "open", "--title", "kept", home=home).code == 0
    family = running.family()
    assert len(family) >= 3
    assert running.stop(signal.SIGINT) == 0
    assert running.said.rstrip().endswith("Stopped.")
    assert [one for one in family if one.is_running()] == []
    assert not (home / "up.json").exists()
    assert autolearn("session", "list", home=home).code == 3
    with up(home, **running.settings) as second:
        assert "kept" in autolearn("session", "list", home=home).out
        assert second.stop(signal.SIGTERM) == 0


def test_a_signal_during_the_start_stops_everything(kafka, tmp_path):
    starting = Up(tmp_path / "home", kafka=kafka, topic_prefix="up-early")
    starting.until("starts on")
    family = starting.family()
    assert starting.stop(signal.SIGTERM) == 0
    assert starting.said.rstrip().endswith("Stopped.")
    assert [one for one in family if one.is_running()] == []


def test_what_cannot_start_says_why_and_leaves_nothing(kafka, tmp_path):
    settings = {"kafka": kafka, "topic_prefix": "up-bad", "artifacts": "nonsense://x"}
    said = run_alone("up", "--home", tmp_path / "home", "--port", 0, **settings)
    assert said.returncode == 5
    assert said.stderr.startswith("AutoLearn could not be started\n  The process ")
    assert "Its whole log is" in said.stderr
    assert "nonsense" in said.stderr
