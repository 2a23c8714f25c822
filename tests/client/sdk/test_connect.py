"""`autolearn.connect()`: where it finds the API and the token, and what it says if it does not."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import autolearn
from autolearn.client.sdk.access.credentials import keep, place_of_home
from autolearn.runtime.home import lock_system
from autolearn.schemas.errors import AutoLearnError, SettingsError

TOKEN = "al_1_secret"
ME = {"name": "ada", "role": "user", "auth": "tokens", "token": "1", "expires": None}
HEAVY = "faust|confluent_kafka|aiokafka|rocksdict|sklearn|numpy|pandas|pyarrow|fastapi|uvicorn"


class Api(BaseHTTPRequestHandler):
    """Enough of an API to log in to."""

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        problem = {"type": "urn:autolearn:problem:no-token", "title": "A token is required"}
        ready = self.path == "/health/ready"
        status, body = (
            (200, {"status": "ready"}) if ready else (200, ME) if known else (401, problem)
        )
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine of a user who has set no variable of ours."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("AUTOLEARN_SEAL", "off")
    for name in ("AUTOLEARN_HOME", "AUTOLEARN_URL", "AUTOLEARN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=["sync", "async"])
def name_of_user(request: pytest.FixtureRequest) -> Any:
    """Connect with either client, and return the name of its user."""

    def ask(*given: str, **more: Any) -> str:
        if request.param == "sync":
            with autolearn.connect(*given, **more) as al:
                return al.me().name

        async def asked() -> str:
            async with await autolearn.connect_async(*given, **more) as al:
                return (await al.me()).name

        return asyncio.run(asked())

    return ask


@pytest.fixture
def up(machine: Path, url: str) -> Iterator[Path]:
    """The home on which `autolearn up` runs, and for which it has stored the token."""
    home = machine / "elsewhere"
    with lock_system(home):
        (home / "up.json").write_text(json.dumps({"pid": 1, "url": url, "kafka": ""}))
        keep(place_of_home(home), "ada", TOKEN)
        yield home


def test_it_finds_the_system_that_runs_here(up, name_of_user, monkeypatch):
    monkeypatch.setenv("AUTOLEARN_HOME", str(up))
    assert name_of_user() == "ada"


def test_the_token_is_found_by_the_url_without_the_home(up, url, name_of_user, monkeypatch):
    assert name_of_user(url.replace("127.0.0.1", "localhost")) == "ada"
    monkeypatch.setenv("AUTOLEARN_URL", url)
    assert name_of_user() == "ada"


def test_a_token_that_is_given_counts(url, name_of_user):
    assert name_of_user(url, token=TOKEN) == "ada"


def test_it_says_where_the_system_runs(up, name_of_user):
    with pytest.raises(autolearn.Unreachable, match=f"It runs elsewhere: set AUTOLEARN_HOME={up}"):
        name_of_user()


def test_it_says_where_nothing_runs(machine, name_of_user):
    with pytest.raises(autolearn.Unreachable, match=r"does not run on .*data/autolearn\. Start"):
        name_of_user()


def test_who_is_not_logged_in_hears_where_and_how(machine, url, name_of_user):
    with pytest.raises(autolearn.NotLoggedIn) as raised:
        name_of_user(url)
    assert str(raised.value) == (
        f"You are not logged in to {url}. {machine}/config/autolearn/tokens.json has no token for "
        "it, and AUTOLEARN_TOKEN is not set. `autolearn login NAME` gets a token for your password."
    )
    frames = [entry.path.name for entry in raised.traceback][1:]
    assert "transport.py" not in frames
    assert "flows.py" not in frames
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_a_silent_api_is_given_up_soon(name_of_user):
    with pytest.raises(autolearn.Unreachable, match="autolearn up"):
        name_of_user("http://127.0.0.1:9")


def test_what_is_no_url(name_of_user):
    with pytest.raises(SettingsError, match="is not a URL"):
        name_of_user("127.0.0.1:8321")
    assert issubclass(autolearn.Problem, AutoLearnError)


def test_the_client_loads_nothing_heavy():
    program = f"""
import pkgutil, importlib, re, sys
import autolearn.client.sdk as sdk
for one in pkgutil.walk_packages(sdk.__path__, sdk.__name__ + "."):
    importlib.import_module(one.name)
print(*sorted({{name for name in sys.modules if re.fullmatch({HEAVY!r}, name)}}))
"""
    run = [sys.executable, "-c", program]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "\n"
