"""The loss by iteration, and the progress of a fit."""

import itertools
from pathlib import Path

import pytest
from sklearn.metrics import log_loss

from autolearn.artifacts.datasets.table import read_table
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.evaluation.stored_artifact import open_model
from autolearn.ml.training import fit
from autolearn.ml.training.train import train
from autolearn.schemas.values import Split
from tests.support.run_samples import nothing, put, table_of, training


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


def test_the_loss_of_gradient_boosting_is_that_of_its_predictions(
    store: ArtifactStore, tmp_path: Path
) -> None:
    dataset = put(store, table_of(80))
    request = training(
        store, "gradient-boosting", dataset=dataset, target="y", split=Split(test=0.1),
        hyperparameters={"n_estimators": 7, "max_depth": 1})  # fmt: skip
    found = train(request, store, nothing)
    loss = found.parameters["loss"]
    assert loss["iterations"] == [1, 2, 3, 4, 5, 6, 7]
    assert loss["training"] == sorted(loss["training"], reverse=True)
    assert "validation" not in loss
    model = open_model(store, found.artifact.digest, tmp_path)
    table = read_table(store.fetch_blob(dataset.version, tmp_path))
    said = model.pipeline.predict_proba(table.features({name: table.types[name] for name in "abc"}))
    everything = log_loss(table.labels("y"), said)
    assert loss["training"][-1] == pytest.approx(2 * everything, rel=0.2)  # a deviance, of 9 tenths


def test_a_loss_has_few_points_and_validation_rows_where_it_stops_early(
    store: ArtifactStore,
) -> None:
    many = training(store, "gradient-boosting-regressor", hyperparameters={"n_estimators": 300})
    loss = train(many, store, nothing).parameters["loss"]
    assert (loss["iterations"][0], loss["iterations"][-1]) == (1, 300)
    assert len(loss["iterations"]) == len(loss["training"]) == 50
    given = {"early_stopping": True, "max_iter": 40}
    early = training(store, "hist-gradient-boosting", hyperparameters=given)
    loss = train(early, store, nothing).parameters["loss"]
    assert loss["iterations"][:2] == [0, 1]
    assert loss["training"][0] == pytest.approx(1.05, abs=0.1)  # three classes of unequal shares
    assert 0 < loss["training"][-1] < 0.1
    assert len(loss["validation"]) == len(loss["training"])
    none = train(training(store, "hist-gradient-boosting"), store, nothing)
    assert "loss" not in none.parameters


def test_a_fit_tells_how_far_it_is_and_gives_the_same_artifact(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = training(store, "gradient-boosting", hyperparameters={"n_estimators": 8})
    plain = train(request, store, nothing)
    seconds = itertools.count(step=0.5)
    monkeypatch.setattr(fit.time, "monotonic", lambda: next(seconds))
    phases: list[str] = []
    watched = train(request, store, phases.append)
    assert phases[:2] == ["reading", "fitting"]
    assert phases[-1] == "storing"
    lines = [phase.split("\n") for phase in phases[2:-1]]
    shares = [float(said.removeprefix("fitting, ").removesuffix("%")) for said, _ in lines]
    losses = [float(loss.split()[1]) for _, loss in lines]
    assert losses == sorted(losses, reverse=True), "of the training rows"
    assert shares == sorted(set(shares))
    assert 1 < len(shares) < 8
    assert watched.artifact.digest == plain.artifact.digest
