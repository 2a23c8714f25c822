"""Several trainings at once, and their comparison, of a played API."""

import json
import sys
import types
from typing import Any

import httpx
import pytest

from autolearn import BadArgument, Problem, TimedOut
from autolearn.client.sdk.handles import progress
from autolearn.client.sdk.handles.grid import Candidate, expanded
from autolearn.client.sdk.handles.progress import progress_bar
from tests.client.sdk.handles.test_runs import DONE, EVALUATION, METRIC
from tests.client.sdk.played_api import SESSION, TRAINING, session_of

ESTIMATORS = [
    METRIC | {"name": name, "task": "classification"} for name in ("svm", "random-forest", "dummy")
] + [METRIC | {"name": name, "task": "regression"} for name in ("ridge", "dummy-regressor")]
SCORES = {"t1": 0.7, "t2": 0.9, "t3": 0.8, "t4": 0.95, "t9": 0.99}
F1 = {"name": "f1", "metric": "f1", "average": "macro", "folds": False, "greater_is_better": True}


def line(run: str, **more: Any) -> dict[str, Any]:
    """A line of a comparison, in which t4 is the baseline."""
    return {
        "id": run,
        "session": "s1",
        "number": 1,
        "estimator": "dummy" if run == "t4" else "svm",
        "baseline": run == "t4",
        "status": "completed",
        "settings": {"hyperparameters.C": {"t1": 1, "t2": 2}.get(run, 3), "seed": int(run == "t9")},
        "scores": {"f1": {"value": SCORES[run], "evaluation": "e1", "rows": 9}},
        "fit_seconds": 0.5,
        "links": {},
    } | more


class Played:
    """An API that trains t1, t2 … in the order of the requests; t9 is of somebody else."""

    def __init__(self, refused: int = 0, unfit: int = 0, **ends: dict[str, Any]) -> None:
        self.refused, self.unfit, self.ends = refused, unfit, ends
        self.checked: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self.requests: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1/sessions/s1")
        if request.url.params.get("dry_run"):
            self.checked.append(json.loads(request.content))
            fits = len(self.checked) != self.unfit
            state = {"id": "c1", "state": "checked"}
            return httpx.Response(200 if fits else 422, json=state | {"title": "It does not fit"})
        self.asked.append((request.method, path))
        if path == "/trainings":
            self.requests.append(json.loads(request.content))
            if len(self.requests) == self.refused:
                return httpx.Response(422, json={"title": "It does not fit"})
            return httpx.Response(201, json=TRAINING | {"id": f"t{len(self.requests)}"})
        if path.startswith("/trainings/"):
            run = path.split("/")[2]
            ended = {"status": "cancelled", "ended": "now"} if "cancel" in path else DONE
            return httpx.Response(200, json=TRAINING | {"id": run} | self.ends.get(run, ended))
        if path == "/evaluations":
            training = json.loads(request.content)["training"]
            results = {"results": {"f1": SCORES[training]}}
            return httpx.Response(201, json=EVALUATION | DONE | {"training": training} | results)
        if path == "/v1/catalog/estimators":
            return httpx.Response(200, json={"items": ESTIMATORS})
        if path == "/v1/catalog/metrics":
            return httpx.Response(
                200, json={"items": [METRIC | {"name": "f1", "tasks": ["classification"]}]}
            )
        if path == "/v1/compare":
            return httpx.Response(200, json=self.comparison(request.url.params.get("sort")))
        return httpx.Response(200, json=SESSION | {"counts": {"trainings": {"started": 1}}})

    @staticmethod
    def comparison(sort: str | None) -> dict[str, Any]:
        runs = sorted(SCORES, key=lambda run: -SCORES[run]) if sort else list(SCORES)
        return {
            "owners": [{"id": "s1", "kind": "session", "title": "", "links": {}}],
            "on": None,
            "sort": sort,
            "shared": {"target": "churned"},
            "same_rows": True,
            "metrics": [F1 | {"best": "t9"}],
            "baseline": {"f1": 0.25},
            "trainings": [line(run) for run in runs],
        }

    def paths(self, method: str, end: str) -> list[str]:
        return [path for how, path in self.asked if how == method and path.endswith(end)]


