"""Pipelines over the command line, on a system that runs."""

import re
import uuid
from pathlib import Path

import pytest

from tests.client.conftest import Laptop
from tests.support.cli_processes import Desk

pytestmark = pytest.mark.kafka

TEXT = """\
pipeline: {name}
parameters:
  least: {{type: integer, default: 1}}
  column: {{default: b}}
steps:
  - source: {{file: rows.csv}}
  - select: {{where: "a > ${{least}}", columns: ["${{column}}", a]}}
  - deliver: {{file: out/kept.csv}}
"""


@pytest.fixture(scope="module")
def desk(laptop: Laptop, config: Path) -> Desk:
    return Desk(laptop.home, config)


@pytest.fixture
def name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a pipeline, whose file and data are in the current folder."""
    name = f"rows-{uuid.uuid4().hex[:8]}"
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("a,b\n1,x\n2,y\n3,z\n")
    Path("it.yaml").write_text(TEXT.format(name=name))
    return name


def test_a_file_is_run_taken_from_the_cache_and_repeated_after_a_failure(desk: Desk, name: str):
    first = desk("pipeline", "run", "it.yaml")
    again = desk("pipeline", "run", name)
    failed = desk("pipeline", "run", name, "-p", "column=c")
    run = re.search(r"run-repeat (\w+)", failed.err)
    assert run is not None, failed.err
    repeated = desk("pipeline", "run-repeat", run[1])

    assert first.code == 0, first.err
    short = first.out.split()[1][:8]
    assert "3 → 2" in first.out
    assert "head out/kept.csv" in first.out
    assert len(Path("out/kept.csv").read_text().splitlines()) == 3
    assert again.out.count(f"from run {short}") == 3
    assert failed.code == repeated.code == 1
    assert "The step select failed" in failed.err
    assert "cached" in repeated.err
    listed = desk.says("pipeline", "runs", name)["items"]
    assert [one["status"] for one in listed] == ["failed", "failed", "completed", "completed"]
    done_again = desk.says("replay", "pipeline", listed[2]["id"])["steps"]
    assert {one["verdict"] for one in done_again} == {"identical"}
    assert {one["made_by"] for one in done_again} == {listed[3]["id"]}


def test_faults_of_a_file_are_printed_with_their_places(desk: Desk, name: str):
    text = Path("it.yaml").read_text()
    Path("it.yaml").write_text(
        text.replace("source:", "sourse:").replace("deliver:", "deliver: 1 #")
    )

    said = desk("pipeline", "apply", "it.yaml", "--dry-run")

    assert said.code == 2
    assert re.match(r"it\.yaml:6:5: .*source", said.err)
    assert "\nit.yaml:8:5: " in said.err
    assert desk("pipeline", "show", name).code == 4


def test_a_template_is_a_file_that_is_right(desk: Desk, name: str):
    words = ["pipeline", "new", "rows.csv", "--template", "clustering", "--name", name]

    desk.does(*words)
    again = desk(*words)

    assert again.code == 2, "it replaces no file"
    desk.does("pipeline", "apply", f"{name}.yaml", "--dry-run")
