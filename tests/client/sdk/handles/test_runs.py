"""Trainings and evaluations as objects, of a played API."""

import json
from typing import Any

import httpx
import pytest

from autolearn import AutoLearn, BadArgument, EvaluationFailed, TimedOut, TrainingFailed
from autolearn.client.sdk.handles import frames
from autolearn.client.sdk.handles.frames import MissingPackage
from tests.client.sdk.played_api import SESSION, TRAINING, session_of, training_of

DONE = {"status": "completed", "ended": "2026-01-01T00:00:00Z"}
MEMORY = {"status": "failed", "ended": "now", "reason": "memory", "detail": "It took 600 MiB."}
FITTING = {"run": "t1", "kind": "training", "attempt": 1, "phase": "fitting"}
MATRIX = {"labels": ["no", "yes"], "matrix": [[3, 1], [0, 2]]}
RESULTS = {
    "f1": 0.91,
    "confusion-matrix": MATRIX,
    "per-class": [{"class": "no", "f1": 1.0, "precision": 0.5}],
}
EVALUATION = {
    key: value
    for key, value in TRAINING.items()
    if key not in ("estimator", "task", "split", "preprocessing", "seed", "defaults")
} | {"id": "e1", "training": "t1", "artifact": "0", "metrics": ["f1"], "held_out": True}
METRIC = {"summary": "", "library": "", "library_version": "", "registered": "", "links": {}}
ESTIMATOR = METRIC | {"name": "svm", "task": "classification"}
METRICS = [METRIC | {"name": "f1", "tasks": ["classification"]}]


class Played:
    """An API with one session. Every answer is the next one of its kind, the last for ever."""

    def __init__(self, trained: list[dict], evaluated: list[dict] | None = None) -> None:
        self.trained, self.evaluated = trained, evaluated or [DONE | {"results": RESULTS}]
        self.asked: list[tuple[str, str, Any]] = []
        self.committed = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        body = json.loads(request.content) if request.content else None
        self.asked.append((request.method, path, body))
        if self.committed and path.startswith("/v1/sessions/s1"):
            kind = "urn:autolearn:problem:session-committed"
            return httpx.Response(404, json={"type": kind, "title": "It is committed"})
        if path.endswith("/evaluations") and request.method == "GET":
            one = EVALUATION | self.evaluated[0]
            return httpx.Response(200, json={"items": [one, one | {"training": "t2"}]})
        if "/evaluations" in path:
            return httpx.Response(200, json=EVALUATION | self.next(self.evaluated))
        if "/trainings" in path:
            return httpx.Response(200, json=TRAINING | self.next(self.trained))
        if path.startswith("/v1/catalog/estimators"):
            return httpx.Response(200, json=ESTIMATOR)
        if path == "/v1/catalog/metrics":
            return httpx.Response(200, json={"items": METRICS})
        return httpx.Response(200, json=SESSION)

    @staticmethod
    def next(answers: list[dict]) -> dict:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def posted(self) -> list[str]:
        return [path for method, path, _ in self.asked if method == "POST"]


def test_a_training_is_waited_for_and_measured(tell):
    played = Played([{}, {"status": "started"}, DONE])

    def story(al):
        run = yield session_of(al).train("svm", "iris", metrics=["f1"], positive="yes")
        assert (run.status, run.id, run.estimator) == ("completed", "t1", "svm")
        assert run.results == RESULTS
        assert repr(run) == "<Training t1 svm on iris: completed, f1 0.9100>"
        again = yield run.wait()
        assert again is run

    tell(played, story)
    assert played.posted() == ["/v1/sessions/s1/trainings", "/v1/sessions/s1/evaluations"]
    assert played.asked[-1][2] == {"training": "t1", "metrics": ["f1"], "positive": "yes"}


def test_what_is_not_waited_for_follows_when_it_is(tell):
    played = Played([{}, DONE])

    def story(al):
        run = yield session_of(al).train("svm", "iris", metrics=["f1"], wait=False)
        assert (run.status, run.results) == ("open", {})
        assert repr(run) == "<Training t1 svm on iris: open>"
        assert (yield run.wait(5)).results == RESULTS
        with pytest.raises(BadArgument, match="wait='soon' is no time to wait"):
            yield run.wait("soon")

    tell(played, story)


def test_metrics_are_checked_before_the_training(tell):
    played = Played([DONE])

    def story(al):
        with pytest.raises(BadArgument, match="there is no metric 'f2': choose from f1"):
            yield session_of(al).train("svm", "iris", metrics=["f2"])
        with pytest.raises(ValueError, match="f2"):
            yield session_of(al).train("svm", "iris", metrics=["f2"])

    tell(played, story)
    assert played.posted() == []


def test_a_run_that_fails_raises_why_unless_it_must_not(tell):
    def story(al):
        session = session_of(al)
        with pytest.raises(TrainingFailed) as failed:
            yield session.train("svm", "iris")
        assert str(failed.value) == "Training t1 svm on iris failed. memory: It took 600 MiB."
        assert failed.value.run.reason == "memory"
        run = yield session.train("svm", "iris", raise_on_failure=False)
        assert run.status == "failed"

    tell(Played([MEMORY]), story)

    def cancelled(al):
        with pytest.raises(TrainingFailed, match="Training t1 svm on iris was cancelled"):
            yield session_of(al).train("svm", "iris")

    tell(Played([{"status": "cancelled", "ended": "now"}]), cancelled)

    def evaluated(al):
        run = yield session_of(al).train("svm", "iris")
        with pytest.raises(EvaluationFailed, match="Evaluation e1 of training t1 failed"):
            yield run.evaluate()
        assert (yield run.evaluate(raise_on_failure=False)).reason == "memory"

    tell(Played([DONE], [MEMORY]), evaluated)


