"""The folders of an installation on this machine, and their usage."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from autolearn.runtime.disk_usage import bytes_of_topics, usage
from autolearn.runtime.home import artifacts_url, home_of
from autolearn.schemas.reports.status import Usage
from autolearn.schemas.settings import Settings

_DATA = Path("kafka", "data")


def places_of(settings: Settings) -> list[Usage]:
    """Return the existing folders: home, state, artifacts and embedded broker.

    An artifact store that is no folder is left out.
    """
    store, home = artifacts_of(settings), home_of(settings)
    asked = [("home", home), ("state", home / "state"), ("kafka", home / "kafka")]
    asked += [("artifacts", store)] if store is not None else []
    return [found for what, folder in asked if (found := usage(what, folder)) is not None]


def artifacts_of(settings: Settings) -> Path | None:
    """Return the folder of the artifact store; None when it is elsewhere, such as on s3://."""
    url = urlsplit(artifacts_url(settings))
    if url.scheme not in ("", "file", "local"):
        return None
    return Path(unquote(url.path))


def topic_bytes(home: Path) -> dict[str, int]:
    """Return the bytes of each topic on the embedded broker of a home; {} without one."""
    return bytes_of_topics(home / _DATA)
