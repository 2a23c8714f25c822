"""The README's examples do what it says: they are run, on the real system."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from autolearn.schemas.rest.comparisons import TrainingComparison
from tests.docs.picture import picture, words_of
from tests.support.running_system import RunningSystem, running_system

pytestmark = [pytest.mark.kafka, pytest.mark.long]

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(README)
URL = "http://127.0.0.1:8321"


def block(language: str, with_words: str) -> str:
    """The one block of the README in a language that has these words."""
    (found,) = [text for kind, text in BLOCKS if kind == language and with_words in text]
    return found


@pytest.fixture(scope="module")
def system(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    # The README is for who has just begun, so tokens are on.
    with running_system(kafka, tmp_path_factory.mktemp("readme"), auth="tokens") as running:
        yield running


def run(system: RunningSystem, command: list[str], folder: Path = ROOT) -> str:
    """Run a command, in the root of the project, as a user of this system would."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ours = {"PATH": path, "AUTOLEARN_URL": system.system.url}
    environment = {**system.system.environment(), **ours}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_picture(system):
    """It shows what these commands of the first block compare to, but for ids and times.

    With PICTURE in the environment it is drawn anew.
    """
    block_ = block("console", "autolearn compare")
    lines = (line[2:].partition("#")[0].strip() for line in block_.splitlines())
    commands = [line for line in lines if line.startswith("autolearn")]
    at = next(at for at, one in enumerate(commands) if "compare" in one)
    run(system, ["sh", "-euc", "autolearn session open\n" + "\n".join(commands[:at])])
    found = run(system, ["sh", "-euc", f"{commands[at]} -o json"])
    drawn = picture(msgspec.json.decode(found, type=TrainingComparison), commands[at])
    kept = ROOT / "docs" / "comparison.svg"
    if "PICTURE" in os.environ:
        kept.write_text(drawn)
    assert words_of(drawn) == words_of(kept.read_text())
    assert f"({kept.relative_to(ROOT)})" in README
    run(system, ["autolearn", "session", "discard", "--yes"])


def test_the_commands(system):
    said = run(system, ["sh", "-euc", block("sh", "autolearn session commit")])
    for word in ("gradient-boosting", "Chinstrap", "precision", "first steps", "equal"):
        assert word in said


def test_the_guide(system, tmp_path):
    """Its commands run in order; the id in it stands for the best training of the comparison."""
    guide = (ROOT / "docs" / "guide.md").read_text()
    blocks = (text for kind, text in BLOCK.findall(guide) if kind == "console")
    commands = [line[2:] for text in blocks for line in text.splitlines() if line[:2] == "$ "]
    assert len(commands) == 20
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    best, said = "", {}
    for command in commands:
        if "79d6fdfb" in command and not best:
            lines = run(system, ["autolearn", "compare", "-o", "csv"], tmp_path).splitlines()
            (best,) = (line[:8] for line in lines if ",logistic-regression,false," in line
                       and ",0.1," in line)  # fmt: skip
        said[command] = run(system, ["sh", "-euc", command.replace("79d6fdfb", best)], tmp_path)
    assert "0.3591" in said[next(one for one in commands if "C=0.01,0.1,1" in one)]
    assert "1 of 1 training, byte for byte" in said['autolearn reproduce "churn v1"']
    head, *lines = (tmp_path / "scored.csv").read_text().splitlines()
    assert head.replace('"', "") == "customer_id,prediction,probability_no,probability_yes"
    assert len(lines) == 400
    assert "logistic-regression" in (tmp_path / "card.md").read_text()


def test_the_past(system):
    said = run(system, ["sh", "-euc", block("sh", "autolearn diff")])
    for word in ("+ added", "DatasetRegistered", "Rebuilt"):
        assert word in said


def test_who_may_see_what(system):
    block_ = block("sh", "autolearn session share").replace(
        "autolearn admin", "echo correct-horse-battery | autolearn admin"
    )
    said = run(system, ["sh", "-euc", block_])  # the first block made the experiment
    for word in ("Added user ada", "/share", "Unbroken"):
        assert word in said


def test_the_python_client(system):
    program = block("python", "autolearn.connect()")
    assert "f1" in run(system, [sys.executable, "-c", program])


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(system):
    command = block("sh", "curl").replace(
        "localhost:8321", system.system.url.removeprefix("http://")
    )
    assert '"title":"from curl"' in run(system, ["sh", "-euc", command])
