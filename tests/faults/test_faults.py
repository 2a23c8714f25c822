"""The cut of the fault suite that runs with every test run; `make faults` runs all for long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autolearn.eventlog.embedded import EmbeddedBroker
from tests.faults.ground import Ground, Tally, ground
from tests.faults.killing import kill_all_types

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """A broker of their own: it is killed."""
    with EmbeddedBroker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def system(broker: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(broker.bootstrap, tmp_path_factory.mktemp("faults"), 1, Tally()) as running:
        yield running


def test_every_type_of_process_is_killed(system: Ground):
    system.begin(11)
    with system.load():
        kill_all_types(system, 5)
    print(system.verdict())
    assert system.fleet.ended == [], "nobody may end by itself because another is killed"
