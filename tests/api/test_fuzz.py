"""A cut of the fuzz: `python -m tests.fuzz` is the whole of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.fuzz.fuzzing import fuzz
from tests.fuzz.world import world


@pytest.mark.kafka
def test_a_cut_of_the_fuzz(tmp_path: Path, kafka: str):
    seed = time.time_ns() % 2**32
    with world(tmp_path, kafka) as on:
        report = fuzz(on, seed, 300)
    assert report.clean, f"python -m tests.fuzz {seed} 300:\n" + "\n".join(report.faults)
    assert report.requests >= 300
    assert {"200", "401", "403", "404", "422"} <= set(report.statuses)
