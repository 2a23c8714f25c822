"""Compares the digests of API processes with the log."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from autolearn.client.cli.connection import reach, require_url
from autolearn.client.cli.tools.tool_runner import OnProgress
from autolearn.client.sdk.access.credentials import token_for
from autolearn.client.sdk.client import AutoLearn
from autolearn.operations.replay.verify import Goal, Served, verify
from autolearn.runtime.home import home_of, running
from autolearn.runtime.logs import configure_logs
from autolearn.runtime.process import read_settings
from autolearn.schemas.rest.system import LogPosition


def verify_views(urls: Sequence[str], told: OnProgress) -> dict[str, Any]:
    """Compare the API processes at `urls`, or the one of this home, with the log.

    Raises:
        Problem: an API process refuses; only sysadmins may ask.
        Unreachable: one does not answer.
        LogError: the log cannot be read.
    """
    settings = read_settings()
    configure_logs(settings.observability)  # standard output is for the result alone
    token = token_for(urls[0] if urls else None)
    if not urls:
        up = running(home_of(settings))
        urls = [up.url if up else f"http://{settings.api.host}:{settings.api.port}"]
    for url in urls:
        require_url(url)
    with ExitStack() as end:
        clients = [(url, end.enter_context(AutoLearn(url, token=token))) for url in urls]
        return verify(settings, [_served_by(client, url) for url, client in clients], told)


def _served_by(client: AutoLearn, url: str) -> Served:
    reach(client, url)
    found = client.digests()
    return Served(
        found.process, url, _goal_of(found.position), found.views, partial(_rows_of, client)
    )


def _rows_of(client: AutoLearn, view: str) -> tuple[Goal, dict[str, str]]:
    """Return the digests of all rows of a view, and the position of the last of them."""
    page = client.row_digests(view)
    rows = page.rows
    while page.next is not None:
        page = client.row_digests(view, after=page.next)
        rows |= page.rows
    return _goal_of(page.position), rows


def _goal_of(position: LogPosition) -> Goal:
    return {place.partition: place.next for place in position.partitions}
