"""Whether a training reads in batches, or is refused, by the memory that it needs."""

from types import SimpleNamespace
from typing import Any

import pytest

from autolearn.api.http.problems import Problem
from autolearn.api.services.trainings.columns import Columns
from autolearn.api.services.trainings.memory import in_batches
from autolearn.api.shared.bodies import TrainingBody
from autolearn.ml.plugins import find_estimator
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.training.memory import memory_of_training
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.values import Column, Split

COLUMNS = (
    *(Column(f"x{number}", "number", distinct=None) for number in range(8)),
    Column("city", "string", distinct=30),
    Column("plan", "string", distinct=3),
    Column("device", "string", distinct=4),
    Column("churned", "string", distinct=2),
)
OFFERS = [SimpleNamespace(spec=find_estimator(name).spec()) for name in ("sgd", "decision-tree")]
RANDOM = Split()
SNAPSHOT: Any = SimpleNamespace(catalog=SimpleNamespace(estimators=lambda: OFFERS))


def decided(estimator: str, rows: int, limit: int, split: Split = RANDOM, **more: Any) -> bool:
    data = DatasetSpec("big", "f" * 64, "parquet", 1, rows, COLUMNS, "", target="churned")
    body = TrainingBody(estimator=estimator, dataset="big", **more)
    columns = Columns(COLUMNS[-1], (), {}, split, None)
    spec = find_estimator(estimator).spec()
    return in_batches(body, spec, data, columns, Preprocessing(), limit, SNAPSHOT)


@pytest.mark.parametrize(
    ("estimator", "rows", "measured"),
    [
        ("dummy", 300_000, 574),
        ("hist-gradient-boosting", 300_000, 632),
        ("decision-tree", 300_000, 575),
        ("dummy", 2_000_000, 1910),
    ],
)
def test_the_estimate_is_above_what_was_measured(estimator: str, rows: int, measured: int):
    features = COLUMNS[:-1]
    about = rows, COLUMNS, features, Preprocessing(), estimator, {}, 0.75
    assert measured <= memory_of_training(*about) <= measured * 1.25


def test_a_dataset_beyond_the_limit_is_read_in_batches_where_that_can_be():
    assert not decided("sgd", 100_000, 1024)
    assert decided("sgd", 20_000_000, 1024)
    assert decided("sgd", 100, 1024, batches=True)


@pytest.mark.parametrize(
    ("estimator", "more", "words"),
    [
        ("decision-tree", {}, r"20,000,000 rows with 11 features need about 1\d,\d{3} MiB"),
        ("decision-tree", {}, "in batches sgd do"),
        ("sgd", {"batches": False}, "let it read in batches"),
        ("sgd", {"split": Split(folds=3)}, "folds are of all rows"),
    ],
)
def test_what_needs_more_memory_is_refused_with_advice(
    estimator: str, more: dict[str, Any], words: str
):
    with pytest.raises(Problem) as refused:
        decided(estimator, 20_000_000, 1024, **more)
    assert refused.value.kind == "memory-short"
    assert refused.match(words) or words in refused.value.detail
