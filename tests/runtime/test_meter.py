"""What a process counts, and how it is exposed."""

import json
import socket
from pathlib import Path

import httpx
import pytest

from autolearn.runtime.meter import Meter
from autolearn.runtime.prometheus_server import exposed
from autolearn.schemas.errors import SettingsError
from tests.support.settings import settings_of


def test_a_process_has_the_metrics_of_its_types_and_no_other() -> None:
    meter = Meter("dispatch", "work")
    meter.count("autolearn_dispatch_tasks_total", "training")
    meter.observe("autolearn_worker_run_duration_seconds", 0.3, "training", "failed")
    meter.watch(lambda: [("autolearn_worker_slots", (), 3)])
    text = meter.page().decode()
    assert 'autolearn_dispatch_tasks_total{kind="training"} 1.0' in text
    assert (
        'autolearn_worker_run_duration_seconds_bucket{kind="training",le="0.5",result="failed"} 1.0'
        in text
    )
    assert "autolearn_worker_slots 3.0" in text
    assert "process_resident_memory_bytes" in text
    assert "autolearn_decider" not in text
    with pytest.raises(KeyError):
        meter.count("autolearn_decider_dead_letters_total")


def test_a_gauge_that_is_not_read_any_more_is_gone() -> None:
    meter, there = Meter("api"), [("autolearn_workers", (), 1.0)]
    meter.watch(lambda: list(there))
    assert b"autolearn_workers 1.0" in meter.page()
    there.clear()
    assert b"autolearn_workers" not in meter.page()


def test_it_is_off_by_default(tmp_path: Path) -> None:
    with exposed(Meter("work"), settings_of(home=str(tmp_path)), "work-0") as address:
        assert address == ""
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_no_reason_not_to_start(tmp_path: Path) -> None:
    settings = settings_of(home=str(tmp_path), metrics="127.0.0.1:0")
    with exposed(Meter("work"), settings, "one") as first:
        same = settings_of(home=str(tmp_path), metrics=first)
        with exposed(Meter("work"), same, "two") as second:
            assert first != second
            for name, address in (("one", first), ("two", second)):
                about = json.loads((tmp_path / "metrics" / f"{name}.json").read_text())
                assert about[0]["targets"] == [address]
                text = httpx.get(f"http://{address}/metrics", trust_env=False).text
                assert "autolearn_build_info" in text
    assert list((tmp_path / "metrics").iterdir()) == []
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", int(first.rpartition(":")[2])))


def test_an_address_of_another_machine_is_told(tmp_path: Path) -> None:
    settings = settings_of(home=str(tmp_path), metrics="192.0.2.1:9464")
    with (
        pytest.raises(SettingsError, match=r"nobody can listen on 192\.0\.2\.1:9464"),
        exposed(Meter("work"), settings, "x"),
    ):
        pass
