"""Evaluations: on the rows that the training did not see, and on other data."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from autolearn.artifacts.store.errors import Tampered
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.errors import InputError
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.training.train import train
from autolearn.schemas.values import HeldOut, Split
from tests.support.run_samples import evaluation, nothing, put, table_of, training

ALL = ("accuracy", "precision", "recall", "f1", "roc-auc", "log-loss", "confusion-matrix")


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


def scores(
    store: ArtifactStore, model: str, metrics: tuple[str, ...], **more: Any
) -> dict[str, Any]:
    request = training(store, model, **more)
    trained = train(request, store, nothing)
    result = evaluate(evaluation(trained.artifact.digest, metrics, request.dataset), store, nothing)
    assert result.rows == trained.rows_test
    json.dumps(result.results, allow_nan=False)
    return result.results


@pytest.mark.parametrize(
    "model",
    ["logistic-regression", "decision-tree", "random-forest", "naive-bayes", "gradient-boosting"],
)
def test_classifiers_know_penguins(store: ArtifactStore, model: str) -> None:
    found = scores(store, model, ALL)
    floor = 0.7 if model == "naive-bayes" else 0.93
    assert all(found[name] > floor for name in ("accuracy", "precision", "recall", "roc-auc"))
    matrix = np.array(found["confusion-matrix"]["matrix"])
    assert found["confusion-matrix"]["labels"] == ["Adelie", "Chinstrap", "Gentoo"]
    assert matrix.trace() / matrix.sum() == pytest.approx(found["accuracy"])


def test_an_svm_has_scores_but_no_probabilities(store: ArtifactStore) -> None:
    assert scores(store, "svm", ("roc-auc", "accuracy"))["roc-auc"] > 0.99
    two = {"dataset": put(store, table_of()), "target": "y"}
    assert scores(store, "svm", ("roc-auc",), **two)["roc-auc"] > 0.9
    with pytest.raises(InputError, match="log-loss needs probabilities, and svm gives none"):
        scores(store, "svm", ("log-loss",))


@pytest.mark.parametrize(
    "model", ["ridge", "random-forest-regressor", "gradient-boosting-regressor"]
)
def test_regressors(store: ArtifactStore, model: str) -> None:
    found = scores(store, model, ("r2", "mae", "rmse"))
    assert found["r2"] > 0.8
    assert 0 < found["mae"] < found["rmse"] < 500


def test_clusters(store: ArtifactStore) -> None:
    found = scores(store, "k-means", ("silhouette",), hyperparameters={"n_clusters": 3})
    assert 0.2 < found["silhouette"] < 1


def test_a_clusterer_that_assigns_no_new_rows_is_measured_on_its_own(store: ArtifactStore) -> None:
    request = training(store, "dbscan", hyperparameters={"eps": 1.5})
    trained = train(request, store, nothing)
    assert trained.artifact.methods == ("fit_predict",)
    found = trained.parameters
    assert found["clusters"] == len(found["cluster_rows"]) == 3
    assert found["noise_rows"] + sum(found["cluster_rows"]) == trained.rows_train
    asked = evaluation(trained.artifact.digest, ("silhouette",), request.dataset)
    result = evaluate(asked, store, nothing)
    assert result.rows == trained.rows_train
    assert 0.2 < result.results["silhouette"] < 1
    assert result.notes == ("measured on the rows that it was fitted on: dbscan assigns no others",)
    with pytest.raises(InputError, match="dbscan assigns no rows but those"):
        evaluate(replace(asked, held_out=False), store, nothing)


def test_noise_is_in_no_cluster(store: ArtifactStore) -> None:
    request = training(store, "dbscan", hyperparameters={"eps": 0.01})
    trained = train(request, store, nothing)
    assert trained.parameters["clusters"] == 0
    asked = evaluation(trained.artifact.digest, ("silhouette",), request.dataset)
    with pytest.raises(InputError, match="these rows are in 0"):
        evaluate(asked, store, nothing)


def test_metrics_of_one_class_beside_those_of_all(store: ArtifactStore) -> None:
    rows = [f"{n % 7},{'yes' if n % 7 > 4 and n % 3 else 'no'}" for n in range(210)]
    request = training(
        store, "naive-bayes", dataset=put(store, "\n".join(("x,y", *rows)).encode()), target="y"
    )
    trained = train(request, store, nothing).artifact.digest
    names = ("recall", "recall:yes", "recall:no", "roc-auc:no", "average-precision:yes", "f1")
    asked = evaluation(trained, names, request.dataset)
    plain = evaluate(asked, store, nothing)
    found = plain.results
    assert list(found) == list(names)
    assert found["recall"] == pytest.approx((found["recall:yes"] + found["recall:no"]) / 2)
    assert plain.averages == {"recall": "macro", "f1": "macro"}
    of_yes = evaluate(replace(asked, positive="yes"), store, nothing)
    assert of_yes.results["recall"] == found["recall:yes"] == of_yes.results["recall:yes"]
    assert of_yes.results["recall:no"] == found["recall:no"]
    assert of_yes.averages == {"recall": "of class yes", "f1": "of class yes"}
    with pytest.raises(InputError, match=r"recall:maybe cannot be .* has no class 'maybe'"):
        evaluate(replace(asked, metrics=("recall:maybe",)), store, nothing)
    optional = replace(asked, metrics=("recall:maybe", "f1"), optional=("recall:maybe",))
    assert list(evaluate(optional, store, nothing).left_out) == ["recall:maybe"]


def anomalies(labels: str, rows: int = 200) -> bytes:
    """Return rows of which each tenth is far away, with a label in one of `labels`, or none."""
    random = np.random.default_rng(0)
    normal, strange = labels.split(",")
    lines = ["a,b,label"]
    for number in range(rows):
        far = number % 10 == 0
        label = "" if number % 4 == 3 else strange if far else normal
        lines.append(",".join(f"{random.normal(8 if far else 0):.3f}" for _ in "ab") + f",{label}")
    return "\n".join(lines).encode()


OF_ANOMALIES = ("precision", "recall", "f1", "roc-auc", "average-precision", "anomaly-rate")


def test_anomalies_are_found_without_a_target_and_measured_with_one(store: ArtifactStore) -> None:
    dataset = put(store, anomalies("fine,fraud"))
    request = training(
        store, "isolation-forest", dataset=dataset, target="label",
        hyperparameters={"contamination": 0.1})  # fmt: skip
    trained = train(request, store, nothing)
    assert trained.rows_train + trained.rows_test == 200  # those without a label as well
    asked = evaluation(trained.artifact.digest, OF_ANOMALIES, dataset)
    result = evaluate(asked, store, nothing)
    assert result.rows < trained.rows_test
    assert result.results["roc-auc"] > 0.99
    assert result.results["recall"] > 0.7
    assert 0.05 < result.results["anomaly-rate"] < 0.2
    assert result.averages == dict.fromkeys(OF_ANOMALIES[:5], "of class fraud")
    of_fine = evaluate(replace(asked, metrics=("recall:fine",)), store, nothing)
    assert of_fine.results["recall:fine"] < 0.1
    assert evaluate(replace(asked, positive="fine"), store, nothing).results["roc-auc"] < 0.01

    hidden = evaluate(replace(asked, sensitive=("label",)), store, nothing)
    assert hidden.averages == dict.fromkeys(OF_ANOMALIES[:5], "of the rarest class")
    everything = replace(asked, held_out=False)
    assert evaluate(everything, store, nothing).rows == 150
    bare = put(
        store, b"\n".join(line.rpartition(b",")[0] for line in anomalies("x,y").splitlines())
    )
    unlabelled = replace(everything, dataset=bare, optional=OF_ANOMALIES)
    found = evaluate(unlabelled, store, nothing)
    assert (found.rows, list(found.results)) == (200, ["anomaly-rate"])
    assert found.left_out["recall"] == "recall compares with a target, and these rows have none"
    same = put(store, anomalies("fine,fine"))
    with pytest.raises(InputError, match="all of them have the same label"):
        evaluate(replace(everything, dataset=same), store, nothing)

    plain = train(replace(request, target=None), store, nothing)
    digest = plain.artifact.digest
    without = evaluation(digest, OF_ANOMALIES, dataset, optional=OF_ANOMALIES)
    assert list(evaluate(without, store, nothing).results) == ["anomaly-rate"]


def test_only_held_out_rows_are_used(store: ArtifactStore) -> None:
    """A tree that has learned noise by heart is perfect on its training rows, and only there."""
    random = np.random.default_rng(0)
    rows = ["x,y", *(f"{random.normal():.6f},k{random.integers(2)}" for _ in range(400))]
    dataset = put(store, "\n".join(rows).encode())
    request = training(store, dataset=dataset, target="y", split=Split(test=0.5))
    trained = train(request, store, nothing).artifact.digest
    held_out = evaluate(evaluation(trained, ("accuracy",), dataset), store, nothing)
    everything = evaluate(
        evaluation(trained, ("accuracy",), dataset, held_out=False), store, nothing
    )
    assert (held_out.rows, everything.rows) == (200, 400)
    right = held_out.results["accuracy"]
    assert 0.35 < right < 0.65
    assert everything.results["accuracy"] == pytest.approx((1 + right) / 2)


def test_another_dataset(store: ArtifactStore) -> None:
    first = training(store, dataset=put(store, table_of()), target="y")
    trained = train(first, store, nothing).artifact.digest
    lines = table_of(30, seed=5).decode().splitlines()
    # other order, one column more, a category never seen, a target missing
    turned = ["c,more,y,b,a"]
    for number, line in enumerate(lines[1:]):
        a, b, c, y = line.split(",")
        turned.append(f"{'new' if number == 3 else c},1,{'' if number == 4 else y},{b},{a}")
    other = put(store, "\n".join(turned).encode())
    result = evaluate(evaluation(trained, ALL, other, held_out=False), store, nothing)
    assert (result.rows, result.unseen, result.notes) == (
        29,
        {"c": 1},
        ("left out for want of y: 1 rows",),
    )
    assert result.results["accuracy"] > 0.7


def test_rows_that_another_training_holds_out(store: ArtifactStore) -> None:
    """An earlier model is measured on the held-out rows of a later one, and of none that it saw."""
    lines = table_of(90).splitlines(keepends=True)
    split = Split(0.25, by="hash", whole=True)
    first = training(store, dataset=put(store, b"".join(lines[:61])), target="y", split=split)
    later = training(store, dataset=put(store, b"".join(lines)), target="y", split=split)
    old, new = (train(one, store, nothing).artifact.digest for one in (first, later))
    asked = evaluation(new, ("f1",), later.dataset)
    mine = evaluate(asked, store, nothing)
    by = HeldOut(later.run, later.task, later.target, split, later.seed)
    like = evaluation(old, ("f1",), later.dataset, held_out=False, held_out_by=by)
    beside = evaluate(like, store, nothing)
    assert (beside.rows, beside.rows_sha256) == (mine.rows, mine.rows_sha256)
    everything = evaluate(evaluation(old, ("f1",), later.dataset, held_out=False), store, nothing)
    assert everything.rows == 90 > mine.rows
    other = HeldOut(later.run, later.task, "z", split, later.seed)
    with pytest.raises(InputError, match="lacks the target z"):
        evaluate(replace(like, held_out_by=other), store, nothing)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,c,y\n1,p,k0\n", "lacks columns that the model needs: b"),
        (b"a,b,c\n1,2,p\n", "lacks the target y"),
        (
            b"a,b,c,y\n1,red,p,k0\n",
            r"column b has text here \(red\) and had numbers from .* in the tra",
        ),
        (b"a,b,c,y\n1,2,p,\n", "target y is missing in every row"),
        (b"a,b,c,y\n1,2,p,k0\n3,4,q,k7\n", "not trained on: k7"),
        (b"a,b,c,y\n1,2,p,K0\n", "none of the classes that y has here: K0; it was .* k0, k1"),
        (b"a,b,c,y\n1,2,z,k0\n", "none of the categories that c has here: z; it was .* p, q"),
        (b"a,b,c,y\n1,2,7,k0\n", "none of the categories that c has here: 7; it was .* p, q"),
        (b"a,b,c,y\n1,2020-01-01,p,k0\n", r"b has times here \(2020-.*\) and had numbers from"),
        (b"a,b,c,y\n1,true,p,k0\n", r"b has true or false here \(true\) and had numbers from"),
        (b"a,b,c,y\n1,2,p,k0\n3,4,q,k0\n", "at least two classes"),
    ],
)
def test_another_dataset_that_does_not_fit(
    store: ArtifactStore, content: bytes, words: str
) -> None:
    request = training(store, dataset=put(store, table_of()), target="y")
    trained = train(request, store, nothing).artifact.digest
    with pytest.raises(InputError, match=words):
        evaluate(
            evaluation(trained, ("roc-auc",), put(store, content), held_out=False), store, nothing
        )


def test_metrics_that_do_not_fit(store: ArtifactStore) -> None:
    for name, words in (("r2", "r2 is for regression"), ("luck", "no metric 'luck'")):
        with pytest.raises(InputError, match=words):
            scores(store, "decision-tree", (name,))


def test_held_out_rows_of_other_bytes(store: ArtifactStore) -> None:
    trained = train(training(store), store, nothing).artifact.digest
    other = put(store, table_of())
    with pytest.raises(InputError, match="was trained on data in the version"):
        evaluate(evaluation(trained, ("accuracy",), other), store, nothing)


def test_a_split_that_comes_out_differently_is_noticed(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = training(store)
    trained = train(request, store, nothing).artifact.digest
    monkeypatch.setattr(
        "autolearn.ml.datasets.split.train_test_split", lambda rows, **_: (rows[:300], rows[300:])
    )
    with pytest.raises(InputError, match="other held-out rows"):
        evaluate(evaluation(trained, ("accuracy",), request.dataset), store, nothing)


def test_a_changed_model_is_not_loaded(store: ArtifactStore) -> None:
    request = training(store)
    trained = train(request, store, nothing).artifact.digest
    file = store.fetch_folder(trained, Path()) / "model.skops"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(Tampered):
        evaluate(evaluation(trained, ("accuracy",), request.dataset), store, nothing)
