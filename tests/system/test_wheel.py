"""A user's installation: the wheel and what is locked, outside of the repository."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.cli_processes import environment

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]


def locked() -> Iterator[metadata.Distribution]:
    """The distributions of requirements/runtime.txt that this platform has."""
    for line in re.findall(r"^[a-z].*", (ROOT / "requirements" / "runtime.txt").read_text(), re.M):
        requirement = Requirement(line.rstrip("\\ "))
        if requirement.marker is None or requirement.marker.evaluate():
            yield metadata.distribution(requirement.name)


def link(packages: Path) -> None:
    """Fill a folder with links to the files of what is locked: a download is 600 MB."""
    for distribution in locked():
        for file in distribution.files or ():
            found = Path(str(distribution.locate_file(file)))
            if ".." not in file.parts and found.exists():
                target = packages / file
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    target.hardlink_to(found)
                except OSError:  # another file system
                    target.symlink_to(found)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment with the wheel that was made of the sdist."""
    folder = tmp_path_factory.mktemp("user")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    subprocess.run([*build, "--wheel", str(ROOT / "client")], check=True, capture_output=True)
    wheels = list(map(str, folder.glob("*.whl")))
    assert len(wheels) == 2
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    link(packages)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    install = [*pip, "install", "--quiet", "--no-deps", "--no-index", *wheels]
    subprocess.run(install, check=True, capture_output=True)
    subprocess.run([*pip, "check"], check=True, capture_output=True)
    return python.parent


def said(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one of the installed programs, where it cannot find the repository."""
    plain = {k: v for k, v in environment().items() if not k.startswith("PYTHON")}
    command = [str(program), *words]
    done = subprocess.run(command, cwd=program.parent, env=plain, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_program_and_the_public_names_are_there(installed: Path):
    assert "Usage: autolearn" in said(installed / "autolearn", "--help").stdout
    assert said(installed / "autolearn", "version").stdout.split()[-1]
    imports = "import autolearn, autolearn.plugins, autolearn.testing"
    program = f"{imports}; print(autolearn.__file__, autolearn.AutoLearn)"
    where = said(installed / "python", "-c", program).stdout
    assert str(installed.parent) in where
    assert str(ROOT) not in where


def test_a_user_gets_versions_that_are_bounded(installed: Path):
    (packages,) = installed.parent.glob("lib/python*/site-packages")
    (ours,) = metadata.distributions(name="autolearn", path=[str(packages)])
    requires = [Requirement(each) for each in ours.requires or ()]
    loose = {
        each.name
        for each in requires
        if each.marker is None and not {"==", "~=", "<"} & {s.operator for s in each.specifier}
    }
    assert loose == {"tzdata"}


@pytest.mark.kafka
@pytest.mark.timeout(900)
def test_the_demo_ends_with_the_same_state(installed: Path, tmp_path: Path):
    home = tmp_path / "home"
    done = said(installed / "autolearn", "demo", "--home", str(home))
    for model in ("logistic-regression", "decision-tree", "random-forest", "svm", "naive-bayes"):
        for data in ("breast-cancer", "penguins"):
            assert f"{model} on {data}: ✓ completed" in done.stderr
    assert done.stdout.count("deleted state/") >= 6
    for view in ("answers", "catalog", "experiments", "sessions"):
        assert re.search(rf"^{view} +(\w{{8}}) +\1 +equal", done.stdout, re.MULTILINE)
    assert "The rebuilt state is the same" in done.stdout
    assert not (home / "up.json").exists()
