"""A run, and the reader of hostile files, reach nothing but the files that they were given."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autolearn.agents.executors.executor import Completed, Failed
from autolearn.agents.executors.local.executor import LocalExecutor
from autolearn.agents.executors.local.run_folder import RunFolder
from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.sandbox import ProfileJob, profile_apart
from autolearn.artifacts.store.errors import ArtifactError
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.runtime import sandbox
from autolearn.schemas.results import TrainingResult
from autolearn.schemas.values import TrainedArtifact
from autolearn.schemas.workers.cluster import DaskSettings
from tests.support.attacks import REFUSED, attack
from tests.support.run_executor import ENOUGH, importable, play

SECRETS = {"AUTOLEARN_MASTER_KEY": "A" * 24, "AWS_SECRET_ACCESS_KEY": "s3"}


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What is attacked: a listener, as the broker is one, a master key, a folder; secrets."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    key = tmp_path / "keys" / "master.key"
    key.parent.mkdir()
    key.write_text("secret")
    key.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        yield {"port": port, "secret": str(key), "other": str(tmp_path / "other")}


def check_refused(found: dict[str, Any]) -> None:
    """Whatever was tried was refused: all of it where the system has seccomp and Landlock."""
    assert found.pop("secrets") == []
    assert found.pop("core") == [0, 0]
    assert found.pop("niceness") == max(sandbox.NICENESS, os.nice(0))
    assert len(found) == 10
    assert not sandbox.missing(), "the tests run on Linux 5.13 or newer, with Landlock"
    assert {name: how for name, how in found.items() if how not in REFUSED} == {}


def test_the_attacks_work_where_nothing_keeps_them(target: dict[str, Any]) -> None:
    found = attack(**target)
    assert found["connect"] == found["read a key"] == found["write elsewhere"] == "done"
    assert {*SECRETS} <= {*found["secrets"]}


def test_a_run_cannot_break_out(target: dict[str, Any]) -> None:
    async def story(executor: LocalExecutor) -> None:
        outcome = await executor.start("breaks_out", target, ENOUGH).outcome()
        assert isinstance(outcome, Completed), outcome
        check_refused(outcome.result)

    play(story)


def test_a_run_with_a_network_connects_and_does_no_more_than_others(target: dict[str, Any]) -> None:
    async def story(executor: LocalExecutor) -> None:
        outcome = await executor.start("breaks_out", target, ENOUGH, network=True).outcome()
        assert isinstance(outcome, Completed), outcome
        assert outcome.result["connect"] == "done"
        check_refused({**outcome.result, "connect": "EPERM"})
        cluster = DaskSettings("tcp://127.0.0.1:1")
        outcome = await executor.start("withdrawn", target, ENOUGH, cluster=cluster).outcome()
        assert isinstance(outcome, Completed), outcome
        check_refused(outcome.result)
        outcome = await executor.start("breaks_out", target, ENOUGH).outcome()
        assert isinstance(outcome, Completed), outcome
        check_refused(outcome.result)

    play(story)


def test_the_reader_of_hostile_files_cannot_break_out(
    target: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that the file has taken over is played by a module of its name."""
    taken_over = tmp_path / "lib" / "pyarrow.py"
    taken_over.parent.mkdir()
    taken_over.write_text(
        "import json\n"
        "from autolearn.artifacts.datasets.errors import DatasetRefused\n"
        "from tests.support.attacks import attack\n"
        f"raise DatasetRefused(json.dumps(attack(**{target})))\n"
    )
    root = Path(__file__).parents[3]
    monkeypatch.setenv("PYTHONPATH", f"{taken_over.parent}{os.pathsep}{root}")
    file = tmp_path / "data.csv"
    file.write_text("a,b\n1,2\n")
    question = ProfileJob(path=str(file), name="x", version="v", bytes=8)
    with pytest.raises(DatasetRefused) as refused:
        asyncio.run(profile_apart(question))
    check_refused(json.loads(refused.value.sentences[0]))


def test_a_plug_in_that_wants_the_network_fails_with_the_reason(target: dict[str, Any]) -> None:
    async def story(executor: LocalExecutor) -> None:
        outcome = await executor.start("online", target["port"], ENOUGH).outcome()
        assert isinstance(outcome, Failed)
        assert outcome.reason == "raised"
        assert "the licence server does not answer. A run has no network" in outcome.detail

    play(story)


