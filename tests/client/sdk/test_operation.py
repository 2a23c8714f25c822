"""What people and editors see of the client's methods: names, signatures, and errors."""

import inspect
import pydoc
from typing import Any

import httpx
import pytest

from autolearn import AsyncAutoLearn, AutoLearn, Problem
from autolearn.client.sdk import client, sessions
from autolearn.client.sdk.handles import board, datasets, runs, training_group
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.sessions import SessionHandle

CLASSES = [
    (AutoLearn, AsyncAutoLearn),
    (client.BlockingSessions, client.AwaitingSessions),
    (client.BlockingExperiments, client.AwaitingExperiments),
    (SessionHandle, sessions.AsyncSessionHandle),
    (sessions.ExperimentHandle, sessions.AsyncExperimentHandle),
    (runs.TrainingHandle, runs.AsyncTrainingHandle),
    (runs.EvaluationHandle, runs.AsyncEvaluationHandle),
    (datasets.DatasetHandle, datasets.AsyncDatasetHandle),
    (board.Board, board.AsyncBoard),
    (training_group.TrainingGroup, training_group.AsyncTrainingGroup),
]


def methods_of(kind: type[Any]) -> dict[str, Any]:
    return {
        name: what for name, what in inspect.getmembers(kind, callable) if not name.startswith("_")
    }


def of_sync(annotation: object) -> str:
    """An annotation of an async client in the words of a sync one."""
    words = str(annotation)
    for awaiting, blocking in (
        ("AsyncIterator", "Iterator"),
        ("Async", ""),
        ("Awaiting", "Blocking"),
    ):
        words = words.replace(awaiting, blocking)
    return words


@pytest.mark.parametrize(("blocking", "awaiting"), CLASSES, ids=lambda one: one.__name__)
def test_both_clients_have_the_same_methods_with_the_same_signatures(blocking, awaiting):
    sync, later = methods_of(blocking), methods_of(awaiting)
    assert sync.keys() == later.keys()
    for name, method in sync.items():
        ours, theirs = inspect.signature(method), inspect.signature(later[name])
        assert str(ours.replace(return_annotation=ours.empty)) == str(
            theirs.replace(return_annotation=theirs.empty)
        ), name
        assert of_sync(theirs.return_annotation) == of_sync(ours.return_annotation), name
        assert method.__doc__, name
        if name != "close":
            assert method.__doc__ == later[name].__doc__


@pytest.fixture
def al() -> AutoLearn:
    content = {
        "title": "There is no such dataset",
        "detail": "There is no dataset x.",
        "status": 404,
    }
    played = httpx.MockTransport(lambda _: httpx.Response(404, json=content))
    return AutoLearn("http://api", token="", transport=played, seal=False)


@pytest.fixture
def session(al: AutoLearn) -> SessionHandle:
    return SessionHandle(al._http, RunParent("x"), None)


def test_a_signature_has_no_quotes_and_no_flows(al, session):
    assert str(inspect.signature(al.estimator)) == (
        "(name: str, *, as_of: str | None = None) -> EstimatorEntry"
    )
    shown = pydoc.render_doc(session.train, renderer=pydoc.plaintext)
    assert "train(estimator: str, dataset: Data, *, target: str | None = None," in shown
    assert "-> TrainingHandle" in shown
    assert "Train an estimator" in shown
    assert str(inspect.signature(sessions.AsyncSessionHandle.trainings)).endswith(
        "-> AsyncListing[AsyncTrainingHandle]"
    )
    assert str(inspect.signature(runs.TrainingHandle.wait)).endswith("-> Self")
    assert "train(self, estimator: str, dataset: Data," in pydoc.render_doc(
        SessionHandle, renderer=pydoc.plaintext
    )


def test_nothing_internal_is_shown(al):
    shown = {name for name in dir(al) if not name.startswith("_")}
    assert shown.isdisjoint({"http", "send", "drive", "receive", "flow"})
    assert {"estimators", "sessions", "session", "follow"} <= shown


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"max_depth": 5}, "a hyperparameter is given as hyperparameters={'max_depth': 5}"),
        ({"hyperparameter": {}}, "did you mean hyperparameters?"),
    ],
)
def test_an_unknown_argument_is_answered_with_how_it_may_be_meant(al, session, given, hint):
    with pytest.raises(TypeError, match="got an unexpected keyword argument") as raised:
        session.train("svm", "iris", **given)
    assert str(raised.value).endswith(hint)
    with pytest.raises(TypeError, match="missing a required argument: 'dataset'"):
        session.train("svm")
    with pytest.raises(TypeError, match="it takes name, as_of"):
        al.estimator("svm", max_depth=5)


def test_an_error_of_the_api_is_raised_from_the_call(al):
    with pytest.raises(Problem) as raised:
        al.dataset("x")
    assert str(raised.value) == "There is no such dataset. There is no dataset x."
    assert [entry.name for entry in raised.traceback] == [
        "test_an_error_of_the_api_is_raised_from_the_call",
        "method",
    ]
    assert Problem.__module__ == "autolearn"


def test_a_fault_of_ours_keeps_its_frames(al, monkeypatch):
    monkeypatch.setattr(httpx.Client, "request", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError) as raised:
        al.dataset("x")
    assert "transport.py" in [entry.path.name for entry in raised.traceback]