def test_a_list_is_a_grid():
    grid = {"svm": {"C": [1, 2], "kernel": ["rbf", "linear"]}, "ridge": {}, "x": {"sizes": (5, 5)}}
    assert expanded(grid) == [
        Candidate("svm", {"C": 1, "kernel": "rbf"}),
        Candidate("svm", {"C": 1, "kernel": "linear"}),
        Candidate("svm", {"C": 2, "kernel": "rbf"}),
        Candidate("svm", {"C": 2, "kernel": "linear"}),
        Candidate("ridge", {}),
        Candidate("x", {"sizes": (5, 5)}),
    ]
    assert expanded("svm") == expanded(["svm"]) == [Candidate("svm", {})]


@pytest.mark.parametrize(
    ("grid", "why"),
    [
        ({}, "a grid of 0 trainings"),
        ({"svm": {"C": []}}, "Give each list a value"),
        ({"svm": {"C": [*range(101)], "tol": [*range(10)]}}, "a grid of 1,010 trainings"),
    ],
)
def test_a_grid_has_bounds(grid, why):
    with pytest.raises(BadArgument, match=why):
        expanded(grid)


def test_all_are_requested_then_waited_for_and_compared(tell):
    played = Played()

    def story(al):
        session = session_of(al)
        runs = yield session.train_many(
            {"svm": {"C": [1, 2, 3]}}, "churn", metrics=["f1"], drop=["id"]
        )
        assert [run.id for run in runs] == ["t1", "t2", "t3", "t4"]
        assert [run.results["f1"] for run in runs] == [0.7, 0.9, 0.8, 0.95]
        assert repr(runs) == "<4 trainings: 4 completed>"
        assert (len(runs), runs[0].id, runs.failed) == (4, "t1", [])
        board = yield runs.compare()
        assert repr(board) == "<Comparison of 4 trainings by f1: best is t2 svm 0.9000>"
        assert [run.id for run in (yield board.top(2))] == ["t2", "t3"]
        best = board.best
        best = (yield best) if hasattr(best, "__await__") else best
        assert best is runs[1]
        frame = board.to_frame()
        assert list(frame.index) == ["t2", "t3", "t1", "t4"]
        assert list(frame.columns) == ["estimator", "C", "f1", "fit_seconds", "status", "baseline"]
        assert board.data.shared == {"target": "churned", "seed": 0}
        assert "<b>0.9500</b>" in board._repr_html_()
        assert "t1" in runs._repr_html_()

    tell(played, story)
    assert [one["hyperparameters"] for one in played.requests[:3]] == [{"C": 1}, {"C": 2}, {"C": 3}]
    assert played.requests[3] == {"estimator": "dummy", "dataset": "churn", "drop": ["id"]}
    first = played.asked.index(("GET", "/trainings/t1"))
    assert played.paths("POST", "/trainings") == ["/trainings"] * 4
    assert all(one != ("POST", "/trainings") for one in played.asked[first:])


def test_the_baseline_is_of_the_task_and_may_be_left_out(tell):
    played = Played()

    def story(al):
        session = session_of(al)
        yield session.train_many(["ridge"], "x")
        yield session.train_many({"svm": {}, "dummy": {}}, "x")
        yield session.train_many(["svm"], "x", baseline=False)

    tell(played, story)
    assert [one["estimator"] for one in played.requests] == [
        *("ridge", "dummy-regressor"),
        *("svm", "dummy"),
        "svm",
    ]


def test_one_that_fails_raises_nothing(tell):
    failed = {"status": "failed", "ended": "now", "reason": "input"}

    def story(al):
        runs = yield session_of(al).train_many({"svm": {"C": [1, 2]}}, "x", metrics=["f1"])
        assert [run.id for run in runs.failed] == ["t2"]
        assert repr(runs) == "<3 trainings: 2 completed, 1 failed>"
        assert "t2 svm on iris: failed (input)" in repr(runs[1])

    tell(Played(t2=failed), story)


def test_nothing_is_trained_unless_all_can_be(tell):
    played = Played(unfit=3)

    def story(al):
        with pytest.raises(Problem, match="It does not fit"):
            yield session_of(al).train_many({"svm": {"C": [1, 2, 3]}}, "x", drop=["id"])

    tell(played, story)
    assert played.requests == []
    assert [one["hyperparameters"]["C"] for one in played.checked] == [1, 2, 3]
    assert all(one["drop"] == ["id"] for one in played.checked)


