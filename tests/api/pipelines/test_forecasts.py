"""The choice of forecasts, and how the rows of one are split."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from autolearn.api.pipelines.compare_step import compare
from autolearn.api.pipelines.forecast_steps import _split_of
from autolearn.api.pipelines.run import StepFailed, StepWork
from autolearn.api.services.pipelines.step_cache import inputs_of
from autolearn.schemas.pipelines.definition import Step
from autolearn.schemas.pipelines.kinds import DRIVEN
from autolearn.schemas.pipelines.results import StepGave
from autolearn.schemas.values import Column
from tests.support import samples

GAVE = StepGave(
    session="s",
    trainings=("a", "b", "c"),
    artifacts=dict.fromkeys("abc", samples.ARTIFACT),
    horizons={"a": "1h", "b": "1h", "c": "1d"},
    scores={"a": {"mae": 3.0}, "b": {"mae": 2.0}, "c": {"mae": 5.0}},
    naive={
        "1h": {"last value": {"mae": 2.5}},
        "1d": {"last value": {"mae": 9.0}, "7d before": {"mae": 5.0}},
    },
)


def compared(gave: StepGave) -> StepGave:
    row = SimpleNamespace(spec=SimpleNamespace(greater_is_better=False))
    ridge = SimpleNamespace(estimator="ridge", hyperparameters={}, unreadable=False)
    there = SimpleNamespace(
        catalog=SimpleNamespace(metric=lambda _: row),
        runs=SimpleNamespace(training=lambda *_: ridge),
    )

    async def read(look: Any) -> Any:
        return look(there, None)

    step = Step(name="compare", kind="compare", parameters={"by": "mae"}, inputs=("evaluate",))
    work = StepWork(step, DRIVEN["compare"], {"evaluate": gave})
    by: Any = SimpleNamespace(read=read)
    return asyncio.run(compare(by, work))


def test_each_horizon_has_its_best_model_and_naive_ones_are_named_that_are_as_good():
    found = compared(GAVE)
    assert found.bests == {"1h": "b", "1d": "c"}
    assert found.notes == (
        "1h: ridge",
        "1d: ridge",
        "1d: no model beats the naive forecast 7d before, whose mae is 5; the best model has 5",
    )
    assert compared(replace(GAVE, naive={})).notes == ("1h: ridge", "1d: ridge")
    with pytest.raises(StepFailed, match="no training of 1d was measured by mae"):
        compared(replace(GAVE, scores={"a": {"mae": 3.0}}))


def test_later_steps_depend_on_the_horizons_and_their_choice():
    chosen = replace(GAVE, bests={"1h": "b", "1d": "c"})
    others = [
        replace(GAVE, horizons={"a": "1h", "b": "1d", "c": "1d"}),
        replace(GAVE, naive={}),
        replace(GAVE, versions={"load-1h": 2}),
        chosen,
    ]
    step = Step(name="compare", kind="compare")
    inputs = [
        inputs_of(step, DRIVEN["compare"], 0, {"x": one}, {})["input:x"] for one in (GAVE, *others)
    ]
    assert len({*inputs}) == 5
    assert chosen.chosen == {"1h": "b", "1d": "c"}
    assert GAVE.chosen == {}, "one of two is to be chosen for 1h"
    assert replace(GAVE, trainings=("a", "c")).chosen == {"1h": "a", "1d": "c"}


TABLE = replace(
    samples.FLOWERS, columns=(Column("when", "timestamp"), Column("petal", "number")), roles={}
)
TWO = replace(TABLE, columns=(*TABLE.columns, Column("then", "timestamp")))


@pytest.mark.parametrize(
    ("gave", "target", "split"),
    [
        (StepGave(table=TABLE), {}, {"test": 0.25, "by": "time", "column": "when"}),
        (
            StepGave(table=TWO, split={"by": "time", "column": "then", "folds": 3}),
            {},
            {"test": 0.25, "by": "time", "column": "then", "folds": 3},
        ),
        (
            StepGave(table=replace(TWO, roles={"then": "time"}), split={"test": 0.5}),
            {},
            {"test": 0.5, "by": "time", "column": "then"},
        ),
        (StepGave(table=TWO), {"time": "then"}, {"test": 0.25, "by": "time", "column": "then"}),
    ],
)
def test_rows_are_split_by_the_time_of_the_forecast(gave: StepGave, target: Any, split: Any):
    assert _split_of(gave, target) == split


@pytest.mark.parametrize(
    ("gave", "target", "words"),
    [
        (StepGave(table=TWO), {}, "there are when and then|there are when, then"),
        (StepGave(table=replace(TABLE, columns=TABLE.columns[1:])), {}, "no column has times"),
    ],
)
def test_rows_that_are_not_split_by_time_are_refused(gave: StepGave, target: Any, words: str):
    with pytest.raises(StepFailed, match=words):
        _split_of(gave, target)
