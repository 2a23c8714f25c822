"""One training, from a request to a folder in the store."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.datasets.split import part
from autolearn.ml.errors import InputError
from autolearn.ml.models import skops_file
from autolearn.ml.plugins import find_estimator, load_estimators
from autolearn.ml.training.train import train
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.values import DatasetRef, Split
from tests.support.run_samples import PENGUINS, nothing, put, table_of, training

MODELS = sorted(load_estimators().found)
FILES = [
    "environment.json",
    "example.json",
    "model.skops",
    "plan.json",
    "profile.json",
    "schema.json",
    "training.json",
]


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


def read(store: ArtifactStore, digest: str, name: str) -> dict:
    return json.loads((store.fetch_folder(digest, Path()) / name).read_bytes())


@pytest.mark.parametrize("model", MODELS)
def test_every_model_learns_the_penguins(store: ArtifactStore, model: str) -> None:
    phases: list[str] = []
    request = training(store, model)
    result = train(request, store, phases.append)
    assert [one for one in phases if not one.startswith("fitting, ")] == [
        "reading",
        "fitting",
        "storing",
    ]
    assert sorted(result.artifact.files) == FILES
    known = 342 if request.target == "body_mass_g" else 344  # two were not weighed
    assert result.rows_train + result.rows_test == known
    assert 0 < result.fit_seconds < result.seconds
    assert result.parameters["features"]
    assert len(msgspec.json.encode(result)) < 100_000
    json.dumps(msgspec.to_builtins(result), allow_nan=False)


PROGRAM = """
import sys
from autolearn.ml.plugins import load_estimators
from autolearn.ml.training.train import train
from autolearn.artifacts.store.store import ArtifactStore
from tests.support.run_samples import nothing, training
store = ArtifactStore(sys.argv[1])
for model in sys.argv[3:]:
    print(train(training(store, model, run=sys.argv[2]), store, nothing).artifact.digest)
