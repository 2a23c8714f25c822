"""Models and metrics of other packages."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from autolearn.ml import plugins
from autolearn.ml.entry_points import ESTIMATORS, METRICS
from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import Estimator
from autolearn.ml.metrics.metric import Metric
from autolearn.ml.plugins import find_estimator, load, load_estimators

EXTRA = Path(__file__).parents[2] / "examples" / "autolearn-extra"

PROGRAM = """
import json, sys
from autolearn.ml.plugins import load_estimators, load_metrics
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.training.train import train
from autolearn.artifacts.store.store import ArtifactStore
from tests.support.run_samples import evaluation, nothing, training

estimators, metrics = load_estimators(), load_metrics()
store = ArtifactStore(sys.argv[1])
request = training(store, "nearest-centroid", hyperparameters={"shrink_threshold": 0.1})
model = train(request, store, nothing).artifact.digest
scores = evaluate(evaluation(model, ("cohen-kappa",), request.dataset), store, nothing)
print(json.dumps({
    "problems": [*estimators.problems, *metrics.problems],
    "estimators": sorted(estimators.found),
    "metrics": sorted(metrics.found),
    "library": estimators.found["nearest-centroid"].spec().library,
    "scores": scores.results,
}))
"""


def installed(target: Path) -> None:
    """Install the example as a third party would, but offline and into a folder."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    options = ["--no-build-isolation", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([*command, *options, str(EXTRA)], check=True, capture_output=True)


def test_a_package_adds_a_model_and_a_metric(tmp_path: Path) -> None:
    installed(tmp_path / "packages")
    paths = [str(tmp_path / "packages"), str(Path.cwd())]
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM, (tmp_path / "store").as_uri()],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(said.stdout)
    assert found["problems"] == []
    assert "nearest-centroid" in found["estimators"]
    assert "random-forest" in found["estimators"]
    assert "cohen-kappa" in found["metrics"]
    assert found["library"] == "scikit-learn"
    assert found["scores"]["cohen-kappa"] > 0.9


def test_it_takes_about_ten_lines_each() -> None:
    lines = (EXTRA / "autolearn_extra.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 25


def distribution(folder: Path, name: str, entries: dict[str, str]) -> metadata.Distribution:
    """Make what pip leaves of an installed package."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    text = "".join(f"{key} = {value}\n" for key, value in entries.items())
    (info / "entry_points.txt").write_text(f"[{ESTIMATORS}]\n{text}")
    return metadata.Distribution.at(info)


OURS = "autolearn.ml.estimators.builtin"


def entries_of(*distributions: metadata.Distribution) -> metadata.EntryPoints:
    return metadata.EntryPoints(
        entry for one in distributions for entry in one.entry_points if entry.group == ESTIMATORS
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("gone", "no_such_module:x", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("absent", f"{OURS}:no_such_name", "AttributeError"),
        ("other", "math:pi", "it is a float, not an autolearn Estimator"),
        ("metric", "autolearn.ml.metrics.builtin:f1", "it is a Metric, not an autolearn Estimator"),
        ("alias", f"{OURS}:svm", "it calls itself 'svm'"),
    ],
)
def test_a_broken_plug_in_is_named_and_left_out(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    broken = distribution(tmp_path, "broken-extra", {name: value, "ridge": f"{OURS}:ridge"})
    offer = load(ESTIMATORS, Estimator, entries_of(broken))
    assert list(offer.found) == ["ridge"]
    (problem,) = offer.problems
    assert words in problem
    assert f"The estimator {name!r} of broken-extra" in problem
    assert "left out" in problem


def test_an_estimator_whose_extra_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    monkeypatch.delitem(sys.modules, "autolearn.ml.estimators.lightgbm", raising=False)
    offer = load_estimators()
    assert "lightgbm" not in offer.found
    assert offer.problems == ()
    plugins._find.cache_clear()
    with pytest.raises(InputError, match=r"lightgbm needs autolearn\[lightgbm\]: `pip install"):
        find_estimator("lightgbm")


def test_two_of_the_same_name(tmp_path: Path) -> None:
    theirs = distribution(tmp_path, "aaa", {"svm": f"{OURS}:ridge"})
    ours = distribution(tmp_path, "autolearn", {"svm": f"{OURS}:svm"})
    offer = load(ESTIMATORS, Estimator, entries_of(theirs, ours))
    assert offer.found["svm"].task == "classification"
    assert offer.problems == (
        "aaa and autolearn both offer the estimator 'svm'; the one of autolearn is used.",
    )


def test_ours_come_through_the_same_door() -> None:
    groups = {
        entry.name: entry.group
        for group in (ESTIMATORS, METRICS)
        for entry in metadata.entry_points(group=group)
    }
    assert groups["svm"] == ESTIMATORS
    assert groups["silhouette"] == METRICS
    assert load_estimators().problems == ()
    for group, kind in ((ESTIMATORS, Estimator), (METRICS, Metric)):
        for entry in metadata.entry_points(group=group):
            assert isinstance(entry.load(), kind)


def test_a_model_that_is_not_installed() -> None:
    with pytest.raises(InputError, match="this worker has no estimator 'gpt'") as caught:
        find_estimator("gpt")
    assert "Install the package" in caught.value.advice
