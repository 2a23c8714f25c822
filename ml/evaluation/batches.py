"""The held-out rows of a training in batches, and what its artifact says about them.

Of each row the truth and the answers are kept. Where a metric or a plot needs features, those of a
uniform sample of the held-out rows are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from autolearn.ml.datasets.row_batches import RowBatches, rows_of_batch
from autolearn.ml.datasets.sampled_rows import SampledRows
from autolearn.ml.datasets.split import digest_of_rows
from autolearn.ml.errors import InputError
from autolearn.ml.evaluation.rows import EvaluatedRows, written_columns
from autolearn.ml.evaluation.stored_artifact import StoredArtifact
from autolearn.ml.metrics.metric import Metric
from autolearn.schemas.bounds import MIB
from autolearn.schemas.catalog import ANOMALY_DETECTION
from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.training.memory import LIBRARIES

Array = np.ndarray[Any, Any]

_SAMPLE = 20_000
"""Held-out rows whose features are kept for plots, and for metrics of features."""
_READING = 256
"""MiB that reading and answering batches takes."""


@dataclass(frozen=True)
class ScoredRows:
    """The held-out rows, the answers of the estimator's methods for them, and a sample of them."""

    rows: EvaluatedRows
    known: dict[str, Array]
    shown: EvaluatedRows


def score_held_out(
    model: StoredArtifact,
    file: Path,
    read: ReadOptions | None,
    metrics: Iterable[Metric],
    memory_limit: int,
) -> ScoredRows:
    """Read the held-out rows of an artifact's training, and keep what it says about each.

    Raises InputError when the answers need more memory than the limit (MiB), or the file has other
    held-out rows.
    """
    import pandas as pd

    training = model.training
    methods = [
        name for name in ("predict_proba", "decision_function") if hasattr(model.pipeline, name)
    ]
    wanted = ["predict", *methods[:1]]
    _check_memory(model, methods, memory_limit)
    rows = RowBatches(
        file,
        read,
        {column.name: column.type for column in model.schema.columns},
        training.target,
        training.task,
        training.split,
        training.seed,
        written=written_columns(model),
    )
    sample = SampledRows(_SAMPLE, training.seed)
    numbers, truth = list[Array](), list[Array]()
    said: dict[str, list[Array]] = {name: [] for name in wanted}
    for batch in rows.batches(rows_of_batch(len(model.schema.columns))):
        held_out = batch.take(batch.held_out)
        if not len(held_out.numbers):
            continue
        sample.add(held_out)
        numbers.append(held_out.numbers)
        if held_out.answers is not None:
            truth.append(held_out.answers)
        given = model.pipeline[:-1].transform(held_out.features)
        for name, parts in said.items():
            parts.append(np.asarray(getattr(model.pipeline[-1], name)(given)))
    found = np.concatenate(numbers) if numbers else np.zeros(0, np.int64)
    if digest_of_rows(found) != training.held_out_sha256:
        raise InputError(
            "the split gives other held-out rows than it did for the training",
            advice="Train again with the version that is installed now.",
        )
    some = sample.rows()
    assert some is not None, "a training has held-out rows"
    shown = EvaluatedRows(some.features, some.answers, some.numbers)
    if any(metric.needs == "features" for metric in metrics):
        if len(found) > len(some.numbers):
            told = f"measured on {len(some.numbers):,} of the {len(found):,} held-out rows"
            shown = replace(shown, notes=(told,))
        return ScoredRows(shown, {}, shown)
    known = {name: np.concatenate(parts) for name, parts in said.items()}
    answers = np.concatenate(truth) if truth else None
    kept = np.arange(len(found))
    if training.task == ANOMALY_DETECTION and answers is not None:
        labelled = np.flatnonzero(answers != "")
        kept, answers = (labelled, answers[labelled]) if len(labelled) else (kept, None)
        known = {name: values[kept] for name, values in known.items()}
    everything = EvaluatedRows(pd.DataFrame(index=pd.RangeIndex(len(kept))), answers, found[kept])
    return ScoredRows(everything, known, shown)


def _check_memory(model: StoredArtifact, methods: list[str], limit: int) -> None:
    """Raise InputError when the answers for all held-out rows need too much memory."""
    classes = [str(one) for one in getattr(model.pipeline, "classes_", ())]
    scores = len(classes) if methods and len(classes) > 2 else 2
    label = 4 * max(map(len, classes), default=2)
    rows = model.training.rows_test
    needed = LIBRARIES + _READING + 5 * rows * (8 * scores + 3 * label + 8) // (2 * MIB)
    if needed > limit:
        raise InputError(
            f"the answers for {rows:,} held-out rows need about {needed:,} MiB, and the run may "
            f"use {limit:,}",
            advice=f"Give a memory limit of {needed:,}, or train with a smaller held-out fraction.",
        )
