"""A cut of the fuzz: `python -m tests.fuzz` is the whole of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.fuzz.bounds import around_bounds
from tests.fuzz.campaign import fuzz
from tests.fuzz.world import world


@pytest.mark.kafka
@pytest.mark.long
def test_a_cut_of_the_fuzz(tmp_path: Path, kafka: str):
    seed = time.time_ns() % 2**32
    with world(tmp_path, kafka) as on:
        report = fuzz(on, seed, 300)
        report.take(around_bounds(on, seed, 200))
    assert report.clean, f"python -m tests.fuzz {seed} 300 200:\n" + "\n".join(report.faults)
    assert (report.bound_requests, report.restarts) == (200, 0)
    assert report.requests >= 300
    assert {"200", "401", "403", "404", "422"} <= set(report.statuses)
