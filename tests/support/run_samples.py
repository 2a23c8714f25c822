"""Requests and stores for the tests of training and evaluation."""

from pathlib import Path
from typing import Any

import numpy as np

from autolearn.artifacts.datasets.profile import schema_hash
from autolearn.artifacts.datasets.table import read_table
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.plugins import load_estimators
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.events import EvaluationRequested, StepRequested, TrainingRequested
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.values import DatasetRef, Split

PENGUINS = (Path(__file__).parents[2] / "examples" / "penguins.csv").read_bytes()
TASKS = {name: one.task for name, one in load_estimators().found.items()}
TARGETS = {
    "classification": "species",
    "regression": "body_mass_g",
    "clustering": None,
    "anomaly-detection": None,
}


def nothing(_: str) -> None:
    """Hear a phase and do nothing."""


def put(store: ArtifactStore, content: bytes) -> DatasetRef:
    """Keep a dataset."""
    return DatasetRef("data", store.put_blob([content]).digest)


def hash_of(store: ArtifactStore, dataset: DatasetRef) -> str:
    """Return the schema hash that the dataset was registered with."""
    table = read_table(store.fetch_blob(dataset.version, Path()))
    return schema_hash(table.types.items())


def training(store: ArtifactStore, model: str = "decision-tree", **more: Any) -> TrainingRequested:
    """Ask for a training; of the penguins, unless said otherwise."""
    dataset = more.pop("dataset", None) or put(store, PENGUINS)
    task = more.pop("task", TASKS.get(model, "classification"))
    fields: dict[str, Any] = {
        "run": "t1",
        "estimator": model,
        "task": task,
        "library_version": "1.9.1",
        "dataset": dataset,
        "target": TARGETS[task],
        "schema_hash": hash_of(store, dataset),
        "hyperparameters": {},
        "split": Split(),
        "preprocessing": Preprocessing(),
        "seed": 7,
        "time_limit": 60.0,
        "memory_limit": 2048,
        "max_attempts": 3,
    }
    return TrainingRequested(**(fields | more))


def evaluation(
    artifact: str, metrics: tuple[str, ...], dataset: DatasetRef, **more: Any
) -> EvaluationRequested:
    """Ask for an evaluation on the held-out rows, unless said otherwise."""
    fields: dict[str, Any] = {
        "run": "e1",
        "training": "t1",
        "artifact": artifact,
        "metrics": metrics,
        "dataset": dataset,
        "held_out": True,
        "time_limit": 60.0,
        "memory_limit": 2048,
        "max_attempts": 3,
    }
    return EvaluationRequested(**(fields | more))


def table_of(rows: int = 60, *, classes: int = 2, seed: int = 0) -> bytes:
    """Return a CSV of two numbers, a category and an answer y."""
    random = np.random.default_rng(seed)
    lines = ["a,b,c,y"]
    for number in range(rows):
        label = number % classes
        a, b = random.normal(label, 0.5), random.normal(-label, 0.5)
        lines.append(f"{a:.4f},{b:.4f},{'pq'[number % 2]},k{label}")
    return "\n".join(lines).encode()


def step(function: str, parameters: dict[str, Any], *tables: DatasetSpec) -> StepRequested:
    """Ask for the function of a step, on tables."""
    return StepRequested(
        run="s1",
        time_limit=60.0,
        memory_limit=2048,
        max_attempts=3,
        pipeline_run="p1",
        step=f"my-{function}",
        function=function,
        package="autolearn",
        package_version="",
        digest="",
        parameters=parameters,
        tables=tables,
        seed=7,
    )
