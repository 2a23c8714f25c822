"""Requests that are answered together: each as alone, refused alone, and within bounds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from autolearn.api.http.problems import Problem
from autolearn.api.limits.executors import Bound, ThreadLane
from autolearn.api.serving import micro_batches
from autolearn.api.serving.micro_batches import MicroBatches
from autolearn.ml.prediction.online import OnlineModel
from autolearn.schemas.training.preprocess import Preprocessing
from tests.ml.plans.test_plan import rows
from tests.ml.prediction.test_online import opened


class Given(NamedTuple):
    columns: dict[str, list[Any]]
    rows: int


def given(*records: dict[str, Any]) -> Given:
    return Given({name: [one[name] for one in records] for name in records[0]}, len(records))


def asked(model: OnlineModel, user: str = "") -> Any:
    return SimpleNamespace(
        who=SimpleNamespace(name=user), loaded=SimpleNamespace(model=model), model="penguins"
    )


async def answered(lane: ThreadLane, model: OnlineModel, requests: list[Given]) -> list[Any]:
    """Ask at the same time; return the answers and errors."""
    batches = MicroBatches(lane)
    said = await asyncio.gather(
        *(batches.answer(one, asked(model)) for one in requests), return_exceptions=True
    )
    assert not batches.users
    return [*said]


@pytest.fixture
def lane() -> Iterator[ThreadLane]:
    found = ThreadLane("predictions", Bound(1, 30, 20))
    yield found
    found.close()


@pytest.mark.parametrize(
    ("estimator", "how", "kind"),
    [
        ("svm", {}, ("features", "answers")),
        ("gradient-boosting", {"clip": 0.01}, ("none", "answers")),
        ("logistic-regression", {"clip": 0.01}, ("none", "features")),
    ],
)
def test_requests_that_come_together_are_answered_as_alone(
    tmp_path: Path,
    lane: ThreadLane,
    monkeypatch: pytest.MonkeyPatch,
    estimator: str,
    how: dict[str, Any],
    kind: tuple[str, str],
):
    *_, model = opened(tmp_path, estimator, preprocessing=Preprocessing(**how))
    assert (model.verdict().plan, model.verdict().together) == kind
    some = rows()
    requests = [given(*some[at : at + 1 + at % 3]) for at in range(20)]
    requests[4] = given(some[4] | {"island": "Mars"})  # which has no plan
    requests[7] = given(some[7] | {"year": "late"})
    alone: dict[int, Any] = {}
    for at, one in enumerate(requests):
        if at != 7:
            alone[at] = model.answer_columns(one.columns, one.rows, one.columns)
    calls: list[int] = []
    together = model.answer_together
    monkeypatch.setattr(
        model, "answer_together", lambda some: calls.append(len(some)) or together(some)
    )
    said = asyncio.run(answered(lane, model, requests))
    assert calls == [20]
    for at, expected in alone.items():
        found: Any = said[at]
        assert found.rows == expected.rows
        assert (found.warnings, found.unused) == (expected.warnings, expected.unused)
    refused = said[7]
    assert isinstance(refused, Problem)
    assert refused.members["errors"] == [
        {"pointer": "#/records/0/year", "detail": 'a number is wanted; got "late"'}
    ]


def test_what_comes_while_others_are_answered_is_the_next_call(
    tmp_path: Path, lane: ThreadLane, monkeypatch: pytest.MonkeyPatch
):
    *_, model = opened(tmp_path, "svm", preprocessing=Preprocessing(clip=0.01))
    began, go_on, calls = threading.Event(), threading.Event(), list[int]()
    together = model.answer_together

    def held(some: Any) -> Any:
        calls.append(len(some))
        began.set()
        assert go_on.wait(20)
        return together(some)

    monkeypatch.setattr(model, "answer_together", held)
    monkeypatch.setattr(micro_batches, "_TOGETHER", 8)
    one = given(rows()[0])

    async def ask() -> None:
        batches = MicroBatches(lane)
        first = asyncio.create_task(batches.answer(one, asked(model, "ann")))
        assert await asyncio.to_thread(began.wait, 20)
        others = [asyncio.create_task(batches.answer(one, asked(model, "ann"))) for _ in range(19)]
        gone = asyncio.create_task(batches.answer(one, asked(model, "bob")))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(Problem) as refused:
            await batches.answer(one, asked(model, "ann"))
        assert (refused.value.status_code, refused.value.kind) == (429, "too-many-requests")
        go_on.set()
        answers = await asyncio.gather(first, *others)
        assert all(answer.rows == answers[0].rows for answer in answers)

    asyncio.run(ask())
    assert calls == [1, 8, 8, 3]


def test_a_failing_call_fails_nobody_else(
    tmp_path: Path, lane: ThreadLane, monkeypatch: pytest.MonkeyPatch
):
    *_, model = opened(tmp_path, "naive-bayes")
    together = model.answer_together

    def failing(some: Any) -> Any:
        if any(columns["year"] == [2008] for columns, _ in some):
            raise RuntimeError("it fails")
        return together(some)

    monkeypatch.setattr(model, "answer_together", failing)
    some = rows()
    requests = [given(some[0]), given(some[1] | {"year": 2008}), given(some[2])]
    said = asyncio.run(answered(lane, model, requests))
    assert isinstance(said[1], RuntimeError)
    assert [one.size for one in (said[0], said[2]) if not isinstance(one, BaseException)] == [1, 1]


def test_an_estimator_that_adds_otherwise_for_several_rows_is_asked_for_each_alone(tmp_path: Path):
    *_, model = opened(tmp_path, "sgd-regressor", target="body_mass_g", task="regression")
    assert (model.verdict().plan, model.verdict().together) == ("features", "")
