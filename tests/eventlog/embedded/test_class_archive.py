"""The start-up archive: made once, by one process, and kept while it is used."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from autolearn.eventlog.embedded import class_archive
from autolearn.eventlog.embedded.class_archive import with_archive
from autolearn.eventlog.embedded.jars import Jars, exclusive


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Archives that were made: of one byte, without a JVM."""
    made: list[Path] = []

    def make(jars: Jars, archive: Path, _: object) -> None:
        archive.write_bytes(b"x")
        made.append(archive)

    monkeypatch.setattr(class_archive, "_make", make)
    return made


def test_it_is_made_once(made: list[Path], tmp_path: Path):
    jars = Jars(tmp_path, ())
    assert [with_archive(jars).archive for _ in range(2)] == made * 2
    assert len(made) == 1


def test_nobody_waits_for_another_process_that_makes_it(made: list[Path], tmp_path: Path):
    jars = Jars(tmp_path, ())
    (tmp_path / ".training-theirs").mkdir()
    with exclusive(tmp_path):
        (tmp_path / ".training-theirs").mkdir()
        assert with_archive(jars).archive is None
        assert (tmp_path / ".training-theirs").exists(), "what they make is left alone"
    assert with_archive(jars).archive == made[0]


@pytest.mark.parametrize(("days", "left"), [(0, 8), (2, 3)])
def test_those_that_are_used_stay(days: int, left: int, tmp_path: Path):
    now = time.time()
    for number in range(10):
        archive = tmp_path / f"start-{number}.aot"
        archive.write_bytes(b"x")
        os.utime(archive, (now, now - days * 24 * 3600 - number))
    class_archive._drop_old(tmp_path)
    assert sorted(tmp_path.glob("*.aot")) == [tmp_path / f"start-{n}.aot" for n in range(left)]


def test_use_is_noted(made: list[Path], tmp_path: Path):
    archive = with_archive(Jars(tmp_path, ())).archive
    assert archive is not None
    os.utime(archive, (0, 0))
    with_archive(Jars(tmp_path, ()))
    assert time.time() - archive.stat().st_mtime < 60
