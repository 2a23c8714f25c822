"""Where the master key comes from, and what is refused."""

import base64
import os
import shlex
import stat
import sys

import pytest

from autolearn.schemas.errors import SettingsError
from autolearn.schemas.settings import Settings, load
from autolearn.security.data_key import Unreadable
from autolearn.security.master_keys import (
    PATIENCE,
    MasterKey,
    MasterKeys,
    key_file,
    make_key_file,
    master_keys,
    write_key_file,
)
from tests.support.settings import settings_of

ONE, TWO = MasterKey.new(), MasterKey.new()


def keep(path, *keys, mode=0o600):
    path.write_text("".join(f"{key.text()}\n" for key in keys))
    path.chmod(mode)
    return path


def test_a_key_comes_from_the_environment_a_file_or_a_command(tmp_path):
    file = keep(tmp_path / "key", ONE, TWO)
    program = f"print('{ONE.text()}\\n{TWO.text()}')"
    for settings in (
        settings_of(master_key=f"{ONE.text()} {TWO.text()}"),
        settings_of(master_key_file=str(file)),
        settings_of(master_key_command=shlex.join([sys.executable, "-c", program])),
    ):
        found = master_keys(settings.encryption, tmp_path)
        assert found is not None
        assert found.present.key == ONE.key
        assert found.find(TWO.id).key == TWO.key


def test_128_bits_are_enough_and_other_lengths_are_refused(tmp_path):
    for length in (16, 32):
        text = base64.b64encode(b"k" * length).decode()
        assert (
            MasterKeys(settings_of(master_key=text).encryption, tmp_path).present.key
            == b"k" * length
        )
    for text in (
        "k" * 24,
        base64.b64encode(b"k" * 24).decode(),
        "not base64",
        "é",
        f"{ONE.text()} x",
    ):
        with pytest.raises(SettingsError) as error:
            MasterKeys(settings_of(master_key=text).encryption, tmp_path)
        assert text.split()[0] not in error.value.diagnostics()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_read_is_refused(tmp_path, mode):
    keep(tmp_path / "key", ONE, mode=mode)
    with pytest.raises(SettingsError, match="read by others"):
        MasterKeys(settings_of(master_key_file=str(tmp_path / "key")).encryption, tmp_path)


def test_without_a_key_nothing_is_encrypted_unless_it_must_be(tmp_path):
    assert master_keys(Settings().encryption, tmp_path) is None
    with pytest.raises(SettingsError) as error:
        master_keys(settings_of(encryption="on").encryption, tmp_path)
    assert "AUTOLEARN_MASTER_KEY" in error.value.advice


@pytest.mark.parametrize("command", ["false", "/not/there", "'", f"{sys.executable} -c 1"])
def test_a_command_that_gives_no_key_is_an_error(tmp_path, command):
    with pytest.raises(SettingsError):
        MasterKeys(settings_of(master_key_command=command).encryption, tmp_path)


def test_the_home_has_a_key_from_its_first_start(tmp_path):
    path = make_key_file(Settings().encryption, tmp_path)
    assert path == key_file(Settings().encryption, tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    first = master_keys(Settings().encryption, tmp_path)
    assert make_key_file(Settings().encryption, tmp_path) is None
    assert master_keys(Settings().encryption, tmp_path).present.id == first.present.id
    elsewhere = tmp_path / "off"
    assert make_key_file(settings_of(encryption="off").encryption, elsewhere) is None
    assert make_key_file(settings_of(master_key=ONE.text()).encryption, elsewhere) is None
    assert not elsewhere.exists()


def test_a_key_that_was_put_first_meanwhile_is_found(tmp_path):
    file = keep(tmp_path / "key", ONE)
    known = MasterKeys(settings_of(master_key_file=str(file)).encryption, tmp_path)
    with pytest.raises(Unreadable):
        known.find(TWO.id)
    write_key_file(file, [TWO, ONE])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert known.find(TWO.id).key == TWO.key
    assert known.present.id == TWO.id
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_command_is_not_run_for_each_record_of_a_key_that_is_lost(tmp_path):
    ran = tmp_path / "ran"
    program = f"open({str(ran)!r}, 'a').write('x'); print('{ONE.text()}')"
    command = shlex.join([sys.executable, "-c", program])
    known = MasterKeys(settings_of(master_key_command=command).encryption, tmp_path)
    for _ in range(5):
        with pytest.raises(Unreadable):
            known.find(TWO.id)
    assert ran.read_text() == "xx", "once at first, and once for the key"
    assert known.find(ONE.id).key == ONE.key


def test_a_command_that_hangs_holds_nobody_up_and_its_answer_counts(tmp_path):
    """An event loop must not wait for it."""
    go, keys = tmp_path / "go", tmp_path / "keys"
    keys.write_text(ONE.text())
    os.mkfifo(go)
    program = f"import os; print(open({str(keys)!r}).read())"
    waits = f"os.path.exists({str(tmp_path / 'hang')!r}) and open({str(go)!r}).read()"
    command = shlex.join([sys.executable, "-c", f"{program}; {waits}"])
    known = MasterKeys(settings_of(master_key_command=command).encryption, tmp_path, patience=0.05)
    (tmp_path / "hang").touch()
    keys.write_text(f"{TWO.text()}\n{ONE.text()}")
    for _ in range(100):
        with pytest.raises(Unreadable):
            known.find(TWO.id)
    assert known.asking.is_alive()
    go.write_text("")
    known.asking.join(PATIENCE)
    assert known.find(TWO.id).key == TWO.key


def test_a_command_that_fails_later_leaves_what_is_known(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(ONE.text())
    known = MasterKeys(settings_of(master_key_command=f"cat {keys}").encryption, tmp_path)
    keys.unlink()
    with pytest.raises(Unreadable):
        known.find(TWO.id)
    assert known.find(ONE.id).key == ONE.key


@pytest.mark.parametrize("write", [lambda path: write_key_file(path, [ONE]), None])
def test_a_key_is_on_the_disk_before_it_is_used(tmp_path, monkeypatch, write):
    synced, fsync = [], os.fsync

    def noting(descriptor):
        fsync(descriptor)
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append("names" if folder and path.exists() else "content")

    path = key_file(Settings().encryption, tmp_path)
    path.parent.mkdir()
    monkeypatch.setattr(os, "fsync", noting)
    make_key_file(Settings().encryption, tmp_path) if write is None else write(path)
    assert synced == ["content", "names"]


def test_it_is_said_once_where_the_key_is():
    with pytest.raises(SettingsError, match="both set"):
        load({"AUTOLEARN_MASTER_KEY": ONE.text(), "AUTOLEARN_MASTER_KEY_FILE": "/k"})


def test_the_id_tells_nothing_about_the_key():
    assert len({ONE.id, TWO.id}) == 2
    assert ONE.id not in ONE.key.hex()
