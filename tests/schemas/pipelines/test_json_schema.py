"""The JSON Schema of a file: what editors accept is what the parser accepts, as far as it goes."""

from __future__ import annotations

import pytest
import yaml
from jsonschema import Draft202012Validator

from autolearn.schemas.pipelines.json_schema import json_schema
from tests.schemas.pipelines.kinds import CHURN, STEPS

SCHEMA = json_schema(STEPS)
VALIDATOR = Draft202012Validator(SCHEMA)


def paths_of(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def test_the_schema_is_one_and_takes_a_good_file():
    Draft202012Validator.check_schema(SCHEMA)
    assert paths_of(CHURN) == []
    assert paths_of("pipeline: p\nsteps: [{source: {dataset: d}}, {evaluate: }]") == []


@pytest.mark.parametrize(
    ("was", "is_now", "path"),
    [
        ("pipeline: churn", "pipeline: Churn", "$.pipeline"),
        ("seed: 7", "sed: 7", "$"),
        ("maximum: 0.5", "maximum: half", "$.parameters.test.maximum"),
        ("commit: ask", "commit: never", "$.commit"),
        ("- source: {dataset: churn}", "- source: {dataset: churn, url: u}", "$.steps[0].source"),
        ("- source: {dataset: churn}", "- sauce: {dataset: churn}", "$.steps[0]"),
        ('test: "${test}"', "test: 2", "$.steps[2].split.test"),
        ('test: "${test}"', 'test: "a half"', "$.steps[2].split.test"),
        ("trials: 20", "trails: 20", "$.steps[3].train.candidates[2]"),
        ("attempts: 1", "attempts: 0", "$.steps[3].attempts"),
        ("model: churn, ", "", "$.steps[6].promote"),
    ],
)
def test_a_wrong_file_is_marked_at_its_place(was: str, is_now: str, path: str):
    assert was in CHURN
    assert path in paths_of(CHURN.replace(was, is_now))


def test_keys_are_described_for_completion():
    train = SCHEMA["$defs"]["step"]["properties"]["train"]
    assert train["description"] == STEPS["train"].summary
    candidate = train["properties"]["candidates"]["items"]["anyOf"][1]
    assert list(candidate["properties"]) == ["estimator", "hyperparameters", "grid", "tune"]
    assert candidate["required"] == ["estimator"]