"""


@pytest.mark.long
@pytest.mark.parametrize("number", ["1", "2"])
def test_the_same_request_gives_the_same_bytes_in_any_process(tmp_path: Path, number: str) -> None:
    models = sorted(load_estimators().found)
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM, (tmp_path / "there").as_uri(), str(uuid.uuid4()), *models],
        env={**os.environ, "PYTHONHASHSEED": number, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=True,
    )
    here = ArtifactStore((tmp_path / "here").as_uri())
    ours = [train(training(here, model), here, nothing).artifact.digest for model in models]
    assert len(set(ours)) == len(models)
    assert child.stdout.split() == ours


def test_another_seed_gives_another_model(store: ArtifactStore) -> None:
    digests = {train(training(store, seed=seed), store, nothing).artifact.digest for seed in (1, 2)}
    assert len(digests) == 2


def test_rows_without_a_target_are_left_out_and_counted(store: ArtifactStore) -> None:
    rows = [f"{n},{'' if n % 10 == 3 else 'ab'[n % 2]}" for n in range(40)]
    dataset = put(store, "\n".join(("x,y", *rows)).encode())
    result = train(training(store, dataset=dataset, target="y"), store, nothing)
    assert (result.rows_train + result.rows_test, result.parameters["rows_without_target"]) == (
        36,
        4,
    )


def test_the_folder_says_all_that_is_needed_later(store: ArtifactStore) -> None:
    request = training(store, "random-forest", hyperparameters={"n_estimators": 5})
    result = train(request, store, nothing)
    digest = result.artifact.digest
    schema = read(store, digest, "schema.json")
    columns = {column["name"]: column for column in schema["columns"]}
    assert columns["sex"] == {
        "name": "sex",
        "type": "string",
        "categories": ["female", "male"],
        "nullable": True,
    }
    assert (columns["year"]["minimum"], columns["year"]["maximum"]) == (2007, 2009)
    assert columns["year"]["nullable"] is False
    assert schema["target"]["classes"] == ["Adelie", "Chinstrap", "Gentoo"]

    profile = read(store, digest, "profile.json")
    bill = profile["features"]["bill_length_mm"]
    assert sum(bill["counts"]) + bill["missing"] == result.rows_train
    assert bill["edges"] == sorted(bill["edges"])
    assert len(bill["edges"]) == len(bill["counts"]) + 1
    sex = profile["features"]["sex"]
    assert sum(sex["values"].values()) + sex["missing"] + sex["other"] == result.rows_train
    assert sum(profile["scores"]["predictions"].values()) == result.rows_test
    assert sum(profile["scores"]["confidence"]["counts"]) == result.rows_test

    assert len(read(store, digest, "example.json")["rows"]) == 5
    environment = read(store, digest, "environment.json")
    assert environment == result.environment
    assert environment["threads"] == 1
    assert environment["libraries"]["scikit-learn"].startswith("1.9")
    assert os.uname().nodename not in json.dumps(environment)
    assert str(Path.home()) not in json.dumps(environment)
    recorded = read(store, digest, "training.json")
    assert recorded["hyperparameters"] == {"n_estimators": 5}
    assert recorded["dataset"]["version"] == request.dataset.version
    assert "run" not in recorded


def test_rows_without_a_target_are_left_out(store: ArtifactStore) -> None:
    rows = table_of().decode().splitlines()
    for number in range(10, 61, 10):
        rows[number] = rows[number].rpartition(",")[0] + ","
    request = training(store, dataset=put(store, "\n".join(rows).encode()), target="y")
    result = train(request, store, nothing)
    assert result.rows_train + result.rows_test == 54


@pytest.mark.parametrize("impute", ["mean", "median", "most-frequent"])
@pytest.mark.parametrize("scale", ["standard", "min-max", "none"])
@pytest.mark.parametrize("encode", ["one-hot", "ordinal"])
def test_every_preprocessing(store: ArtifactStore, impute: str, scale: str, encode: str) -> None:
    how = Preprocessing(impute, scale, encode)
    result = train(training(store, preprocessing=how), store, nothing)
    assert len(result.parameters["features"]) == (10 if encode == "one-hot" else 7)


def test_timestamps_booleans_and_columns_that_are_empty_in_training(store: ArtifactStore) -> None:
    lines = ["when,ok,rare,word,y"]
    for number in range(40):
        rare = "5,only" if number == 0 else ","
        day, ok = number % 28 + 1, "true" if number % 3 else "false"
        lines.append(f"2024-01-{day:02},{ok},{rare},k{number % 2}")
    dataset = put(store, "\n".join(lines).encode())
    for seed in range(4):  # whichever part the one rare row is in
        result = train(
            training(store, "logistic-regression", dataset=dataset, target="y", seed=seed),
            store,
            nothing,
        )
        assert result.rows_test == 10


def test_what_is_deprecated_of_ours_is_no_warning(store: ArtifactStore) -> None:
    found = train(training(store, "logistic-regression"), store, nothing)
    assert "warnings" not in found.parameters


def test_warnings_are_kept_with_the_parameters(store: ArtifactStore) -> None:
    request = training(store, "logistic-regression", hyperparameters={"max_iter": 1})
    warnings = train(request, store, nothing).parameters["warnings"]
    assert warnings == ["the fit stopped before it had converged: give max_iter a higher value"]


def test_large_parameters_are_shortened(store: ArtifactStore) -> None:
    rows = ["word,y", *(f"w{number},k{number % 2}" for number in range(600))]
    dataset = put(store, "\n".join(rows).encode())
    request = training(store, "logistic-regression", dataset=dataset, target="y")
    found = train(request, store, nothing).parameters
    assert found["coefficients"]["shape"] == [1, 256]
    assert len(found["coefficients"]["first"]) == 20


@pytest.mark.parametrize(
    ("content", "more", "words"),
    [
        (table_of(), {"target": "z"}, "no column 'z' to be the target"),
        (table_of(), {"target": None}, "learns a target, and none was named"),
        (table_of(), {"target": "y", "task": "regression"}, "not for regression"),
        (table_of(), {"target": "y", "schema_hash": "f" * 64}, "not those for which"),
        (table_of(classes=1), {"target": "y"}, "one class only, k0"),
        (table_of(3), {"target": "y"}, "the class k1 has one row only"),
        (table_of(4, classes=2), {"target": "y"}, "cannot hold all 2 classes"),
        (table_of(), {"target": "y", "split": Split(test=1.0)}, "not between 0 and 1"),
        (table_of(1), {"target": "a", "split": Split(stratify=False)}, "one class only"),
        (b"y\na\nb\n", {"target": "y"}, "no column besides the target"),
        (
            "\n".join(["x,y", *(f"1,c{n}" for n in range(1500))]).encode(),
            {"target": "y"},
            "1500 different values",
        ),
        (table_of(), {"target": "y", "estimator": "magic"}, "no estimator 'magic'"),
        (
            table_of(),
            {"target": "y", "preprocessing": Preprocessing(scale="log")},
            "'log' is no way to scale",
        ),
    ],
)
def test_what_does_not_fit(store: ArtifactStore, content: bytes, more: dict, words: str) -> None:
    if more.get("target") is not None and content[:3] == b"y\na":
        more = {**more, "split": Split(stratify=False)}
    with pytest.raises(InputError, match=words):
        train(training(store, dataset=put(store, content), **more), store, nothing)


def test_a_regression_on_words(store: ArtifactStore) -> None:
    with pytest.raises(InputError, match="species holds string values"):
        train(training(store, "ridge", target="species"), store, nothing)


def test_a_dataset_that_is_damaged(store: ArtifactStore) -> None:
    with pytest.raises(DatasetRefused, match="Line 3"):
        train(
            training(store, dataset=put(store, b"a,y\n1,x\n2\n"), target="y", schema_hash=""),
            store,
            nothing,
        )


def test_a_training_part_of_one_class_says_what_to_do(store: ArtifactStore) -> None:
    rare = put(store, b"x,y\n" + b"".join(b"%d,%s\n" % (n, b"ab"[n == 7 :][:1]) for n in range(40)))
    held_out = {"dataset": rare, "target": "y", "split": Split(stratify=False)}
    asked = training(store, "logistic-regression", **held_out)
    seed = next(s for s in range(99) if 7 not in part(np.arange(40), None, asked.split, s).train)
    with pytest.raises(InputError) as caught:
        train(replace(asked, seed=seed), store, nothing)
    detail = caught.value.detail
    assert detail.startswith("the 30 rows to fit on have one class of y only, a:")
    assert "stratify" in caught.value.advice
    assert " a:" not in caught.value.quiet


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("sex,sex_male\nmale,1\nfemale,2\n", ["sex_male", "sex_female", "sex=male"]),
        ("a,a_b\nb_c,c\nx,y\n", ["a=b_c", "a_x", "a_b=c", "a_b_y"]),
        (
            f"long\n{'x' * 300}1\n{'x' * 300}2\n",
            [f"long={'x' * 184}… (2)", f"long={'x' * 184}… (3)"],
        ),
        ("plain,n\nu,1\nv,2\n", ["n", "plain_u", "plain_v"]),
    ],
)
def test_no_two_features_have_one_name(
    store: ArtifactStore, content: str, names: list[str]
) -> None:
    head, *rows = content.splitlines()
    lines = [f"{head},y", *(f"{row},{'pq'[n % 2]}" for n, row in enumerate(rows * 20))]
    dataset = put(store, "\n".join(lines).encode())
    found = train(training(store, dataset=dataset, target="y"), store, nothing)
    shown = found.parameters["features"]
    assert len({*shown}) == len(shown) == len(names)
    if not head.startswith("long"):
        assert shown == names
    assert {name for name, _ in found.parameters["importances"]} == {*shown}
    assert max(map(len, shown)) <= 200
    folder = store.fetch_folder(found.artifact.digest, Path())
    pipeline = skops_file.load(
        folder / "model.skops", find_estimator("decision-tree").allowed_types()
    )
    assert len(pipeline[:-1].get_feature_names_out()) == len(names)


def test_what_the_library_refuses_is_said_in_words(store: ArtifactStore) -> None:
    words = "cannot learn from these .* newton-cholesky supports only 'l2' or null penalties"
    with pytest.raises(InputError, match=words):
        train(
            training(
                store,
                "logistic-regression",
                hyperparameters={"solver": "newton-cholesky", "l1_ratio": 0.5},
            ),
            store,
            nothing,
        )


def test_the_split_keeps_the_balance_and_parts_all_rows() -> None:
    rows = np.arange(5, 105)
    labels = np.array(["a"] * 80 + ["b"] * 20)
    parts = part(rows, labels, Split(), seed=3)
    assert sorted([*parts.train, *parts.test]) == list(rows)
    assert (labels[parts.test - 5] == "b").sum() == 5
    assert part(rows, labels, Split(), seed=3).fingerprint == parts.fingerprint
    assert part(rows, labels, Split(), seed=4).fingerprint != parts.fingerprint


def test_parquet_gives_the_same_model_as_csv(store: ArtifactStore, tmp_path: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    (tmp_path / "p.csv").write_bytes(PENGUINS)
    strings = pyarrow.csv.ConvertOptions(strings_can_be_null=True, null_values=["NA", ""])
    table = pyarrow.csv.read_csv(tmp_path / "p.csv", convert_options=strings)
    pyarrow.parquet.write_table(table, tmp_path / "p.parquet")
    content = (tmp_path / "p.parquet").read_bytes()
    one = train(training(store), store, nothing).artifact
    other = train(training(store, dataset=put(store, content)), store, nothing).artifact
    assert one.files["model.skops"] == other.files["model.skops"]


def test_a_dataset_that_is_not_in_the_store(store: ArtifactStore) -> None:
    from autolearn.artifacts.store.errors import ArtifactMissing

    request = training(store)
    with pytest.raises(ArtifactMissing):
        train(msgspec.structs.replace(request, dataset=DatasetRef("x", "0" * 64)), store, nothing)
