"""Metrics that cannot be computed, metrics of one class, and metrics of each."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as library

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.errors import InputError
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.metrics.builtin import MOST_LABELS, table_of
from autolearn.ml.plugins import find_metric
from autolearn.ml.training.train import train
from autolearn.schemas.results import EvaluationResult
from autolearn.schemas.values import Split
from tests.support import run_samples
from tests.support.run_samples import evaluation, nothing, put

ONES = ["precision", "recall", "f1", "roc-auc"]
CLASSIFIED = ["accuracy", *ONES, "log-loss", "confusion-matrix", "per-class"]
REGRESSED = ["r2", "mae", "rmse"]


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


def measured(
    store: ArtifactStore,
    model: str,
    content: bytes,
    metrics: list[str],
    *,
    on: bytes | None = None,
    named: bool = False,
    **more: Any,
) -> EvaluationResult:
    """Train on content, and evaluate on other rows, or on the held-out ones."""
    asked = {key: more.pop(key) for key in ("positive",) if key in more}
    request = run_samples.training(store, model, dataset=put(store, content), target="y", **more)
    other = request.dataset if on is None else put(store, on)
    trained = train(request, store, nothing).artifact.digest
    optional = () if named else tuple(metrics)
    return evaluate(
        evaluation(
            trained,
            tuple(metrics),
            other,
            held_out=on is None,
            optional=optional,
            sensitive=more.get("sensitive", ()),
            **asked,
        ),
        store,
        nothing,
    )


ONE_CLASS = b"a,b,c,y\n1,2,p,k0\n3,4,q,k0\n"
UNKNOWN = b"a,b,c,y\n1,2,p,k0\n3,4,q,k1\n5,6,p,k7\n"
NUMBERS = b"a,y\n" + b"".join(b"%d,%d\n" % (n, 2 * n + n % 3) for n in range(40))


@pytest.mark.parametrize(
    ("model", "content", "on", "left_out"),
    [
        (
            "svm",
            run_samples.table_of(),
            None,
            {"log-loss": "needs probabilities, and svm gives none"},
        ),
        (
            "decision-tree",
            run_samples.table_of(),
            ONE_CLASS,
            {"roc-auc": "rows of at least two classes"},
        ),
        (
            "decision-tree",
            run_samples.table_of(),
            UNKNOWN,
            {"roc-auc": "not trained on: k7", "log-loss": "not trained on: k7"},
        ),
        ("ridge", NUMBERS, b"a,y\n3,6\n", {"r2": "undefined on one row"}),
        ("ridge", NUMBERS, b"a,y\n3,6\n4,6\n", {"r2": "their target is the same in all"}),
    ],
)
def test_what_cannot_be_computed_is_left_out_with_the_reason_and_fails_if_it_is_named(
    store: ArtifactStore, model: str, content: bytes, on: bytes | None, left_out: dict[str, str]
) -> None:
    metrics = REGRESSED if model == "ridge" else CLASSIFIED
    found = measured(store, model, content, metrics, on=on)
    assert set(found.results) == {*metrics} - {*left_out}
    assert set(found.left_out) == {*left_out}
    for name, words in left_out.items():
        assert words in found.left_out[name]
        with pytest.raises(InputError, match=f"{name} cannot be computed: .*{words}") as caught:
            measured(store, model, content, metrics, on=on, named=True)
        assert f"What can be: {'mae' if model == 'ridge' else 'accuracy'} " in caught.value.advice


def test_a_metric_that_raises_fails_no_other(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> float:
        raise RuntimeError(f"it is {np.str_('k1')!r}")

    accuracy = find_metric("accuracy")
    monkeypatch.setattr(
        "autolearn.ml.evaluation.evaluate.find_metric",
        lambda name: replaced(name, accuracy, broken),
    )
    found = measured(store, "decision-tree", run_samples.table_of(), ["f1", "accuracy"])
    assert (set(found.results), found.left_out) == ({"f1"}, {"accuracy": "it is 'k1'"})
    quiet = measured(store, "decision-tree", run_samples.table_of(), ["accuracy"], sensitive=("y",))
    assert quiet.left_out == {"accuracy": "RuntimeError"}
    with pytest.raises(RuntimeError):
        measured(store, "decision-tree", run_samples.table_of(), ["f1", "accuracy"], named=True)


def replaced(name: str, metric: Any, compute: Any) -> Any:
    """Return the metric of a name, or that one with other work to do."""
    return replace(metric, compute=compute) if name == metric.name else find_metric(name)


def rare(rows: int = 400) -> bytes:
    """Return a table of which few rows are fraud, some of them easily told."""
    random = np.random.default_rng(1)
    lines = ["a,b,y"]
    for number in range(rows):
        fraud = number % 20 == 0
        lines.append(
            f"{random.normal(1.5 * fraud):.4f},{random.normal():.4f},{'fraud' if fraud else 'fine'}"
        )
    return "\n".join(lines).encode()


def test_metrics_of_the_positive_class_are_those_of_scikit_learn(store: ArtifactStore) -> None:
    metrics = [*ONES, "accuracy", "confusion-matrix", "per-class"]
    of_all = measured(store, "decision-tree", rare(), metrics)
    found = measured(store, "decision-tree", rare(), metrics, positive="fraud", named=True)
    (tn, fp), (fn, tp) = found.results["confusion-matrix"]["matrix"]
    truth, said = (
        np.repeat([0, 0, 1, 1], [tn, fp, fn, tp]),
        np.repeat([0, 1, 0, 1], [tn, fp, fn, tp]),
    )
    assert found.results["precision"] == pytest.approx(library.precision_score(truth, said))
    assert found.results["recall"] == pytest.approx(library.recall_score(truth, said))
    assert found.results["f1"] == pytest.approx(library.f1_score(truth, said))
    assert found.results["accuracy"] == of_all.results["accuracy"]
    assert found.averages == dict.fromkeys(ONES, "of class fraud")
    assert of_all.averages == dict.fromkeys(ONES, "macro")
    lines = {line["class"]: line for line in found.results["per-class"]}
    assert lines["fraud"]["recall"] == found.results["recall"] != lines["fine"]["recall"]
    assert (lines["fraud"]["support"], lines["fine"]["support"]) == (tp + fn, tn + fp)
    mean = (lines["fraud"]["f1"] + lines["fine"]["f1"]) / 2
    assert of_all.results["f1"] == pytest.approx(mean)


def test_a_positive_class_that_is_unknown_or_absent(store: ArtifactStore) -> None:
    with pytest.raises(InputError, match="no class 'frod'") as caught:
        measured(store, "decision-tree", rare(), ["recall"], positive="frod")
    assert "Its classes are fine, fraud." in caught.value.advice
    none = b"a,b,y\n0,0,fine\n1,1,fine\n"
    found = measured(store, "decision-tree", rare(), CLASSIFIED, positive="fraud", on=none)
    assert set(found.left_out) == {*ONES}
    assert "none of these rows is of that class" in found.left_out["recall"]
    assert found.results["accuracy"] >= 0


def test_a_class_without_rows_or_predictions_says_what_counts_as_0() -> None:
    truth, said = np.array(["a", "a", "b"]), np.array(["a", "c", "a"])
    a, b, c = table_of(truth, said)
    assert "note" not in a
    assert (a["precision"], a["recall"], a["support"]) == (0.5, 0.5, 2)
    assert "precision counts as 0" in b["note"]
    assert "recall counts as 0" in c["note"]


def test_many_classes_are_as_many_lines_as_fit() -> None:
    truth = np.array([f"k{n}" for n in range(2 * MOST_LABELS)])
    lines = table_of(truth, truth)
    assert len(lines) == MOST_LABELS + 1
    assert lines[-1]["class"] == f"({MOST_LABELS} other labels)"
    assert Counter(line["support"] for line in lines) == {1: MOST_LABELS, MOST_LABELS: 1}


def test_the_classes_of_a_sensitive_target_are_numbers(store: ArtifactStore) -> None:
    found = measured(
        store, "decision-tree", rare(), ["per-class"], sensitive=("y",), split=Split(stratify=True)
    )
    assert [line["class"] for line in found.results["per-class"]] == ["1", "2"]
