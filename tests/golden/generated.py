"""The documents that are made from the code: `python -m tests.golden` writes those that are old."""

from __future__ import annotations

from pathlib import Path

from tests.golden import asyncapi_schema, catalog_page, events_page, settings_page


def old() -> dict[Path, str]:
    """The documents that are not as the code makes them, with what they should hold."""
    made = (asyncapi_schema, catalog_page, events_page, settings_page)
    pages = {page.PATH: page.text() for page in made}
    return {
        path: text for path, text in pages.items() if not path.exists() or path.read_text() != text
    }
