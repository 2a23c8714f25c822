"""The tokens that a user keeps: safe from others, found again, forgotten with their home."""

import stat
from pathlib import Path

import pytest

from autolearn.client.sdk.access import credentials
from autolearn.client.sdk.access.credentials import (
    Kept,
    Unsafe,
    find,
    forget,
    keep,
    place_of,
    place_of_home,
)
from autolearn.client.sdk.client import AutoLearn

URL = "http://api.example:8321"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("AUTOLEARN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AUTOLEARN_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    return tmp_path / "config" / "autolearn"


def test_a_token_is_kept_for_nobody_else(config: Path):
    file = keep(URL, "ada", "al_1")
    assert file == config / "tokens.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.stat().st_mode) == 0o700
    assert find(URL) == Kept("ada", "al_1")
    assert find("http://other.example:80") is None
    assert "al_1" not in repr(find(URL))
    assert sorted(path.name for path in config.iterdir()) == ["tokens.json", "tokens.lock"]


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644])
def test_a_file_that_others_can_read_is_not_used(config: Path, mode: int):
    keep(URL, "ada", "al_1").chmod(mode)
    with pytest.raises(Unsafe, match=f"mode {mode:04o}") as unsafe:
        find(URL)
    assert "al_1" not in unsafe.value.diagnostics()


def test_a_damaged_file_is_not_repeated(config: Path):
    keep(URL, "ada", "al_1").write_text('{"x": "al_secret"')
    with pytest.raises(Unsafe) as unsafe:
        find(URL)
    assert "al_secret" not in unsafe.value.diagnostics()


def test_the_variable_goes_first(monkeypatch: pytest.MonkeyPatch):
    keep(URL, "ada", "al_1")
    monkeypatch.setenv("AUTOLEARN_TOKEN", "al_2")
    assert find(URL) == Kept("", "al_2")


def test_tokens_of_several_places_and_forgetting():
    keep(URL, "ada", "al_1")
    keep("https://b.example:443", "grace", "al_2")
    keep(URL, "ada", "al_3")
    forget("https://nobody.example:443")
    assert find(URL) == Kept("ada", "al_3")
    forget(URL)
    assert find(URL) is None
    assert find("https://b.example:443") == Kept("grace", "al_2")


def test_a_home_that_is_gone_is_forgotten(tmp_path: Path):
    home = tmp_path / "a home"
    home.mkdir()
    keep(place_of_home(home), "admin", "al_1")
    keep(URL, "ada", "al_2")
    assert find(place_of_home(home)) == Kept("admin", "al_1")
    home.rmdir()
    keep(URL, "ada", "al_3")
    assert set(credentials.read()) == {URL}


def test_one_api_is_one_place(tmp_path: Path):
    assert place_of("http://localhost:8321/", tmp_path) == "http://127.0.0.1:8321"
    assert place_of("http://127.0.0.1:8321", tmp_path) == "http://127.0.0.1:8321"
    assert place_of("https://API.example", tmp_path) == "https://api.example:443"
    assert place_of("https://api.example:443/x", tmp_path) == "https://api.example:443"
    assert place_of("http://[::1]:8321", tmp_path) == "http://[::1]:8321"
    assert place_of("http://api.example") != place_of("https://api.example")


def test_the_client_sends_what_is_kept_and_only_there():
    keep(URL, "ada", "al_1")
    for url, token, sent in (
        (URL, None, "Bearer al_1"),
        (f"{URL}/", None, "Bearer al_1"),
        (URL, "al_9", "Bearer al_9"),
        (URL, "", None),
        ("http://elsewhere.example:8321", None, None),
    ):
        with AutoLearn(url, token=token) as client:
            assert client._http.headers.get("authorization") == sent
