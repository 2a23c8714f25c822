"""Files for this user only: whole or not there, on the disk, and closed to others."""

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autolearn.runtime.private_files import create_once, read_checked, replace
from autolearn.schemas.errors import SettingsError

IMPORTS = """
import os, signal, sys
from pathlib import Path
from autolearn.runtime.private_files import create_once, read_checked, replace
"""
CREATES = f"""{IMPORTS}
folder, name = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(50):
    path = folder / "keys" / str(number)
    created = create_once(path, name.encode() * 1000)
    print(int(created), read_checked(path, "").decode())
"""
DIES = f"""{IMPORTS}
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
{{}}(Path(sys.argv[1]), b"new")
"""


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest):
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_a_file_and_its_folder_are_for_their_owner_whatever_the_umask(tmp_path: Path):
    path = tmp_path / "keys" / "a.key"
    assert create_once(path, b"one")
    assert (mode_of(path), mode_of(path.parent)) == (0o600, 0o700)
    replace(path, b"two")
    assert (mode_of(path), path.read_bytes()) == (0o600, b"two")
    assert [file.name for file in path.parent.iterdir()] == ["a.key"]


def test_a_second_create_keeps_the_first(tmp_path: Path):
    path = tmp_path / "a.key"
    assert create_once(path, b"first")
    assert not create_once(path, b"second")
    assert path.read_bytes() == b"first"
    assert [file.name for file in tmp_path.iterdir()] == ["a.key"]


def test_processes_that_create_at_once_read_one_content(tmp_path: Path):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", CREATES, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "abc"
    ]
    for one in started:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in started:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    printed = [one.communicate()[0].splitlines() for one in started]
    for number, lines in enumerate(zip(*printed, strict=True)):
        created, contents = zip(*(line.split() for line in lines), strict=True)
        winner = "abc"[created.index("1")]
        assert sorted(created) == ["0", "0", "1"], number
        assert set(contents) == {winner * 1000}, number
    assert all(len(lines) == 50 for lines in printed)
    assert len(list((tmp_path / "keys").iterdir())) == 50


@pytest.mark.parametrize(("function", "left"), [("create_once", None), ("replace", b"old")])
def test_a_process_that_is_killed_while_it_writes_leaves_what_was_there(
    tmp_path: Path, function: str, left: bytes | None
):
    path = tmp_path / "a.key"
    if left is not None:
        create_once(path, left)
    died = subprocess.run([sys.executable, "-c", DIES.format(function), str(path)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert (path.read_bytes() if path.exists() else None) == left
    (torn,) = set(tmp_path.iterdir()) - {path}
    assert mode_of(torn) == 0o600, "nobody else can read the part that was written"
    replace(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("write", [create_once, replace])
def test_a_full_disk_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, bytes], object]
):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "a.key"
    create_once(path, b"old")
    monkeypatch.setattr(os, "fsync", full)
    for target in (path, tmp_path / "b.key"):
        with pytest.raises(OSError, match="No space left"):
            write(target, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.key"]


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("write", [create_once, replace])
def test_content_and_name_are_on_the_disk_in_this_order(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Path, bytes], object],
    there: bool,
):
    """A file that another process created is on the disk, too, before this one uses it."""
    synced, fsync, path = [], os.fsync, tmp_path / "a.key"
    if there:
        create_once(path, b"old")
    before = path.stat().st_ino if there else None

    def noting(descriptor: int) -> None:
        fsync(descriptor)
        named = path.exists() and (path.stat().st_ino != before or write is create_once)
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append(("names" if folder else "content", named))

    monkeypatch.setattr(os, "fsync", noting)
    write(path, b"new")
    assert synced == [("content", there and write is create_once), ("names", True)]


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o602, 0o601, 0o644, 0o777])
def test_a_file_that_others_may_use_is_refused_and_replace_mends_it(tmp_path: Path, mode: int):
    class Unsafe(SettingsError):
        title = "Not safe"

    path = tmp_path / "a key"
    create_once(path, b"secret")
    path.chmod(mode)
    with pytest.raises(SettingsError) as refused:
        read_checked(path, "think of a new one.", title="The key is not safe")
    assert refused.value.diagnostics() == (
        "The key is not safe\n"
        f"  {path} may be read by others (mode {mode:04o}).\n"
        f"  chmod 600 '{path}'; think of a new one."
    )
    with pytest.raises(Unsafe, match=f"mode {mode:04o}"):
        read_checked(path, "", error=Unsafe)
    assert not create_once(path, b"other")
    assert mode_of(path) == mode, "a file that exists is left as it is"
    replace(path, b"new")
    assert read_checked(path, "") == b"new"


def test_no_more_is_read_than_asked_for(tmp_path: Path):
    path = tmp_path / "a.key"
    create_once(path, b"k" * 100_000)
    assert len(read_checked(path, "")) == 64 * 1024
    assert len(read_checked(path, "", limit=10)) == 10
    assert len(read_checked(path, "", limit=-1)) == 100_000
    with pytest.raises(FileNotFoundError):
        read_checked(tmp_path / "none", "")
