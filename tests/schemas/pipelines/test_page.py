"""The page about pipelines, and the templates, with the steps that AutoLearn has."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from autolearn.ml.entry_points import STEPS as GROUP
from autolearn.ml.plugins import steps_of
from autolearn.schemas.pipelines.faults import PipelineInvalid
from autolearn.schemas.pipelines.file_keys import FILE, STEP
from autolearn.schemas.pipelines.kinds import DRIVEN
from autolearn.schemas.pipelines.parse import parse
from autolearn.schemas.pipelines.steps import PORT_WORDS, StepSpec
from autolearn.schemas.pipelines.templates import TEMPLATES, template
from autolearn.schemas.values import Column

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "pipelines.md").read_text()
GOOD, FORECAST, BAD = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def steps() -> dict[str, StepSpec]:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    entries = metadata.EntryPoints(metadata.EntryPoint(*one, GROUP) for one in named.items())
    return {name: one.spec() for name, one in steps_of(entries).found.items()} | DRIVEN


def test_the_example_of_the_page_is_a_pipeline(steps: dict[str, StepSpec]):
    assert len(parse(GOOD, steps).steps) == 11
    assert len(parse(FORECAST, steps).steps) == 10


def test_the_faults_of_the_page_are_those_of_its_example(steps: dict[str, StepSpec]):
    with pytest.raises(PipelineInvalid) as raised:
        parse(BAD, steps)
    printed = re.findall(r"^churn\.yaml:\d.*$", PAGE, re.MULTILINE)
    assert [fault.in_file("churn.yaml") for fault in raised.value.faults] == printed


def test_the_page_has_every_key_and_every_kind_of_step(steps: dict[str, StepSpec]):
    for key in (*FILE, *STEP):
        assert re.search(rf"^\| [^|]*`{key.name}`", PAGE, re.MULTILINE), key.name
    rows = dict(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|(.* \| .*) \|", PAGE, re.MULTILINE))
    cells = {kind: row.split(" | ") for names, row in rows.items() for kind in names.split(", ")}
    for spec in steps.values():
        row = PAGE if spec.name in ("train", "fetch") else str(cells[f"`{spec.name}`"])
        assert [one.name for one in spec.parameters if f"`{one.name}`" not in row] == []
        takes, gives = cells[f"`{spec.name}`"][:2]
        assert gives == PORT_WORDS[spec.gives], spec.name
        named = [word for word in PORT_WORDS.values() if re.search(rf"\b{word}\b", takes)]
        assert set(named) <= {PORT_WORDS[port] for slot in spec.takes for port in slot}, spec.name
        assert bool(named) is bool(spec.takes), spec.name


@pytest.mark.parametrize("task", TEMPLATES)
def test_a_template_fits_our_steps(task: str, steps: dict[str, StepSpec]):
    columns = (Column("day", "timestamp"), Column("load", "number", distinct=3))
    text = template(task, name="p", file="data.csv", columns=columns, target="load")
    assert parse(text, steps).name == "p"
