"""The current session of one user at one API, and sessions found by their titles."""

import threading
import time
import uuid
from pathlib import Path

import httpx
import pytest
from msgspec import to_builtins

from autolearn.client.cli.current_session import Current, CurrentSession
from autolearn.client.cli.output import age
from autolearn.client.cli.titles import NothingSo, find
from autolearn.client.sdk.client import AutoLearn
from autolearn.runtime.timestamps import text
from autolearn.schemas.errors import SettingsError
from autolearn.schemas.rest.sessions import SessionSummary
from tests.support.cli_processes import Cli

HERE, THERE = "http://here:80", "http://there:80"
A, B = Current(str(uuid.UUID(int=1)), "first"), Current(str(uuid.UUID(int=2)))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "autolearn"


def test_each_user_and_each_api_has_one(config: Path):
    CurrentSession(HERE, "ada").set(A)
    CurrentSession(THERE, "ada").set(B)
    CurrentSession(HERE, "grace").set(B)
    assert CurrentSession(HERE, "ada").get() == A
    assert CurrentSession(THERE, "ada").get() == CurrentSession(HERE, "grace").get() == B
    CurrentSession(HERE, "ada").forget(B.id)
    assert CurrentSession(HERE, "ada").get() == A
    CurrentSession(HERE, "ada").forget(A.id)
    CurrentSession(HERE, "ada").forget(A.id)
    assert CurrentSession(HERE, "ada").get() is None
    assert CurrentSession(HERE, "grace").get() == B
    assert CurrentSession(HERE, "nobody").get() is None


def test_of_many_at_a_time_one_opens_it(config: Path):
    opened, start = [], threading.Barrier(8)

    def open_() -> Current:
        opened.append(A)
        return A

    def get() -> None:
        start.wait()
        assert CurrentSession(HERE, "ada").get_or_open(open_) == A

    threads = [threading.Thread(target=get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1


def test_nothing_is_stored_if_none_can_be_opened(config: Path):
    with pytest.raises(ZeroDivisionError):
        CurrentSession(HERE, "ada").get_or_open(lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    assert CurrentSession(HERE, "ada").get() is None


def test_a_file_that_others_may_write_or_that_is_damaged_is_not_used(config: Path):
    CurrentSession(HERE, "ada").set(A)
    (file := config / "sessions.json").chmod(0o666)
    with pytest.raises(SettingsError, match="mode 0666"):
        CurrentSession(HERE, "ada").get()
    file.chmod(0o600)
    file.write_text("{")
    with pytest.raises(SettingsError, match="cannot be read"):
        CurrentSession(HERE, "ada").get()


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "5 s"), (125, "2 min"), (7300, "2 h"), (200_000, "2 d"), (-9, "0 s")]
)
def test_an_age_is_in_its_largest_unit(seconds: int, words: str):
    assert age(text(int((time.time() - seconds) * 1000))) == words


# Titles


def listed(**sessions: str) -> AutoLearn:
    """A client of an API with these sessions: their titles by the starts of their ids."""

    def api(request: httpx.Request) -> httpx.Response:
        kind = request.url.path.rpartition("/")[2]
        items = [
            SessionSummary(
                id=f"{start:0<8}-0000-4000-8000-000000000000",
                title=title,
                created="",
                actor="",
                updated="",
                sequence=1,
                links={},
            )
            for start, title in sessions.items()
        ]
        about = {"committed": "", "trainings": [], "training_data": [], "evaluation_data": []}
        shown = [to_builtins(one) | about for one in items if kind == "sessions"]
        return httpx.Response(200, json={"items": shown, "next": None})

    return AutoLearn("http://api", transport=httpx.MockTransport(api), seal=False, token="")


@pytest.mark.parametrize(
    ("given", "start"),
    [
        ("churn: v2", "bad1"),
        ("CHURN: V2", "bad1"),
        ("Iris", "c0de"),
        ("iris", "c0de"),
        ("bad", "bad1"),
        ("BAD1", "bad1"),
        ("bees", "d00d"),
    ],
)
def test_a_session_is_found_by_its_title_or_the_start_of_it(given: str, start: str):
    known = {"bad1": "churn: v2", "c0de": "iris", "c1": "iris again", "d00d": "bees"}
    assert find(listed(**known), given, "session", "experiment").startswith(start)


def test_what_is_no_title_may_be_the_start_of_an_older_id():
    assert find(listed(c0de="iris"), "ABC", "session") == "abc"
    whole = str(uuid.uuid4())
    assert find(listed(), whole.upper(), "session") == whole


def test_what_nothing_or_several_are_called_is_said():
    client = listed(bad1="churn", c0de="churn 2", d00d="2024")
    assert find(client, "churn", "session").startswith("bad1")
    with pytest.raises(NothingSo, match=r"churn \(bad10000\), session churn 2 \(c0de0000\)"):
        find(client, "chur", "session")
    with pytest.raises(NothingSo, match=r"No session of yours .*'rain'") as none:
        find(client, "rain", "session")
    assert "session churn 2 (c0de0000)" in none.value.advice
    with pytest.raises(NothingSo, match="experiment of yours") as none:
        find(listed(), "rain", "experiment")
    assert none.value.advice == "You have no experiment yet."


def test_a_title_and_an_id_that_begin_alike_are_told_apart_by_the_user():
    with pytest.raises(NothingSo, match="is the start of the id or title of 2"):
        find(listed(**{"2024": "rain", "bee": "2024"}), "2024", "session")


def test_no_name_at_all_is_refused(cli: Cli):
    said = cli(lambda _: httpx.Response(500), "experiment", "delete", "", "--yes")
    assert (said.code, "is empty" in said.err) == (2, True)