def test_without_landlock_signals_and_emptying_are_refused_all_the_same(tmp_path: Path) -> None:
    (key := tmp_path / "master.key").write_text("secret")
    program = (
        "import os, signal\n"
        "from autolearn.runtime import sandbox\n"
        "sandbox._landlock = lambda libc: 0\n"
        "sandbox.harden(); sandbox.confine([], [])\n"
        "os.kill(os.getpid(), 0); os.kill(0, 0)\n"
        "os.dup2(os.pidfd_open(os.getppid()), 0)\n"
        "for call, *arguments in (\n"
        "    (os.kill, os.getppid(), 0),\n"
        "    (signal.pidfd_send_signal, 0, 0),\n"
        f"    (os.truncate, {str(key)!r}, 0),\n"
        "):\n"
        "    try:\n        call(*arguments)\n"
        "    except PermissionError:\n        continue\n"
        "    raise AssertionError(call)\n"
        "print(sandbox.missing())\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.stdout == "('files',)\n", said.stderr
    assert key.read_text() == "secret"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.platform, "machine", lambda: "riscv64")
    assert sandbox.missing() == ("network",)
    for version, lacks in ((0, ("files", "signals")), (2, ("truncation", "signals")), (6, ())):
        monkeypatch.setattr(sandbox, "_landlock", lambda _, version=version: version)
        assert sandbox.missing() == ("network", *lacks)
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    assert sandbox.missing() == ("network", "files", "signals", "memory")


@pytest.mark.parametrize("how", ["link", "hard link", "pipe", "linked folder", "another name"])
def test_what_a_run_leaves_is_kept_only_as_plain_files_of_its_own(tmp_path: Path, how: str) -> None:
    key = tmp_path / "master.key"
    key.write_text("secret")
    run = RunFolder(tmp_path / "run", ArtifactStore((tmp_path / "store").as_uri()))
    run.fetch("catalog", b"null")
    digest = "a" * 64
    left = run.path / "out" / digest
    left.mkdir()
    (left / "model.skops").write_text("fitted")
    result = TrainingResult(TrainedArtifact(digest, {}, 1), {}, {}, 1, 1, 0.1, 0.1)
    if how == "link":
        (left / "schema.json").symlink_to(key)
    elif how == "hard link":
        (left / "schema.json").hardlink_to(key)
    elif how == "pipe":
        os.mkfifo(left / "schema.json")
    elif how == "linked folder":
        left.rename(run.path / "elsewhere")
        left.symlink_to(run.path / "elsewhere")
    else:
        result = TrainingResult(TrainedArtifact("../in", {}, 1), {}, {}, 1, 1, 0.1, 0.1)
    with pytest.raises(ArtifactError, match="plain files of its own"):
        run.keep(result)


def test_what_outlives_a_run_changes_nothing_of_what_is_kept(tmp_path: Path) -> None:
    class Slow(ArtifactStore):
        """Before it reads a folder that was looked at, what is left of the run has its turn."""

        def put_folder(self, local: Path) -> TrainedArtifact:
            with outlives:
                assert outlives.communicate("go\n")[0] == "[Errno 13] Permission denied\n"
            return super().put_folder(local)

    run = RunFolder(tmp_path / "run", Slow((tmp_path / "store").as_uri()))
    run.fetch("catalog", b"null")
    digest = "a" * 64
    left = run.path / "out" / digest
    left.mkdir()
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from autolearn.runtime import sandbox\n"
        f"sandbox.harden(); sandbox.confine([], [Path({str(left.parent)!r})])\n"
        f"folder = os.open({str(left)!r}, os.O_RDONLY)\n"
        "print('fitted', file=open('model.skops', 'w', opener=lambda name, how:"
        " os.open(name, how, dir_fd=folder)))\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "try:\n    os.symlink('/etc/shadow', 'schema.json', dir_fd=folder)\n"
        "except PermissionError as error:\n    print(str(error).partition(':')[0])\n"
    )
    pipe = subprocess.PIPE
    outlives = subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True)
    assert outlives.stdout is not None
    assert outlives.stdout.readline() == "ready\n"
    result = TrainingResult(TrainedArtifact(digest, {}, 1), {}, {}, 1, 1, 0.1, 0.1)
    kept = run.keep(result).artifact
    assert kept.digest != digest, "what is kept has the digest of its own bytes"
    assert list(kept.files) == ["model.skops"]


def test_a_local_store_is_read_in_place_and_others_are_fetched(tmp_path: Path) -> None:
    for store in (ArtifactStore((tmp_path / "store").as_uri()), ArtifactStore("memory://fetched")):
        blob = store.put_blob([b"a,b\n1,2\n"])
        run = RunFolder(tmp_path / f"run-{store.url[:4]}", store)
        request = {"dataset": {"name": "x", "version": blob.digest}}
        elsewhere = run.fetch("training", json.dumps(request).encode())
        path = run.path / "in" / blob.digest
        assert path.read_bytes() == b"a,b\n1,2\n"
        assert elsewhere == ([str(path.resolve())] if path.is_symlink() else [])


def test_what_cannot_be_fetched_fails_the_run_with_the_reason() -> None:
    async def story() -> None:
        executor = LocalExecutor("memory://empty", preload="tests.support.hostile_kinds")
        request = {"dataset": {"name": "x", "version": "b" * 64}}
        outcome = await executor.start("training", request, ENOUGH).outcome()
        assert isinstance(outcome, Failed)
        assert "there is no dataset bbbb" in outcome.detail
        await executor.close()

    with importable():
        asyncio.run(story())
