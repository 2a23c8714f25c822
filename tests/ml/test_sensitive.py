"""Of sensitive columns no value is told: not in what a run gives back, nor in why it failed."""

from pathlib import Path

import msgspec
import pytest

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml import tasks
from autolearn.ml.errors import InputError, WorkFailed, quietly
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.training.train import train
from autolearn.schemas.training.preprocess import Preprocessing
from tests.support.run_samples import evaluation, nothing, put, table_of, training

VALUES = ("female", "male", "Adelie", "Chinstrap", "Gentoo")
SENSITIVE = ("sex", "species", "year")
MODELS = ["logistic-regression", "random-forest", "naive-bayes"]


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


@pytest.mark.parametrize("encode", ["one-hot", "ordinal"])
@pytest.mark.parametrize("model", MODELS)
def test_neither_results_nor_files_have_a_value(store: ArtifactStore, model: str, encode: str):
    how = Preprocessing(encode=encode)
    request = training(store, model, sensitive=SENSITIVE, preprocessing=how)
    result = train(request, store, nothing)
    folder = store.fetch_folder(result.artifact.digest, Path())
    texts = [path.read_text() for path in folder.iterdir() if path.suffix == ".json"]
    assert len(texts) >= 5
    for text in (*texts, msgspec.json.encode(result).decode()):
        assert not [value for value in VALUES if value in text]
    assert any("Torgersen" in text for text in texts), "what is not sensitive is told"
    assert not any("2007" in text.split() for text in texts)
    if encode == "one-hot":
        assert {"sex_1", "sex_2"} <= {*result.parameters["features"]}
    asked = evaluation(result.artifact.digest, ("accuracy", "confusion-matrix"), request.dataset)
    found = evaluate(asked, store, nothing).results  # the model's folder says it as well
    assert found["confusion-matrix"]["labels"] == ["1", "2", "3"]
    assert found["accuracy"] > 0.5


def test_the_same_is_trained_whether_values_are_told_or_not(store: ArtifactStore):
    told, untold = training(store, "svm"), training(store, "svm", sensitive=SENSITIVE)
    models = [train(one, store, nothing).artifact.files["model.skops"] for one in (told, untold)]
    assert models[0] == models[1]


def test_a_secret_number_is_learned_without_its_histogram(store: ArtifactStore):
    request = training(store, "ridge", sensitive=("body_mass_g",))
    folder = store.fetch_folder(train(request, store, nothing).artifact.digest, Path())
    assert msgspec.json.decode((folder / "profile.json").read_bytes())["scores"] == {}


def test_why_it_failed_names_no_class(store: ArtifactStore):
    rows = table_of() + b"\n1.0,1.0,p,mr-secret"
    for sensitive, told in (((), True), (("y",), False)):
        request = training(store, "svm", dataset=put(store, rows), target="y", sensitive=sensitive)
        with pytest.raises(InputError, match="one row only") as caught:
            tasks.training(msgspec.json.encode(request), store, nothing)
        assert ("mr-secret" in str(caught.value.detail)) is told


def test_words_of_a_library_are_left_out():
    with pytest.raises(WorkFailed) as caught, quietly(("age",)):
        float("mr-secret")
    assert "ValueError" in caught.value.detail
    assert "mr-secret" not in caught.value.detail
    assert caught.value.__suppress_context__
    with pytest.raises(ValueError, match="mr-secret"), quietly(()):
        float("mr-secret")
