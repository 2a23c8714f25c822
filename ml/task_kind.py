"""The function that does the work of a task, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autolearn.artifacts.store.run_files import Artifacts

Kind = Callable[[bytes, Artifacts, Callable[[str], None]], Any]
"""A kind of work: (request as JSON, artifacts, report of phases) -> a result that JSON can hold."""
