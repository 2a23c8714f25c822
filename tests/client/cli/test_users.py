"""Users on the command line, on `autolearn up` with tokens on."""

import json
from pathlib import Path

import psutil
import pytest

from autolearn.client.sdk.access.credentials import place_of_home
from tests.client.conftest import Laptop
from tests.support.cli_processes import Desk, Up

pytestmark = pytest.mark.kafka

PASSWORD = "correct horse battery"


@pytest.fixture
def admin(laptop: Laptop, config: Path) -> Desk:
    return Desk(laptop.home, config)


@pytest.fixture
def ada(running: Up, tmp_path: Path) -> Desk:
    return Desk(running.home, tmp_path / "ada")


def test_up_makes_the_first_sysadmin_and_says_where_the_token_is(
    laptop: Laptop, running: Up, admin: Desk
):
    file = admin.config / "autolearn" / "tokens.json"
    assert f"made the first sysadmin, 'admin'; the token is in {file}" in laptop.said_first
    kept = json.loads(file.read_bytes())[place_of_home(running.home)]
    assert kept["token"] not in laptop.said_first + running.said
    assert file.stat().st_mode & 0o777 == 0o600
    me = json.loads(admin.does("whoami", "-o", "json"))
    assert (me["name"], me["role"], me["expires"]) == ("admin", "sysadmin", None)
    for log in (running.home / "logs").iterdir():
        assert kept["token"] not in log.read_text()


def test_nothing_listens_beyond_this_machine(running: Up):
    listening = [
        connection.laddr.ip
        for process in (running.process, *running.family())
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) == {"127.0.0.1"}


def test_a_history_names_who_did_what_and_nothing_secret(admin: Desk):
    lines = admin.does("history", "user/admin").splitlines()
    for line, happened in zip(lines[2:4], ("UserAdded", "TokenIssued"), strict=True):
        assert line.split()[3:6] == ["agent", "first-user", happened]
    assert "argon2" not in admin.does("history", "user/admin", "-o", "json")


def test_without_a_token_nothing_is_said(ada: Desk):
    said = ada("session", "list")
    assert (said.code, said.out) == (4, "")
    assert "autolearn login" in said.err


def test_a_user_logs_in_works_shares_and_logs_out(admin: Desk, ada: Desk, tmp_path: Path):
    grace = Desk(admin.home, tmp_path / "grace")
    for name, desk in (("ada", ada), ("grace", grace)):
        assert f"Added user {name}" in admin.does("admin", "user", "add", name, typed=PASSWORD)
        said = desk.does("login", name, typed=f"{PASSWORD}\n")
        assert f"Logged in as {name}" in said
        assert str(desk.config / "autolearn" / "tokens.json") in said
    session = ada.does("session", "open", "--title", "mine").split()[-1]
    assert grace("session", "show", session).code == 4
    shared = ada("session", "share", session[:8], "grace")
    assert shared.out == "Shared with grace (read)\n"
    assert "see that 'grace' is right" in shared.err
    assert "mine" in grace.does("session", "show", session)
    assert "ada" in grace.does("session", "show", session)
    assert grace("session", "discard", "--session", session, "--yes").code == 4
    assert "(confidential)" in admin.does("session", "show", session)
    assert ada.does("session", "unshare", session, "grace") == "Shared with nobody\n"
    assert grace("session", "show", session).code == 4
    assert ada.does("logout") == "Logged out ada\n"
    assert ada("session", "show", session).code == 4
    assert ada("logout").code == 1


def test_a_wrong_password_is_refused_and_nothing_is_kept(ada: Desk):
    said = ada("login", "admin", typed="wrong password\n")
    assert said.code == 4
    assert "wrong password" not in said.err
    assert not (ada.config / "autolearn").exists()
    assert ada("login", "admin", typed="").code == 2


def test_tokens_are_made_used_listed_and_revoked(admin: Desk, ada: Desk):
    token = admin.does("token", "new", "--name", "for a script", "--days", 1).strip()
    assert json.loads(ada.does("whoami", "-o", "json", token=token))["name"] == "admin"
    assert ada.does("token", "show", token=token).strip() == token
    listed = admin.does("token", "list")
    assert "for a script" in listed
    assert token not in listed
    identifier = token.split("_")[1]
    assert f"Revoked {identifier} of admin" in admin.does("token", "revoke", identifier)
    assert ada("whoami", token=token).code == 4


def test_sysadmins_administer_users(admin: Desk, ada: Desk):
    admin.does("admin", "user", "add", "lise", "--no-password")
    assert ada("login", "lise", typed=f"{PASSWORD}\n").code == 4
    admin.does("admin", "user", "password", "lise", typed=f"{PASSWORD}\n")
    ada.does("login", "lise", typed=f"{PASSWORD}\n")
    assert ada("admin", "user", "list").code == 4
    assert admin.does("admin", "user", "role", "lise", "sysadmin") == "lise is sysadmin\n"
    assert "lise" in ada.does("admin", "user", "list")
    new = "another password"
    ada.does("password", typed=f"{PASSWORD}\n{new}\n")
    admin.does("admin", "user", "disable", "lise")
    assert ada("whoami").code == 4
    admin.does("admin", "user", "enable", "lise")
    assert ada("whoami").code == 4
    ada.does("login", "lise", typed=f"{new}\n")
    assert "lise" in ada.does("whoami")
    ada.does("token", "new")
    assert "but the one in use" in ada.does("token", "revoke", "--all")
    assert "lise" in ada.does("whoami")
    said = admin("admin", "user", "disable", "admin")
    assert (said.code, "Another sysadmin" in said.err) == (4, True)


def test_the_first_user_is_made_once_or_anyway(running: Up, admin: Desk, ada: Desk):
    with pytest.MonkeyPatch.context() as env:
        for name, value in running.settings.items():
            env.setenv(f"AUTOLEARN_{name.upper()}", str(value))
        said = ada("admin", "first-user", **running.settings)
        assert said.code == 1
        assert "There are users already" in said.err
        words = ("admin", "first-user", "--anyway", "--user", "rescue")
        assert "Made sysadmin rescue" in ada.does(*words, **running.settings)
        printed = ada.does(*words, "--print", **running.settings).strip()
    me = json.loads(ada.does("whoami", "-o", "json"))
    assert (me["name"], me["role"]) == ("rescue", "sysadmin")
    kept = ada.does("token", "show").strip()
    assert kept != printed
    assert json.loads(ada.does("whoami", "-o", "json", token=printed))["name"] == "rescue"
