"""A model in memory: what it answers, what it refuses, and of what it warns."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.errors import InputError
from autolearn.ml.prediction.online import OnlineModel
from autolearn.ml.prediction.predict import predict
from autolearn.ml.prediction.row_checks import RowsRefused
from tests.ml.prediction.test_predict import asked, rows_of, trained
from tests.support.run_samples import PENGUINS, nothing

ROW = {
    "island": "Dream",
    "bill_length_mm": 39.1,
    "bill_depth_mm": 18.7,
    "flipper_length_mm": 181,
    "body_mass_g": 3750,
    "sex": "male",
    "year": 2007,
}


def opened(tmp_path: Path, estimator: str, **more: Any) -> tuple[ArtifactStore, str, OnlineModel]:
    store = ArtifactStore((tmp_path / "store").as_uri())
    artifact = trained(store, estimator, **more)
    return store, artifact, OnlineModel.open(store, artifact, tmp_path / "scratch")


def flat(answer: dict[str, Any]) -> dict[str, Any]:
    shares = answer.get("probabilities", {})
    told = {name: value for name, value in answer.items() if name != "probabilities"}
    return told | {f"probability_{label}": share for label, share in shares.items()}


@pytest.mark.parametrize(
    ("estimator", "more"),
    [
        ("random-forest", {}),
        ("logistic-regression", {"target": "sex", "threshold": "0.2:male"}),
        ("ridge", {"target": "body_mass_g", "task": "regression"}),
        ("k-means", {"target": None, "task": "clustering"}),
        ("isolation-forest", {"target": None, "task": "anomaly-detection"}),
    ],
)
def test_it_answers_as_a_prediction_of_a_file(tmp_path: Path, estimator: str, more: dict[str, Any]):
    """Bit for bit, gaps and all."""
    store, artifact, model = opened(tmp_path, estimator, **more)
    frame = pd.read_csv(io.BytesIO(PENGUINS))
    records = [
        {name: None if value != value else value for name, value in record.items()}
        for record in frame.astype(object).to_dict("records")
    ]
    said = pd.DataFrame(map(flat, model.answer(records).rows))
    result = predict(asked(store, tmp_path, artifact, PENGUINS), store, nothing)
    expected = rows_of(store, result, tmp_path / "into")["parquet"]
    assert [*said] == [*expected]
    for name in said:
        assert np.array_equal(said[name].to_numpy(), expected[name].to_numpy()), name


def test_a_row_is_refused_with_its_number_and_column(tmp_path: Path):
    *_, model = opened(tmp_path, "random-forest")
    bad = [
        ({k: v for k, v in ROW.items() if k != "sex"}, "sex", "the column is missing"),
        (ROW | {"body_mass_g": "heavy"}, "body_mass_g", 'a number is wanted; got "heavy"'),
        (ROW | {"year": True}, "year", "a number is wanted; got true"),
        (ROW | {"body_mass_g": float("nan")}, "body_mass_g", "it is no finite number"),
        (ROW | {"body_mass_g": 1e400}, "body_mass_g", "it is no finite number"),
        (ROW | {"body_mass_g": 10**400}, "body_mass_g", "it is too large: at most 3.4e+38"),
        (ROW | {"body_mass_g": -1e300}, "body_mass_g", "it is too large: at most 3.4e+38"),
        (ROW | {"island": 7}, "island", "text is wanted; got 7"),
        (ROW | {"island": {"name": "Dream"}}, "island", 'text is wanted; got {"name":"Dream"}'),
    ]
    for record, column, words in bad:
        with pytest.raises(RowsRefused) as refused:
            model.answer([ROW, record])
        (fault,) = refused.value.faults
        assert (fault.row, fault.column, fault.detail) == (1, column, words)
    with pytest.raises(RowsRefused, match="and 680 more"):
        model.answer([{} for _ in range(100)])


def test_warnings_name_what_was_not_in_the_training(tmp_path: Path):
    *_, model = opened(tmp_path, "random-forest")
    odd = ROW | {"island": "Mars", "body_mass_g": 99_000, "year": None, "species": "?", "zone": 1}
    said = model.answer([ROW, odd])
    assert [(one.row, one.column, one.kind) for one in said.warnings] == [
        (1, "body_mass_g", "outside"),
        (1, "year", "gap"),
        (1, "island", "unseen"),
    ]
    assert said.unused == ["zone"], "the target is known, and says nothing"
    assert len(said.rows) == 2


def test_a_batch_of_data_is_checked_by_the_rules_of_the_door(tmp_path: Path):
    store, artifact, model = opened(tmp_path, "logistic-regression")
    odd = [
        ROW,
        ROW | {"island": "Mars", "body_mass_g": 99_000, "year": None, "sex": None},
        ROW | {"island": "Mars", "bill_depth_mm": 0.5},
    ]
    said = Counter(one.kind for one in model.answer(odd).warnings)
    request = asked(store, tmp_path, artifact, pd.DataFrame(odd).to_csv(index=False).encode())
    result = predict(request, store, nothing)
    assert result.warned == said == {"unseen": 2, "outside": 2, "gap": 1}
    assert result.batches[0].warned == said
    assert result.notes[-2:] == (
        "outside the training's range: bill_depth_mm (1), body_mass_g (1)",
        "gaps where the training had none: year (1)",
    )
    large = pd.DataFrame([ROW, ROW | {"body_mass_g": 1e39}]).to_csv(index=False).encode()
    with pytest.raises(RowsRefused, match="row 1: body_mass_g: it is too large"):
        predict(asked(store, tmp_path, artifact, large), store, nothing)


def test_the_rules_say_what_is_hard_and_what_is_soft(tmp_path: Path):
    *_, model = opened(tmp_path, "random-forest", sensitive=("island", "year"))
    found = {one.column: {rule.kind: rule for rule in one.rules} for one in model.rules.columns}
    assert [*found] == [*ROW]
    hard = {"present", "type", "number"}
    assert {kind for of in found.values() for kind in of if of[kind].severity == "hard"} == hard
    assert found["sex"].keys() == {"present", "type", "known"}, "the training had gaps"
    assert found["sex"]["known"].values == ("female", "male")
    assert found["island"]["known"].values == ()
    assert found["year"].keys() == {"present", "type", "number", "filled"}, "it is sensitive"
    assert found["body_mass_g"]["range"].minimum == 2700


def test_the_schema_of_a_row_is_what_the_door_checks(tmp_path: Path):
    *_, model = opened(tmp_path, "random-forest", sensitive=("island", "year"))
    schema: Any = model.schema()
    assert schema["required"] == [*ROW]
    assert schema["properties"]["sex"] == {
        "type": ["string", "null"],
        "examples": ["female", "male"],
    }
    assert schema["properties"]["island"] == {"type": ["string", "null"]}, "it is sensitive"
    assert schema["properties"]["year"] == {"type": ["number", "null"]}
    with pytest.raises(RowsRefused) as refused:
        model.answer([ROW | {"island": 7}])
    assert refused.value.faults[0].detail == "text is wanted"


def test_examples_have_the_values_of_rows_and_are_none_of_them(tmp_path: Path):
    store, artifact, model = opened(tmp_path, "random-forest", sensitive=("year",))
    folder = store.fetch_folder(artifact, tmp_path / "again")
    kept = msgspec.json.decode((folder / "example.json").read_bytes())
    rows = [dict(zip(kept["columns"], row, strict=True)) for row in kept["rows"]]
    assert len(model.examples) == len(rows) > 1
    for name in ROW:
        there = Counter(None if name == "year" else row[name] for row in rows)
        assert Counter(one[name] for one in model.examples) == there
    assert not any(one | {"year": row["year"]} == row for one in model.examples for row in rows)
    assert len(model.answer(model.examples).rows) == len(rows), "they can be asked"


def test_what_cannot_answer_is_not_opened(tmp_path: Path):
    with pytest.raises(InputError, match="assigns no rows but those"):
        opened(tmp_path, "dbscan", target=None, task="clustering")
