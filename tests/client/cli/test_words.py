"""What the command line says of the machine: terminals, homes, disks, ports, settings, paths."""

import asyncio
import errno
import json
import os
import shlex
import socket
import subprocess

import pytest

from autolearn.client.cli.app import of_the_machine
from autolearn.client.cli.exit_codes import words_of
from autolearn.client.cli.terminal_text import escaped
from autolearn.client.local.system import System
from autolearn.client.local.up import where
from autolearn.eventlog.embedded.errors import PortTaken
from autolearn.eventlog.embedded.probe import HeldPorts, require_port
from autolearn.runtime import home as home_module
from autolearn.runtime import process
from autolearn.runtime.home import home_of, lock, require_writable
from autolearn.schemas.errors import ExitCode, SettingsError
from autolearn.schemas.settings import load
from tests.support.cli_processes import autolearn, command, environment
from tests.support.settings import settings_of

HOST = "127.0.0.1"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_a_terminal_cannot_show_is_a_question_mark(tmp_path, encoding):
    said = subprocess.run(
        command("session", "list"),
        env={**environment(home=tmp_path / "日本"), "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert said.returncode == ExitCode.UNREACHABLE, said.stderr
    assert f"{tmp_path}/??.".encode() in said.stderr


def test_json_is_written_in_ascii_where_its_characters_cannot_be_shown():
    document = json.dumps({"title": "Größe 日本 \U0001f600"}, ensure_ascii=False)
    for encoding in ("ascii", "latin-1"):
        shown = escaped(document, encoding)
        assert shown.isascii()
        assert json.loads(shown) == json.loads(document)
    assert escaped(document, "utf-8") == document


def test_a_home_that_cannot_be_is_named_with_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        said = autolearn("session", "list", home=home)
        assert said.code == ExitCode.USAGE
        assert f"{home} cannot be used: it is a file, or lies below one" in said.err
        assert "AUTOLEARN_HOME" in said.err


def test_a_home_on_a_full_disk_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(home_module.tempfile, "TemporaryFile", full)
    with pytest.raises(SettingsError) as refused:
        require_writable(tmp_path)
    assert refused.value.detail == f"{tmp_path} cannot be used: No space left on device."
    assert refused.value.advice.startswith("Make room on its disk")


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_lock_that_cannot_be_written_names_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr(process.os, "write", full)
    with pytest.raises(SettingsError, match=r"up\.lock cannot be used: No space"):
        lock(tmp_path / "up.lock", "").__enter__()


def test_what_the_system_refuses_is_told_with_its_file():
    words = of_the_machine(OSError(errno.EACCES, os.strerror(errno.EACCES), "/x/y"))
    assert "/x/y: Permission denied." in words
    assert "AUTOLEARN_HOME" in words


def test_a_port_that_is_taken_is_named_with_both_ways_out():
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingsError) as taken:
            require_port(HOST, port)
        with pytest.raises(PortTaken) as embedded:
            HeldPorts(port)
    require_port(HOST, port)
    words = words_of(taken.value)
    assert f"Port {port} of {HOST} is taken" in words
    assert "--port" in words
    assert "AUTOLEARN_API_PORT" in words
    assert (taken.value.exit_code, embedded.value.exit_code) == (2, 4)
    assert f"port {port}" in words_of(embedded.value)
    assert "--port" in words_of(embedded.value)


def test_up_says_so_before_it_starts_anything(tmp_path):
    with socket.create_server((HOST, 0)) as other:
        system = System(settings_of(home=str(tmp_path), api_port=other.getsockname()[1]))
        with pytest.raises(SettingsError, match="is taken"):
            asyncio.run(system.start())
    assert system.processes == {}


def test_an_address_of_another_machine_is_no_place_to_listen():
    with pytest.raises(SettingsError, match="is no address of this machine"):
        require_port("192.0.2.1", 0)


def test_the_line_that_up_prints_can_be_pasted(tmp_path):
    home = tmp_path / "my $(touch x) 'home'"
    system = System(settings_of(home=str(home)))
    (line,) = (one for one in where(system, 1.0) if "export" in one)
    command = line.partition("export ")[2]
    assert shlex.split(command)[0] == f"AUTOLEARN_HOME={home}"
    run = ["sh", "-c", f'export {command}; printf %s "$AUTOLEARN_HOME"']
    assert subprocess.run(run, capture_output=True, check=True, text=True).stdout == str(home)


def test_a_setting_that_is_none_is_answered_with_the_nearest():
    with pytest.raises(SettingsError) as refused:
        load({"AUTOLEARN_DISK_RESRVE": "1"})
    assert "Did you mean AUTOLEARN_DISK_RESERVE" in refused.value.advice
    assert len(refused.value.advice) < 400
    assert "docs/settings.md" in refused.value.advice
    with pytest.raises(SettingsError) as refused:
        load({"AUTOLEARN_TOKN": "1"})
    assert "AUTOLEARN_TOKEN" in refused.value.advice


def test_a_folder_that_is_gone_is_no_fault_of_ours(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOLEARN_HOME", "~nobody-of-this-name/x")
    with pytest.raises(SettingsError, match="is no path"):
        process.read_settings()
    with pytest.raises(SettingsError, match="cannot be used"):
        home_of(settings_of(home="~nobody-of-this-name/x"))
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SettingsError, match="current folder"):
        process.read_settings()
