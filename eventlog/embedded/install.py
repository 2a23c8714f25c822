"""Fetch the jars of Kafka, and prepare a fast start."""

from __future__ import annotations

from autolearn.eventlog.embedded.class_archive import with_archive
from autolearn.eventlog.embedded.jars import Jars, Progress, fetch


def install(progress: Progress | None = None) -> Jars:
    """Install the jars and the archive of a broker, downloading them on first use.

    Raises:
        BrokerError: a download failed, or a file is not the one that was locked.
    """
    return with_archive(fetch(progress), progress)
