"""The port to where workers run: Slurm, Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from autolearn.schemas.errors import AutoLearnError

POOL = "pool"
"""The label of workers that a pool has started: its name."""


class ProviderError(AutoLearnError):
    """The system that runs the workers refuses, or does not answer."""

    title = "Workers cannot be started"


class WorkerProvider(Protocol):
    """Starts workers, and lets them go. Each method raises ProviderError, and blocks."""

    def jobs(self) -> int:
        """Return how many workers of the pool there are: those that run or are to start."""

    def start(self, many: int) -> str:
        """Start so many more workers; return their names for people."""

    def let_go(self, idle: Mapping[str, float], waiting: int, least: int) -> str:
        """Let workers go that nobody needs; return their names, "" for none.

        `idle` has the seconds for which each host has had no run, 0.0 for a busy one; `waiting` are
        the runs that wait for the pool. `least` workers stay. No busy worker is ever ended.
        """
