"""Kinds of steps for the tests: those that are driven, and some functions."""

from __future__ import annotations

from autolearn.schemas.pipelines.kinds import DRIVEN
from autolearn.schemas.pipelines.steps import StepParameter, StepSpec
from autolearn.schemas.values import Domain

TEXT, ARRAY = Domain("string"), Domain("array")

SELECT = StepSpec(
    "select",
    "Chooses columns and rows.",
    parameters=(
        StepParameter(
            "columns", (ARRAY,), None, columns=True, each=StepParameter("column", (TEXT,))
        ),
        StepParameter("where", (TEXT,), None, "A condition."),
        StepParameter("rows", (Domain("integer", minimum=1),), None),
    ),
)
JOIN = StepSpec(
    "join",
    "Joins two tables.",
    takes=(("table",), ("table",)),
    parameters=(StepParameter("on", (TEXT,), summary="the column of both"),),
)
CLEAN = StepSpec(
    "clean",
    "Mends a table.",
    parameters=(
        StepParameter("duplicates", (Domain("string", choices=("keep", "drop")),), "keep"),
    ),
)
WINDOWS = StepSpec(
    "windows",
    "Adds the values of rows before.",
    parameters=(
        StepParameter("time", (TEXT,)),
        StepParameter("columns", (ARRAY,)),
        StepParameter("lags", (ARRAY,), ()),
        StepParameter("rolling", (ARRAY,), ()),
        StepParameter("complete", (Domain("boolean"),), default=False),
    ),
)
FEATURES = StepSpec(
    "features",
    "Adds columns from each row.",
    parameters=(
        StepParameter("dates", (Domain("object"),), None),
        StepParameter("add", (Domain("object"),), None, each=StepParameter("a value", (TEXT,))),
    ),
)
EXPECT = StepSpec(
    "expect", "Checks rules.", parameters=(StepParameter("rules", (Domain("object"),), None),)
)
_FUNCTIONS = (SELECT, JOIN, CLEAN, WINDOWS, FEATURES, EXPECT)
STEPS = {**DRIVEN, **{spec.name: spec for spec in _FUNCTIONS}}

CHURN = """\
pipeline: churn
summary: Who leaves next month
parameters:
  test: {type: number, default: 0.25, minimum: 0.05, maximum: 0.5}
  region: {default: eu, choices: [eu, us]}
seed: 7
commit: ask
keep: 30d
steps:
  - source: {dataset: churn}
  - select: {columns: [a, b, churned], where: "region == '${region}'"}
    keep: dataset:churn-${region}
  - split: {test: "${test}"}
  - train:
      target: churned
      candidates:
        - logistic-regression
        - {estimator: random-forest, grid: {n_estimators: [50, 100]}}
        - {estimator: svm, tune: {trials: 20, space: {C: {low: 0.1, high: 10, log: true}}}}
    attempts: 1
  - evaluate: {metrics: [f1]}
  - compare: {by: f1}
  - promote: {model: churn, require: [f1 >= champion]}
  - predict: {with_input: true}
  - deliver: {file: scores.csv}
"""
