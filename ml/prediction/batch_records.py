"""What was predicted, in counts: a record for each batch of rows, for those who monitor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from autolearn.ml.training.feature_profile import CONFIDENCE, counts_between
from autolearn.schemas.bounds import BATCHES_BYTES
from autolearn.schemas.results import PredictedBatch

Array = np.ndarray[Any, Any]


class _Scores(Struct, frozen=True):
    edges: tuple[float, ...] = ()
    confidence: dict[str, Any] = {}


class _Profile(Struct, frozen=True):
    """`profile.json`, as far as it has the edges of scores."""

    scores: _Scores = _Scores()


def score_edges(artifact: Path) -> tuple[float, ...]:
    """Return the edges between which the training's scores were counted; () if there are none."""
    scores = msgspec.json.decode((artifact / "profile.json").read_bytes(), type=_Profile).scores
    edges = tuple(CONFIDENCE.tolist()) if scores.confidence else scores.edges
    return edges if len(edges) > 1 and edges[0] < edges[-1] else ()


def batch_record(
    said: Mapping[str, Array],
    edges: Sequence[float],
    warned: Mapping[str, int] = MappingProxyType({}),
    *,
    hidden: bool,
) -> PredictedBatch:
    """Return the record of the predictions for some rows; classes that are `hidden` not counted."""
    first = next(iter(said.values()))
    probabilities = [values for name, values in said.items() if name.startswith("probability_")]
    scores: Array | None = np.max(probabilities, axis=0) if probabilities else None
    if scores is None and np.issubdtype(first.dtype, np.floating):
        scores = first
    counts = {} if hidden else _counted(said)
    if scores is None or not edges:
        return PredictedBatch(len(first), counts, warned={**warned})
    return PredictedBatch(
        len(first), counts, (*counts_between(scores, np.array(edges)),), {**warned}
    )


def _counted(said: Mapping[str, Array]) -> dict[str, int]:
    """Count the rows by class, cluster, or anomaly; {} where numbers are predicted."""
    first = next(iter(said.values()))
    if np.issubdtype(first.dtype, np.floating):
        return {}
    found, many = np.unique(first, return_counts=True)
    words = [str(one).lower() if "anomaly" in said else str(one) for one in found.tolist()]
    return dict(zip(words, many.tolist(), strict=True))


def together(batches: Iterable[PredictedBatch]) -> PredictedBatch:
    """Return one record for all rows of some."""
    rows, counts, scores, warned = 0, Counter[str](), Counter[int](), Counter[str]()
    for one in batches:
        rows += one.rows
        counts.update(one.counts)
        scores.update(dict(enumerate(one.scores)))
        warned.update(one.warned)
    return PredictedBatch(rows, dict(counts), (*scores.values(),), dict(warned))


def shortened(batches: list[PredictedBatch]) -> tuple[PredictedBatch, ...]:
    """Return records of twice as many rows each, until they have at most BATCHES_BYTES."""
    while len(batches) > 1 and len(msgspec.json.encode(batches)) > BATCHES_BYTES:
        batches = [together(batches[at : at + 2]) for at in range(0, len(batches), 2)]
    return (*batches,)
