"""The answers of a model as they are on the log, joined with their truths."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from autolearn.api.services.models.erased_requests import ErasedRequests
from autolearn.api.services.models.prediction_records import clear_content
from autolearn.api.services.models.truths.log_scan import find, scan
from autolearn.api.services.models.truths.records import Truths, truths_since
from autolearn.api.state.context import ApiContext
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.log import Record
from autolearn.runtime.timestamps import text
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.prediction import PRODUCTION, PredictionContent, PredictionRecord
from autolearn.schemas.rest.truths import (
    JoinedTruth,
    ModelTruths,
    Unlabelled,
    UnlabelledRow,
    VersionQuality,
)
from autolearn.security.data_key import Unreadable

_PREDICTION, _PROBABILITY = "prediction", "probability_"
"""The columns of an answer: what was predicted, and the probability of each label."""


class _Outputs(Struct):
    outputs: dict[str, list[Any]]


class SaidRows(NamedTuple):
    """An answered request: its id, when it was recorded, and what was predicted for each row.

    `asked` is the request that was given an answer: another one if this is a shadow's. `labels` are
    those with a probability; `certainty` is the highest one of each row, None without any. Rows
    that are `erased` have none of this.
    """

    record: PredictionRecord
    asked: str
    time: int
    predicted: list[Any]
    labels: tuple[str, ...]
    certainty: list[float] | None
    erased: tuple[int, ...]


def said_rows(
    record: Record, model: str, vault: SessionCipher, erased: ErasedRequests
) -> SaidRows | None:
    """Return the answers in a record; None if it is of another model, or cannot be read.

    None, too, if another record of the same request counts.
    """
    if record.key is None or not record.key.startswith(f"{model}/".encode()):
        return None
    with suppress(MalformedRecord, Unreadable, msgspec.DecodeError):
        about = from_json(record.content, PredictionRecord)
        if not erased.counts(about):
            return None
        gone = () if about.erased is None else about.erased.rows
        outputs = msgspec.json.decode(clear_content(about, vault), type=_Outputs).outputs
        shares = [name for name in outputs if name.startswith(_PROBABILITY)]
        certain = [
            0.0 if at in gone else max(row)
            for at, row in enumerate(zip(*(outputs[name] for name in shares), strict=True))
        ]
        return SaidRows(
            msgspec.structs.replace(about, data=msgspec.UNSET, data_base64=msgspec.UNSET),
            about.shadow_of or about.id,
            record.time,
            outputs.get(_PREDICTION, []),
            tuple(name.removeprefix(_PROBABILITY) for name in shares),
            certain if shares else None,
            gone,
        )
    return None


def _since(context: ApiContext, model: str, since: int) -> tuple[list[SaidRows], Truths, int]:
    """Return the answers since a time, with their truths, and since when these are all of them."""
    truths, reached = truths_since(context, model, since)
    topic, vault = context.topics.predictions.name, context.vault
    erased = ErasedRequests(context.queries.latest().models, model)
    said, also = scan(context.log, topic, since, lambda one: said_rows(one, model, vault, erased))
    whole = max(reached, also)
    said = [one for one in said if one.time >= whole and one.record.purpose == PRODUCTION]
    return said, truths, whole


def joined(context: ApiContext, model: str, since: int, version: int, limit: int) -> ModelTruths:
    """Return the answers since a time (ms since 1970) beside their truths, with metrics (blocks).

    Raises:
        LogError: they cannot be read.
    """
    said, truths, reached = _since(context, model, since)
    said = [one for one in said if version in (0, one.record.version)]
    said.sort(key=lambda one: one.record.id, reverse=True)
    rows = dict[int, int]()
    pairs = dict[int, tuple[list[Any], list[Any]]]()
    items = list[JoinedTruth]()
    for one in said:
        number = one.record.version
        rows[number] = rows.get(number, 0) + one.record.rows
        for row, truth in sorted(truths.get(one.asked, {}).items()):
            if row >= len(one.predicted) or row in one.erased:
                continue
            known = pairs.setdefault(number, ([], []))
            known[0].append(truth.value)
            known[1].append(one.predicted[row])
            if len(items) < limit and not one.record.shadow_of:
                items.append(
                    JoinedTruth(
                        request=one.record.id,
                        row=row,
                        version=number,
                        predicted=one.predicted[row],
                        truth=truth.value,
                        actor=truth.actor,
                        time=truth.time,
                    )
                )
    versions = [
        VersionQuality(
            version=number,
            rows=many,
            truths=len(pairs[number][0]) if number in pairs else 0,
            metrics=_metrics_of(*pairs[number]) if number in pairs else {},
        )
        for number, many in sorted(rows.items())
    ]
    return ModelTruths(
        model=model, since=text(reached), whole=reached <= since, versions=versions, items=items
    )


def _metrics_of(truth: list[Any], predicted: list[Any]) -> dict[str, float]:
    """Return the metrics of answers: of labels accuracy and f1, of numbers rmse and mae."""
    import numpy as np

    from autolearn.ml.metrics import builtin  # scikit-learn takes a second

    if isinstance(predicted[0], str):
        chosen = (builtin.accuracy, builtin.f1)
        pair = (np.array(truth, dtype=object), np.array(predicted, dtype=object))
    else:
        chosen = (builtin.rmse, builtin.mae)
        pair = (np.array(truth, dtype=np.float64), np.array(predicted, dtype=np.float64))
    return {one.name: float(one.compute(*pair)) for one in chosen}


def unlabelled(context: ApiContext, model: str, since: int, limit: int) -> Unlabelled:
    """Return rows without a truth since a time (ms since 1970), the least certain first (blocks).

    Without probabilities the newest ones come first.

    Raises:
        LogError: they cannot be read.
        TooFarApart: as `find`.
    """
    said, truths, reached = _since(context, model, since)
    said = [one for one in said if not one.record.shadow_of and one.predicted]
    said.sort(key=lambda one: one.record.id, reverse=True)
    labels = dict.fromkeys(label for one in said for label in one.labels)
    many = 0

    def open_rows() -> Iterator[tuple[float, int, int, SaidRows]]:
        nonlocal many
        for number, one in enumerate(said):
            known: Mapping[int, object] = truths.get(one.asked, {})
            for row in range(len(one.predicted)):
                if row not in known and row not in one.erased:
                    many += 1
                    yield (1.0 if one.certainty is None else one.certainty[row], number, row, one)

    chosen = heapq.nsmallest(limit, open_rows(), key=lambda of: of[:3])
    inputs = _inputs_of(context, model, [(one.record.id, row) for _, _, row, one in chosen])
    items = [
        UnlabelledRow(
            request=one.record.id,
            row=row,
            time=one.record.time,
            version=one.record.version,
            predicted=one.predicted[row],
            inputs=inputs.get((one.record.id, row), {}),
            certainty=None if one.certainty is None else certainty,
        )
        for certainty, _, row, one in chosen
    ]
    return Unlabelled(
        model=model,
        since=text(reached),
        whole=reached <= since,
        rows=many,
        labels=[*labels],
        items=items,
    )


def _inputs_of(
    context: ApiContext, model: str, rows: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], dict[str, Any]]:
    """Return the inputs of some rows of requests, each by its id and number."""
    wanted = dict[str, list[int]]()
    for request, row in rows:
        wanted.setdefault(request, []).append(row)
    found = dict[tuple[str, int], dict[str, Any]]()
    erased = ErasedRequests(context.queries.latest().models, model)

    def take(record: Record) -> bool | None:
        with suppress(MalformedRecord, Unreadable, msgspec.DecodeError):
            about = from_json(record.content, PredictionRecord)
            if not erased.counts(about):
                return None
            content = msgspec.json.decode(
                clear_content(about, context.vault), type=PredictionContent
            )
            for row in wanted[about.id]:
                found[about.id, row] = {name: of[row] for name, of in content.inputs.items()}
        return True

    find(context.log, context.topics.predictions.name, model, wanted, take, erased)
    return found