def test_a_run_that_is_late_goes_on(tell):
    played = Played([{"status": "started", "progress": FITTING}])

    def story(al):
        with pytest.raises(TimedOut) as late:
            yield session_of(al).train("svm", "iris", wait=0.01)
        assert str(late.value).startswith(
            "Training t1 svm on iris has not ended within 0.01 s. It is started (fitting), and "
        )
        run = yield late.value.run.refresh(wait=0.01)
        assert run.status == "started"
        played.trained = [{"status": "cancelled", "ended": "now"}]
        assert (yield run.cancel()).status == "cancelled"

    tell(played, story)


def test_ctrl_c_ends_the_waiting_and_says_so(monkeypatch):
    played = Played([{}])
    with AutoLearn("http://api", transport=httpx.MockTransport(played), seal=False) as al:
        run = training_of(al)

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(type(run), "_send", interrupted)
        with pytest.raises(KeyboardInterrupt) as stopped:
            run.wait()
    assert stopped.value.__notes__ == ["Training t1 svm on iris: open: it goes on."]


def test_it_is_read_as_a_part_of_the_experiment_once_it_is_committed(tell):
    played = Played([DONE])

    def story(al):
        run = yield session_of(al).train("svm", "iris")
        played.committed = True  # by somebody else
        yield run.refresh()
        [evaluation] = yield run.evaluations()
        assert evaluation.training == "t1"
        assert run.results == RESULTS

    tell(played, story)
    assert [path for _, path, _ in played.asked[-3:]] == [
        "/v1/sessions/s1/trainings/t1",
        "/v1/experiments/s1/trainings/t1",
        "/v1/experiments/s1/evaluations",
    ]


def test_a_commit_keeps_what_is_named_and_its_runs_go_on_as_the_experiment(tell):
    experiment = SESSION | {"committed": "now", "training_data": [], "evaluation_data": []}
    played = Played([DONE])

    def api(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/commit"):
            played(request)
            return httpx.Response(200, json=experiment)
        return played(request)

    def story(al):
        session = session_of(al)
        run = yield session.train("svm", "iris")
        kept = yield session.commit([run, "t2"])
        assert kept.id == "s1"
        yield run.refresh()

    tell(api, story)
    assert played.asked[1] == ("POST", "/v1/sessions/s1/commit", {"trainings": ["t1", "t2"]})
    assert played.asked[-1][1] == "/v1/experiments/s1/trainings/t1"


def test_results_are_frames(tell):
    def story(al):
        run = yield session_of(al).train("svm", "iris")
        evaluation = yield run.evaluate(metrics=["f1"])
        assert evaluation.confusion.loc["no", "yes"] == 1
        assert list(evaluation.per_class.columns) == ["precision", "f1"]
        assert repr(evaluation) == "<Evaluation e1 of training t1: completed, f1 0.9100>"
        with pytest.raises(BadArgument, match="no feature importances"):
            run.feature_importances  # noqa: B018

    tell(Played([DONE]), story)

    def forest(al):
        run = yield session_of(al).train("random-forest", "iris")
        assert run.feature_importances.to_dict() == {"a": 0.7, "b": 0.3}

    tell(Played([DONE | {"parameters": {"importances": [["a", 0.7], ["b", 0.3]]}}]), forest)

    def none(al):
        evaluation = yield session_of(al).evaluate("t1")
        with pytest.raises(BadArgument, match="has no confusion-matrix: it has no results"):
            evaluation.confusion  # noqa: B018

    tell(Played([DONE], [DONE]), none)


def test_a_package_that_is_missing_is_named(tell, monkeypatch):
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(frames.importlib, "import_module", missing)

    def story(al):
        evaluation = yield session_of(al).evaluate("t1")
        with pytest.raises(ImportError, match="confusion needs pandas"):
            evaluation.confusion  # noqa: B018
        with pytest.raises(MissingPackage, match="Install it: pip install scikit-learn"):
            yield training_of(al).pipeline()

    tell(Played([DONE]), story)


def test_words_of_others_become_no_markup_and_no_control_characters(tell):
    title = "\x1b[2J<script>alert(1)</script>"
    evil = [DONE | {"estimator": title, "hyperparameters": {"x": title}}]

    def story(al):
        run = yield session_of(al).train("svm", "iris")
        assert "\x1b" not in repr(run)
        assert "<script>" not in run._repr_html_()
        assert "&lt;script&gt;" in run._repr_html_()

    tell(Played(evil), story)


def test_fields_are_attributes_and_others_are_not(tell):
    def story(al):
        run = yield session_of(al).train("svm", "iris")
        assert run.split.test == run.data.split.test == 0.25
        assert {"split", "results", "wait", "data"} <= {*dir(run)}
        with pytest.raises(AttributeError, match="TrainingHandle' object has no attr"):
            run.splits  # noqa: B018

    tell(Played([DONE]), story)