def test_if_one_is_refused_those_before_it_are_cancelled(tell):
    played = Played(refused=3)

    def story(al):
        with pytest.raises(Problem, match="It does not fit"):
            yield session_of(al).train_many({"svm": {"C": [1, 2, 3]}}, "x")

    tell(played, story)
    assert played.paths("POST", "/cancel") == ["/trainings/t1/cancel", "/trainings/t2/cancel"]


def test_those_that_are_late_go_on(tell):
    played = Played(t1={"status": "started"}, t2={"status": "started"})

    def story(al):
        with pytest.raises(TimedOut, match="2 of 3 trainings have not ended in time") as late:
            yield session_of(al).train_many({"svm": {"C": [1, 2]}}, "x", wait=0.01)
        runs = late.value.run
        assert repr(runs) == "<3 trainings: 2 started, 1 completed>"
        played.ends = {}
        assert (yield runs.wait(5)) is runs
        assert repr(runs) == "<3 trainings: 3 completed>"
        waiting = yield session_of(al).train_many(["svm"], "x", wait=False, baseline=False)
        assert repr((yield waiting.cancel())) == "<1 training: 1 cancelled>"

    tell(played, story)


@pytest.mark.parametrize(
    ("given", "kind", "why"),
    [
        ({"metrics": ["f2"]}, BadArgument, "there is no metric 'f2'"),
        ({"hyperparameters": {"C": 1}}, BadArgument, "Hyperparameters are given by estimator"),
        ({"dropp": ["id"]}, TypeError, "did you mean drop"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_requested(tell, given, kind, why):
    played = Played()

    def story(al):
        with pytest.raises(kind, match=why):
            yield session_of(al).train_many(["svm"], "x", **given)

    tell(played, story)
    assert played.requests == []


def test_sessions_and_lists_of_things_are_compared(tell):
    played = Played()

    def story(al):
        session = session_of(al)
        board = yield session.compare(sort="f1")
        assert len(board) == 5
        [best] = yield board.top()
        assert (best.id, best.results) == ("t9", {"f1": 0.99})
        board = yield al.compare([session, "t1"])
        assert repr(board) == "<Comparison of 5 trainings>"
        assert [run.id for run in (yield board.top(9))] == ["t9", "t2", "t3", "t1"]

    tell(played, story)


def test_without_a_dummy_the_baseline_of_the_evaluations_is_the_last_row(tell):
    def api(request: httpx.Request) -> httpx.Response:
        one = Played.comparison("f1")
        one["trainings"] = [line for line in one["trainings"] if not line["baseline"]]
        return httpx.Response(200, json=one)

    def story(al):
        board = yield al.compare("s1", sort="f1")
        assert (len(board), len(board.to_frame())) == (4, 5)
        last = board.to_frame().iloc[-1]
        assert (last["estimator"], last["f1"], last["baseline"]) == ("baseline", 0.25, True)
        assert "<td>0.2500</td>" in board._repr_html_()

    tell(api, story)


def test_by_what_is_best_must_be_known(tell):
    def api(request: httpx.Request) -> httpx.Response:
        one = Played.comparison(None)
        one["metrics"] += [F1 | {"name": "mae", "greater_is_better": False, "best": None}]
        return httpx.Response(200, json=one)

    def story(al):
        board = yield al.compare("s1")
        with pytest.raises(BadArgument, match="there are values of f1, mae"):
            yield board.top()

    tell(api, story)


def test_a_bar_is_shown_by_tqdm_if_it_is_installed(monkeypatch):
    shown: list[tuple[str, int]] = []

    class Bar:
        def __init__(self, total: int, desc: str) -> None:
            self.n = 0
            shown.append((desc, total))

        def update(self, more: int) -> None:
            self.n += more
            shown.append(("done", self.n))

        def close(self) -> None:
            shown.append(("closed", 0))

    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=Bar))
    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda _: object())
    with progress_bar("2 trainings", 2, shown=True) as show:
        show(1)
        show(1)
        show(2)
    assert shown == [("2 trainings", 2), *(("done", 1), ("done", 1), ("done", 2)), ("closed", 0)]
    with progress_bar("2 trainings", 2, shown=False) as show:
        show(1)
    assert len(shown) == 5
