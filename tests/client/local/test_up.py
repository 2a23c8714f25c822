"""`autolearn up` on a real broker: refused twice, started again, stopped without a trace."""

import os
import signal
from pathlib import Path

import pytest

from tests.client.conftest import MODULES, Laptop
from tests.support.cli_processes import Up, autolearn, run_alone

pytestmark = pytest.mark.kafka


@pytest.fixture
def home(laptop: Laptop) -> Path:
    return laptop.home


def test_it_says_what_starts_and_where_it_is(running, home):
    for part in ("agents", "workers", "api"):
        assert f"\n  {part:8} ready after " in running.said
    assert f"home   {home}" in running.said
    assert f"logs   {home / 'logs'}" in running.said
    config = os.environ["XDG_CONFIG_HOME"]  # the token is there
    assert f"export AUTOLEARN_HOME={home} XDG_CONFIG_HOME={config}" in running.said
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


def test_nothing_of_the_folder_where_it_is_started_is_imported_or_run(laptop, running, home):
    """Nor was it by the process that was just started again."""
    folder = laptop.folder
    (home / "data.txt").write_text("a,b\n1,x\n2,y\n3,x\n")
    added = autolearn(
        "dataset", "add", home / "data.txt", "--name", "d", "--target", "b", home=home
    )
    assert added.code == 0, added.err
    assert sorted(path.suffix for path in folder.iterdir()) == ["", *[".py"] * len(MODULES)]
    assert "may not set AUTOLEARN_MASTER_KEY_COMMAND (line 1), AUTOLEARN_TOPIC_" in running.said
    assert f"into {home}/.env" in running.said
    assert {one.cwd() for one in running.family() if "-P" in one.cmdline()} >= {str(home)}
    assert all(one.cwd() != str(folder) for one in running.family())


@pytest.mark.long
def test_ctrl_c_stops_everything_and_a_restart_has_all_it_had(laptop, running, home):
    assert autolearn("session", "open", "--title", "kept", home=home).code == 0
    users = autolearn("admin", "user", "list", home=home).out
    assert "admin" in users
    family = running.family()
    assert len(family) >= 3
    assert len(list((home / "metrics").iterdir())) == 2
    assert running.stop(signal.SIGINT) == 0
    assert running.said.rstrip().endswith("Stopped.")
    assert [one for one in family if one.is_running()] == []
    assert not (home / "up.json").exists()
    assert list((home / "metrics").iterdir()) == []
    assert autolearn("session", "list", home=home).code == 3
    assert autolearn("status", home=home, **laptop.settings).code == 1, "Kafka goes on"
    laptop.start()
    assert "kept" in autolearn("session", "list", home=home).out
    assert "first sysadmin" not in laptop.running.said
    assert autolearn("admin", "user", "list", home=home).out == users


def test_a_signal_during_the_start_stops_everything(kafka, tmp_path):
    starting = Up(tmp_path / "home", kafka=kafka, topic_prefix="up-early")
    starting.until("starts on")
    family = starting.family()
    assert starting.stop(signal.SIGTERM) == 0
    assert starting.said.rstrip().endswith("Stopped.")
    assert [one for one in family if one.is_running()] == []


@pytest.mark.long
def test_what_cannot_start_says_why_and_leaves_nothing(kafka, tmp_path):
    settings = {"kafka": kafka, "topic_prefix": "up-bad", "artifacts": "nonsense://x"}
    said = run_alone("up", "--home", tmp_path / "home", "--port", 0, **settings)
    assert said.returncode == 5
    assert said.stderr.startswith("AutoLearn could not be started\n  The process ")
    assert "Its whole log is" in said.stderr
    assert "nonsense" in said.stderr
