"""Which variables count: the environment's, the home's `.env`, and little of any other folder's."""

import os
import sys
from pathlib import Path

import pytest

from autolearn.client.sdk import trust
from autolearn.client.sdk.access import credentials
from autolearn.client.sdk.client import AutoLearn
from autolearn.runtime import variables as module
from autolearn.runtime.child_process import bare_environment, child_environment, python_command
from autolearn.runtime.process import child, read_settings
from autolearn.runtime.variables import FROM_ANYWHERE, variables
from autolearn.schemas.errors import SettingsError
from autolearn.schemas.settings import CLIENT_ONLY, GROUP_OF, PREFIX


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that is not the current folder; nobody's variables."""
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir(mode=0o700)
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("AUTOLEARN_HOME", str(home))
    module._say.cache_clear()
    return home


def ours(home: Path) -> dict[str, str]:
    found = variables()
    assert found.pop("AUTOLEARN_HOME") == str(home)
    return {name: value for name, value in found.items() if name.startswith(PREFIX)}


def write(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)


def test_a_folder_may_set_neither_commands_keys_addresses_nor_trust(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    every = {PREFIX + name.upper() for name in GROUP_OF} | CLIENT_ONLY
    every |= {"AUTOLEARN_KAFKA_SASL_PASSWORD"}
    write(Path(".env"), "".join(f"{name}=1\n" for name in sorted(every)))
    assert ours(home).keys() == FROM_ANYWHERE
    said = capsys.readouterr().err
    for name in every - FROM_ANYWHERE:
        assert f"{name} (line {sorted(every).index(name) + 1})" in said
    assert f"put it into the environment or into {home}/.env" in said
    variables()
    assert capsys.readouterr().err == "", "it is said once"


def test_the_token_goes_to_no_address_of_a_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(Path(".env"), "AUTOLEARN_URL=http://stranger\nAUTOLEARN_CA=ca.pem\nAUTOLEARN_SEAL=off\n")
    monkeypatch.setenv("AUTOLEARN_TOKEN", "al_secret")
    assert "AUTOLEARN_URL" not in variables()
    assert trust.seals()
    assert trust.trusted("https://ml.example.org") is True
    found = credentials.find("http://api")
    assert found is not None
    assert found.token == "al_secret"


def test_the_environment_wins_then_the_folder_then_the_home(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home / ".env", "AUTOLEARN_SLOTS=1\nAUTOLEARN_TIME_LIMIT=1\nAUTOLEARN_LOG_LEVEL=error\n")
    write(Path(".env"), "AUTOLEARN_SLOTS=2\nAUTOLEARN_TIME_LIMIT=2\n")
    monkeypatch.setenv("AUTOLEARN_SLOTS", "3")
    settings = read_settings()
    assert (
        settings.workers.slots,
        settings.workers.time_limit,
        settings.observability.log_level,
    ) == (3, 2.0, "error")


def test_the_home_may_set_everything_but_where_it_is(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home / ".env", "AUTOLEARN_KAFKA=a:1\nAUTOLEARN_HOME=/x\nAUTOLEARN_CA=ca.pem\n")
    assert ours(home) == {"AUTOLEARN_KAFKA": "a:1", "AUTOLEARN_CA": f"{home}/ca.pem"}
    assert "may not set AUTOLEARN_HOME: put it into the environment" in capsys.readouterr().err
    monkeypatch.chdir(home)  # its file is the current folder's, too
    assert ours(home)["AUTOLEARN_KAFKA"] == "a:1"


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_home_file_that_others_may_write_is_refused(home: Path, mode: int) -> None:
    write(home / ".env", "AUTOLEARN_KAFKA=a:1\n", mode)
    with pytest.raises(SettingsError, match=r"may be written by others.*chmod|mode 06"):
        variables()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("AUTOLEARN_SLOTS=1\n".encode("utf-16"), "not UTF-8, but UTF-16, it seems"),
        ("AUTOLEARN_SLOTS=1\n".encode("utf-16-be"), "not UTF-8, but UTF-16, it seems"),
        (b"AUTOLEARN_SLOTS=\xff\n", r"not UTF-8\."),
        (b"#" * 70_000, "more than 65536 bytes"),
    ],
)
@pytest.mark.parametrize("where", ["home", "here"])
def test_what_cannot_be_read_says_so_clients_too(
    home: Path, content: bytes, words: str, where: str
) -> None:
    path = home / ".env" if where == "home" else Path(".env")
    path.write_bytes(content)
    path.chmod(0o600)
    for ask in (read_settings, lambda: AutoLearn("http://127.0.0.1:1")):
        with pytest.raises(SettingsError, match=words):
            ask()


