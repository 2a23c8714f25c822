"""A run's parameters, put into the definition of its pipeline."""

from __future__ import annotations

import pytest

from autolearn.schemas.pipelines.definition import Definition
from autolearn.schemas.pipelines.faults import PipelineInvalid
from autolearn.schemas.pipelines.parse import parse
from autolearn.schemas.pipelines.resolve import resolve
from autolearn.schemas.values import JsonValue
from tests.schemas.pipelines.kinds import CHURN, STEPS

TYPED = """\
pipeline: p
parameters:
  rows: {type: integer}
  share: {type: number, default: 0.5}
  header: {type: boolean, default: true}
  day: {type: date, default: 2026-11-27}
steps:
  - source: {file: "${day}.csv", header: "${header}"}
  - select: {rows: "${rows}", where: "x < ${share} and y == '$${rows}' and z == ${header}"}
"""


def values(definition: Definition) -> list[dict[str, JsonValue]]:
    return [step.parameters for step in definition.steps]


def test_defaults_are_put_in_with_their_types():
    found = resolve(parse(CHURN, STEPS), {}, STEPS)
    assert found.steps[1].parameters["where"] == "region == 'eu'"
    assert found.steps[1].keep_as == "churn-eu"
    assert found.steps[2].parameters == {"test": 0.25}
    assert found.parameters == {}


@pytest.mark.parametrize(
    "given",
    [
        {"rows": "7", "share": "1e-3", "header": "false", "day": "2024-02-29"},
        {"rows": 7, "share": 0.001, "header": False, "day": "2024-02-29"},
    ],
)
def test_words_of_a_command_line_are_converted_by_type(given: dict[str, JsonValue]):
    assert values(resolve(parse(TYPED, STEPS), given, STEPS)) == [
        {"file": "2024-02-29.csv", "header": False},
        {"rows": 7, "where": "x < 0.001 and y == '${rows}' and z == false"},
    ]


@pytest.mark.parametrize(
    ("given", "pointer", "words"),
    [
        ({}, "/parameters/rows", "rows must be given: integer"),
        ({"rows": 7, "rws": 1}, "/parameters/rws", "did you mean rows?"),
        ({"rows": "1_000"}, "/parameters/rows", 'must be integer; got "1_000"'),
        ({"rows": 7.5}, "/parameters/rows", "must be integer; got 7.5"),
        ({"rows": 0}, "/steps/1/parameters/rows", "rows must be integer >= 1; got 0"),
        ({"rows": 7, "share": "nan"}, "/parameters/share", 'number; got "nan"'),
        ({"rows": 7, "header": "yes"}, "/parameters/header", "true or false"),
        ({"rows": 7, "day": "2026-02-29"}, "/parameters/day", "a date such as"),
        ({"rows": 7, "day": 20261127}, "/parameters/day", "string; got 20261127"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, JsonValue], pointer: str, words: str):
    definition = parse(TYPED, STEPS)
    with pytest.raises(PipelineInvalid) as raised:
        resolve(definition, given, STEPS)
    (fault,) = raised.value.faults
    assert (fault.pointer, fault.line) == (pointer, 0)
    assert words in fault.detail


def test_an_expression_and_a_split_are_checked_with_the_values_of_the_run():
    text = """\
pipeline: p
parameters: {how: {}, fit: {}}
steps:
  - source: {dataset: d}
  - select: {where: "a > ${fit}"}
  - split: {by: "${how}"}
  - train: {estimator: ridge, target: {column: load, ahead: 1h}}
"""
    definition = parse(text, STEPS)
    assert resolve(definition, {"how": "time", "fit": "0"}, STEPS)
    with pytest.raises(PipelineInvalid) as raised:
        resolve(definition, {"how": "group", "fit": "(1"}, STEPS)
    assert [fault.pointer for fault in raised.value.faults] == [
        "/steps/1/parameters/where",
        "/steps/2/parameters/by",
    ]


def test_what_is_put_in_is_bounded():
    days = "${day}".join(["'"] * 1000)
    text = f"""\
pipeline: p
parameters: {{day: {{}}}}
steps:
  - source: {{dataset: d}}
  - select:
      where: "{days}"
"""
    with pytest.raises(PipelineInvalid, match="there are more than 262,144 characters"):
        resolve(parse(text, STEPS), {"day": "x" * 1000}, STEPS)


def test_a_kind_that_no_worker_offers_any_more_is_named():
    definition = parse(CHURN, STEPS)
    with pytest.raises(PipelineInvalid, match="no worker offers a step 'select'"):
        resolve(definition, {}, {name: spec for name, spec in STEPS.items() if name != "select"})
