"""Paths of the API."""

from __future__ import annotations

from urllib.parse import quote


def segment(name: str) -> str:
    """Return a name as one segment of a path."""
    return quote(name, safe="") or "%20"