def test_a_byte_order_mark_is_passed_over(home: Path) -> None:
    Path(".env").write_bytes(b"\xef\xbb\xbfAUTOLEARN_SLOTS=7\n")
    assert read_settings().workers.slots == 7


def test_paths_are_those_of_where_they_were_said(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Path.cwd()
    write(home / ".env", "AUTOLEARN_TLS_CERT=cert.pem\nAUTOLEARN_TLS_KEY=/k.pem\n")
    monkeypatch.setenv("AUTOLEARN_ARTIFACTS", "files")
    monkeypatch.setenv("AUTOLEARN_KAFKA_SSL_CA_LOCATION", "ca.pem")
    monkeypatch.setenv("AUTOLEARN_MASTER_KEY_COMMAND", "./kms.sh --key 1")
    monkeypatch.setenv("PYTHONPATH", f"mine{os.pathsep}{os.pathsep}/theirs")
    how = child("autolearn.agents", "decide")
    assert how.folder == home.resolve()
    assert how.command == [sys.executable, "-P", "-m", "autolearn.agents", "decide"]
    assert how.environment["AUTOLEARN_TLS_CERT"] == f"{home}/cert.pem"
    assert how.environment["AUTOLEARN_TLS_KEY"] == "/k.pem"
    assert how.environment["AUTOLEARN_ARTIFACTS"] == f"{here}/files"
    assert how.environment["AUTOLEARN_KAFKA_SSL_CA_LOCATION"] == f"{here}/ca.pem"
    assert how.environment["AUTOLEARN_MASTER_KEY_COMMAND"] == f"{here}/kms.sh --key 1"
    assert how.environment["PYTHONPATH"] == f"{here}/mine{os.pathsep}/theirs"
    monkeypatch.setenv("AUTOLEARN_ARTIFACTS", "s3://bucket/x")
    monkeypatch.setenv("AUTOLEARN_MASTER_KEY_COMMAND", "kms print")
    assert variables()["AUTOLEARN_ARTIFACTS"] == "s3://bucket/x"
    assert variables()["AUTOLEARN_MASTER_KEY_COMMAND"] == "kms print"


def test_a_bare_environment_is_an_allow_list(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = ("AUTOLEARN_MASTER_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "KRB5CCNAME")
    for name in secret:
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    found = bare_environment()
    assert found["OPENBLAS_CORETYPE"] == "Haswell", "runs use these kernels"
    assert not set(secret) & set(found)
    assert (found["LC_ALL"], found["PYTHONSAFEPATH"]) == ("C.UTF-8", "1")
    assert child_environment({})["PYTHONSAFEPATH"] == "1"
    assert python_command("m", "a") == [sys.executable, "-P", "-m", "m", "a"]


def test_no_other_place_starts_a_module() -> None:
    """One function makes the command line of a child."""
    root = Path(__file__).parents[2]
    rooms = (
        *("agents", "api", "artifacts", "client", "eventlog", "ml", "operations", "projections"),
        *("runtime", "security"),
    )
    files = {file.relative_to(root) for room in rooms for file in (root / room).rglob("*.py")}
    starting = {str(file) for file in files if "sys.executable" in (root / file).read_text()}
    assert starting == {"runtime/child_process.py"}
