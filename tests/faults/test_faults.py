"""The cut of the fault suite that runs with `make check`; `make faults` runs all for long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from tests.faults.ground import Ground, Tally, ground
from tests.faults.kinds.brokers import restart_broker
from tests.faults.kinds.clock import HOUR, can_shift, shift_clock
from tests.faults.kinds.damage import HARMS, damage_folder, delete_folder
from tests.faults.kinds.kill import kill_all_types
from tests.faults.kinds.pause import pause_decider
from tests.faults.kinds.twice import ask_twice

pytestmark = [pytest.mark.kafka, pytest.mark.long]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """A broker of their own: it is killed."""
    with EmbeddedBroker(install(), tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def system(broker: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(broker.bootstrap, tmp_path_factory.mktemp("faults"), 1, Tally()) as running:
        yield running


def test_every_type_of_process_is_killed(system: Ground):
    system.begin(11)
    with system.load():
        kill_all_types(system, 5)
    system.verdict()
    assert {ended.code for ended in system.fleet.ended} <= {70}, system.fleet.ended


def test_the_broker_is_killed_and_comes_back(system: Ground, broker: EmbeddedBroker):
    system.begin(12)
    with system.load():
        restart_broker(system, broker)
    system.verdict()


def test_a_paused_decider_that_wakes_up_is_not_believed(system: Ground):
    system.begin(13)
    with system.load(clients=1):
        ignored = pause_decider(system)
    assert system.verdict().zombies >= ignored > 0


def test_a_folder_is_deleted_and_one_damaged(system: Ground):
    system.begin(14)
    with system.load(clients=2):
        delete_folder(system)
        damage_folder(system, system.random.choice(list(HARMS)))
    system.verdict()


def test_one_request_through_two_processes_at_once(system: Ground):
    system.begin(15)
    ask_twice(system, 10)
    system.verdict()


@pytest.mark.skipif(not can_shift(), reason="no C compiler to build what moves a clock")
def test_workers_whose_clock_is_an_hour_off(system: Ground):
    system.begin(16)
    shift_clock(system, system.random.choice((HOUR, -HOUR)))
    system.verdict()
