"""How events of old versions are lifted to the present one.

`UPCASTERS` maps the CloudEvents type of an old version to the type it becomes and a pure function
from the old `data` (a dict, as JSON has it) to the new. A version may be lifted in several steps.
The records on the log are never rewritten: old ones are lifted each time they are read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


UPCASTERS: dict[str, tuple[str, Upcaster]] = {}
"""None yet: every event is at version 1. docs/evolution.md shows how the first comes here."""
