"""The keys to which clients seal their requests, for operators."""

from __future__ import annotations

from pathlib import Path

from autolearn.runtime.home import home_of
from autolearn.runtime.process import read_settings
from autolearn.security.wire_keys import WireKeys, folder_of_keys, rotate


def named() -> list[str]:
    """Return the names of the valid keys, the newest first."""
    return [key.kid for key in WireKeys(_folder()).present()]


def rotated() -> str:
    """Make a new key; return its name."""
    return rotate(_folder()).kid


def _folder() -> Path:
    """Return the folder of the keys."""
    settings = read_settings()
    return folder_of_keys(settings.api, home_of(settings))
