"""The templates of files."""

from __future__ import annotations

import pytest

from autolearn.schemas.pipelines.parse import parse
from autolearn.schemas.pipelines.templates import TEMPLATES, TemplateUnfit, template
from autolearn.schemas.values import Column
from tests.schemas.pipelines.kinds import STEPS

NASTY = 'no: "it\'s" # ${x} {y}\n\x7f列'
COLUMNS = (
    Column("customer", "string", distinct=None),
    Column("since", "timestamp"),
    Column("churned", "boolean", distinct=2),
    Column("rooms", "integer", distinct=7),
    Column(NASTY, "number", distinct=None),
)


@pytest.mark.parametrize(
    ("task", "target", "kinds"),
    [
        ("classification", "churned", "clean split train evaluate compare promote predict deliver"),
        ("classification", "rooms", "clean split train evaluate compare promote predict deliver"),
        ("regression", NASTY, "clean split train evaluate compare promote predict deliver"),
        ("clustering", "", "clean split train evaluate compare promote predict deliver"),
        ("anomaly", "", "clean train evaluate promote predict deliver"),
        (
            "forecast",
            NASTY,
            "clean windows features split train evaluate compare promote predict deliver",
        ),
    ],
)
def test_a_template_is_a_file_that_names_what_is_there(task: str, target: str, kinds: str):
    text = template(task, name="churn", file="my data.csv", columns=COLUMNS, target=target)
    definition = parse(text, STEPS)
    by_kind = {step.kind: step.parameters for step in definition.steps}
    assert list(by_kind) == ["source", *kinds.split()]
    assert by_kind["source"] == {"file": "my data.csv"}
    learned = by_kind["train"].get("target", "")
    named = learned["column"] if isinstance(learned, dict) else learned
    assert named == target.replace("${", "$${")
    if task == "forecast":
        assert by_kind["split"] == {"by": "time", "column": "since", "test": "${test}"}


def test_every_template_is_tested():
    assert set(TEMPLATES) == {"classification", "regression", "clustering", "anomaly", "forecast"}


@pytest.mark.parametrize(
    ("task", "target", "words"),
    [
        ("clasification", "churned", "did you mean classification?"),
        ("classification", "", "none is named"),
        ("classification", "churn", "did you mean churned?"),
        ("classification", NASTY, "many different numbers, which are no classes"),
        ("classification", "since", "times, which are no classes"),
        ("regression", "customer", "customer has text, and regression learns numbers"),
        ("forecast", "churned", "forecast learns numbers"),
    ],
)
def test_a_template_for_another_task_is_refused(task: str, target: str, words: str):
    with pytest.raises(TemplateUnfit, match=words.replace("?", r"\?")):
        template(task, name="churn", file="data.csv", columns=COLUMNS, target=target)


@pytest.mark.parametrize(
    ("time", "words"), [("sinse", "did you mean since"), ("rooms", "no times"), ("", "has none")]
)
def test_a_forecast_needs_times(time: str, words: str):
    columns = COLUMNS if time else COLUMNS[2:]
    with pytest.raises(TemplateUnfit, match=words):
        template("forecast", name="f", file="f.csv", columns=columns, target="rooms", time=time)
