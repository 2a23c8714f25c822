"""docs/wire.md: the code in it is run (test_wire.py asks real processes with it)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from autolearn.schemas.settings import CLIENT_ONLY, GROUP_OF

PAGE = Path(__file__).parents[2] / "docs" / "wire.md"


def ask_by_hand(url: str, token: str, *asked: Any) -> tuple[int, Any]:
    """Ask with the code of the page."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    code: dict[str, Any] = {}
    exec(found[1], code)
    said: tuple[int, Any] = code["ask"](url, token, *asked)
    return said


def test_every_setting_on_the_page_is_one():
    named = set(re.findall(r"AUTOLEARN_[A-Z_]+", PAGE.read_text()))
    known = {f"AUTOLEARN_{name.upper()}" for name in GROUP_OF} | CLIENT_ONLY
    assert named <= known
