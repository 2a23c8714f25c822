"""Commands against an API that is played."""

import functools
import io
import sys
from pathlib import Path

import httpx
import pytest

from autolearn.client.cli import connection
from autolearn.client.sdk.client import AutoLearn
from tests.support.cli_processes import Cli, Played, Said, autolearn


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run a command against a played API."""
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "home").mkdir()

    def run(played: Played, *words: object, typed: str = "") -> Said:
        def api(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/health/ready":
                return httpx.Response(200, json={"status": "ok"})
            return played(request)

        client = functools.partial(AutoLearn, transport=httpx.MockTransport(api), seal=False)
        with monkeypatch.context() as patched:
            patched.setattr(connection, "AutoLearn", client)
            patched.setattr(sys, "stdin", io.StringIO(typed))
            return autolearn(*words, home=tmp_path / "home", url="http://api")

    return run
